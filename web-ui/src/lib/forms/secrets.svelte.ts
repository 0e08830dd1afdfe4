// Which secrets the gateway has of a node. It never says what they are, and what is typed here is only kept until it is deployed.

import { untrack } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';

import { ask } from '../api/client';
import type { Item } from '../doc/item';
import { t } from '../i18n/i18n.svelte';
import type { Editor } from '../state/editor.svelte';

export type SecretState = 'set' | 'unset' | 'new' | 'removed' | 'asking' | 'unknown';

/** The state for a person. */
export const wordsOf = (state: SecretState): string =>
  ({
    set: t('Set'),
    unset: t('Not set'),
    new: t('New, not deployed yet'),
    removed: t('Removed, not deployed yet'),
    asking: t('Asking the gateway …'),
    unknown: t('Not known'),
  })[state];

type Names = ReadonlySet<string> | 'asking' | 'unknown';

export class Secrets {
  #editor: Editor;
  #known = new SvelteMap<string, Names>();

  constructor(editor: Editor) {
    this.#editor = editor;
  }

  /** For an effect: asks for a node's once a revision, and what was not told again, when the gateway is there again at the latest. */
  look(item: Item): void {
    void this.#editor.live.connection;
    untrack(() => this.#ask(item, this.#key(item)));
    void this.#editor.draft.base;
  }

  #ask(item: Item, key: string): void {
    if (this.#known.has(key) && this.#known.get(key) !== 'unknown') return;
    if (!this.#runs(item)) {
      this.#known.set(key, new Set());
      return;
    }
    this.#known.set(key, 'asking');
    ask<Record<string, boolean>>(`/credentials/${encodeURIComponent(item.type)}/${encodeURIComponent(item.id)}`).then(
      (has) => this.#known.set(key, new Set(Object.keys(has).filter((name) => has[name]).map((name) => name.replace(/^has_\/?/, '')))),
      () => this.#known.set(key, 'unknown'),
    );
  }

  /** Of a secret among the node's credentials, or of a setting: `env/NAME`. */
  stateOf(item: Item, name: string): SecretState {
    const typed = (item.credentials as Record<string, unknown> | undefined)?.[name];
    if (typed !== undefined) return typed === '' ? 'removed' : 'new';
    const known = this.#known.get(this.#key(item)) ?? 'asking';
    if (known === 'asking' || known === 'unknown') return known;
    return known.has(name) ? 'set' : 'unset';
  }

  /** Names of all that a node has, here or there. */
  names(item: Item): string[] {
    const known = this.#known.get(this.#key(item));
    const typed = Object.keys((item.credentials as Record<string, unknown> | undefined) ?? {});
    return [...new Set([...(known instanceof Set ? (known as ReadonlySet<string>) : []), ...typed])].sort();
  }

  #key(item: Item): string {
    return `${this.#editor.draft.base.number} ${item.type} ${item.id}`;
  }

  #runs(item: Item): boolean {
    return this.#editor.draft.base.items.some((one) => one.id === item.id && one.type === item.type);
  }
}

const all = new WeakMap<Editor, Secrets>();

export function secretsOf(editor: Editor): Secrets {
  let secrets = all.get(editor);
  if (!secrets) all.set(editor, (secrets = new Secrets(editor)));
  return secrets;
}
