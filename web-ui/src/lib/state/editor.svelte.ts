// Everything that the parts of the editor share, and nothing of what they do. It comes to them as a Svelte context.

import { getContext, setContext } from 'svelte';

import { NodeTypes } from '../api/node-types';
import { Live } from '../live/live.svelte';
import type { LiveApi } from '../live/types';
import { Deploys } from './deploys.svelte';
import { Draft } from './draft.svelte';
import { Keeping } from './keeping.svelte';
import { Notices } from './notices.svelte';
import { Selection } from './selection.svelte';
import { Session } from './session.svelte';
import { View } from './view.svelte';

const KEY = Symbol('editor');

export class Editor {
  readonly session = new Session();
  readonly draft = new Draft();
  readonly selection = new Selection();
  readonly view = new View();
  readonly notices = new Notices();
  readonly live: LiveApi = new Live();
  readonly deploys = new Deploys(this.draft, this.live, this.notices, this.session);
  readonly keeping = new Keeping(this.draft, () => this.types);
  types = $state.raw(new NodeTypes([]));

  constructor() {
    this.live.on('refused', () => void this.session.look());
  }

  /** Goes to an item, wherever it is, and chooses it. */
  show(id: string): void {
    const item = this.draft.doc.get(id);
    if (!item) return;
    const place = item.type === 'tab' || item.type === 'subflow' ? id : String(item.z ?? '');
    this.view.page = '';
    this.view.sheet = '';
    if (place) this.view.flow = place;
    if (place !== id) this.selection.only(id);
    this.shown = { id, at: performance.now() };
  }

  /** Goes to an item, opens its form, and there the field that the pointer names. */
  showField(id: string, pointer: string): void {
    this.show(id);
    // The form of a flow is there while nothing is chosen.
    if (!this.selection.items.has(id)) this.selection.clear();
    this.view.field = { item: id, pointer };
    this.view.reveal('inspector');
  }

  /** What was asked to be shown last: the canvas brings it into view. */
  shown = $state.raw<{ readonly id: string; readonly at: number } | undefined>();
}

export const provideEditor = (editor: Editor): Editor => setContext(KEY, editor);
export const useEditor = (): Editor => getContext<Editor>(KEY);
