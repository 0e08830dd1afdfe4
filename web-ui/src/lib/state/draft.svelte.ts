// The document being edited, as signals: what reads an item follows that item, and nothing else is drawn again.

import { SvelteMap } from 'svelte/reactivity';

import { FlowDoc, type Change, type Edit, type Step } from '../doc/flow-doc';
import { kindOf, placeOf, same, type Item } from '../doc/item';

/** What the gateway runs, as far as this page knows. */
export interface Base {
  readonly items: readonly Item[];
  readonly rev: string;
  readonly number: number;
}

export class Draft {
  /** The document itself, for what only reads and computes. It tells nobody that it was read: templates use what is below. */
  readonly doc = new FlowDoc();
  /** What runs. Everything that differs from it is not deployed. */
  base = $state.raw<Base>({ items: [], rev: '', number: 0 });
  #items = new SvelteMap<string, Item>();
  #places = new SvelteMap<string, number>();
  #structure = $state(0);
  #version = $state(0);
  #deployed = new Map<string, Item>();

  constructor() {
    this.doc.onChange((change) => this.#changed(change));
  }

  /** Goes up with every change. */
  get version(): number {
    return this.#version;
  }

  item(id: string): Item | undefined {
    return this.#items.get(id);
  }

  /** What is on a tab or in a subflow. Follows what comes and goes there, and moves between groups and places. */
  on(place: string): Item[] {
    void this.#places.get(place);
    return this.doc.on(place);
  }

  /** Tabs and subflows, in order. */
  get flows(): Item[] {
    void this.#structure;
    return this.doc.items().filter((item) => kindOf(item) === 'flow' || kindOf(item) === 'subflow');
  }

  get configs(): Item[] {
    void this.#structure;
    return this.doc.items().filter((item) => kindOf(item) === 'config');
  }

  get nextUndo(): string | undefined {
    void this.#version;
    return this.doc.nextUndo;
  }

  get nextRedo(): string | undefined {
    void this.#version;
    return this.doc.nextRedo;
  }

  edit(label: string, work: (edit: Edit) => void, joins?: string): Step | undefined {
    return this.doc.edit(label, work, joins);
  }

  /** Undoes what has just been done, for a button that is seen for a while: what was done since then is not undone in its place. */
  undoing(): () => boolean {
    const version = this.#version;
    return () => {
      if (this.#version !== version) return false;
      this.doc.undo();
      return true;
    };
  }

  /** Whether an item is otherwise than what runs. */
  isChanged(id: string): boolean {
    void this.base;
    return !same(this.#items.get(id), this.#deployed.get(id));
  }

  /** Whether anything is otherwise than what runs. */
  get isDirty(): boolean {
    void this.#version;
    void this.base;
    const items = this.doc.items();
    return items.length !== this.base.items.length || items.some((item, n) => !same(item, this.base.items[n]));
  }

  /** Begins from what runs: nothing of before can be undone. */
  begin(base: Base): void {
    this.setBase(base);
    this.doc.load(base.items);
  }

  /** Something else runs now; the draft stays as it is, and what was done can still be undone. */
  setBase(base: Base): void {
    this.#deployed = new Map(base.items.map((item) => [item.id, item]));
    this.base = base;
  }

  #changed({ patches }: Change): void {
    this.#version += 1;
    let structure = false;
    for (const { id, before, after } of patches) {
      if (after) this.#items.set(id, after);
      else this.#items.delete(id);
      const [was, is] = [before && kindOf(before), after && kindOf(after)];
      structure ||= [was, is].some((kind) => kind === 'flow' || kind === 'subflow' || kind === 'config');
      const [from, to] = [before && placeOf(before), after && placeOf(after)];
      // What only moved is followed by whoever shows that item.
      if (from !== to || was !== is) for (const place of [from, to]) if (place !== undefined) this.#bump(place);
    }
    if (structure) this.#structure += 1;
  }

  #bump(place: string): void {
    this.#places.set(place, (this.#places.get(place) ?? 0) + 1);
  }
}
