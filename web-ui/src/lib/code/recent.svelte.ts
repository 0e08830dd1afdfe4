// The last messages at a node, while somebody wants to know what they look like: for completion, previews and paths.

import { tapsOf } from '../live/taps.svelte';
import type { Editor } from '../state/editor.svelte';

const MOST = 20;

type Message = Readonly<Record<string, unknown>>;

export class Recent {
  #editor: Editor;
  #node: string;
  /** What was there when nobody held the tap any more: it still tells what messages look like. */
  #before: readonly Message[] = [];

  constructor(editor: Editor, node: string) {
    this.#editor = editor;
    this.#node = node;
  }

  /** Whether this person may see messages. */
  get allowed(): boolean {
    return this.#editor.session.may('payloads');
  }

  /** The oldest first. */
  get messages(): readonly Message[] {
    const now = tapsOf(this.#editor).recentAt(this.#node).filter(isMessage).slice(-MOST);
    return now.length > 0 ? now : this.#before;
  }

  /** From now on messages are kept, until the function that it gives is called. */
  want(): () => void {
    if (!this.allowed) return () => undefined;
    const release = tapsOf(this.#editor).hold(this.#node);
    return () => {
      this.#before = this.messages;
      release();
    };
  }
}

const isMessage = (value: unknown): value is Message => typeof value === 'object' && value !== null && !Array.isArray(value);

const all = new WeakMap<Editor, Map<string, Recent>>();
/** Nodes whose messages are kept; of the one that was looked at longest ago they are forgotten. */
const MOST_NODES = 16;

export function recentOf(editor: Editor, node: string): Recent {
  const known = all.get(editor) ?? new Map<string, Recent>();
  all.set(editor, known);
  const recent = known.get(node) ?? new Recent(editor, node);
  known.delete(node);
  known.set(node, recent);
  for (const old of known.keys()) {
    if (known.size <= MOST_NODES) break;
    known.delete(old);
  }
  return recent;
}
