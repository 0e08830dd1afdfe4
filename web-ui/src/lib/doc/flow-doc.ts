// The document being edited. Every change is a step with what was before and what is after, so everything can be undone;
// nothing here knows of a page, a framework or the network.

import { Edit, type Items } from './edit';
import { placeOf, wiresFrom, wiresOf, type Item, type Wire } from './item';
import { isPlaced, joined, turned, type KeptStep, type Patch, type Step } from './patch';

export { Edit, type Items } from './edit';
export type { KeptStep, Patch, Step } from './patch';

export interface Change {
  readonly patches: readonly Patch[];
  readonly by: 'edit' | 'undo' | 'redo' | 'load';
}

type Listener = (change: Change) => void;
/** More steps back than this are forgotten, and more changes of items in all of them. */
const MOST_STEPS = 1_000;
const MOST_PATCHES = 500_000;

export class FlowDoc implements Items {
  #items = new Map<string, Item>();
  #order: string[] = [];
  /** Where each stands in `#order`; made when it is asked for. */
  #indices: Map<string, number> | undefined;
  #places = new Map<string, Set<string>>();
  #incoming = new Map<string, Set<string>>();
  #done: KeptStep[] = [];
  #undone: KeptStep[] = [];
  #joins: string | undefined;
  #listeners = new Set<Listener>();
  #leftOut: readonly Item[] = [];

  constructor(items: readonly Item[] = []) {
    this.#fill(items);
  }

  get(id: string): Item | undefined {
    return this.#items.get(id);
  }

  has(id: string): boolean {
    return this.#items.has(id);
  }

  /** What was loaded with an id that another had before it: it is not in the document, and that has to be told. */
  get leftOut(): readonly Item[] {
    return this.#leftOut;
  }

  get size(): number {
    return this.#items.size;
  }

  /** All items in the order of the document: what goes to the gateway. */
  items(): Item[] {
    return this.#order.map((id) => this.#items.get(id)).filter((item) => item !== undefined);
  }

  /** What is on a tab or in a subflow: nodes, groups, and config nodes that belong to it. */
  on(place: string): Item[] {
    const ids = [...(this.#places.get(place) ?? [])].sort((a, b) => this.indexOf(a) - this.indexOf(b));
    return ids.map((id) => this.#items.get(id)).filter((item) => item !== undefined);
  }

  /** Wires that lead to a node. */
  incoming(id: string): Wire[] {
    const wires: Wire[] = [];
    for (const from of this.#incoming.get(id) ?? []) {
      wiresOf(this.#items.get(from)).forEach((ends, port) => {
        for (const to of ends) if (to === id) wires.push({ from, port, to });
      });
    }
    return wires;
  }

  /** Wires that leave a node, also those that lead to nowhere. */
  outgoing(id: string): Wire[] {
    const item = this.#items.get(id);
    return item ? wiresFrom(item) : [];
  }

  /** The newest steps that can be undone, for a draft that is kept. */
  steps(most: number): KeptStep[] {
    return this.#done.slice(-most);
  }

  /** Replaces everything: a document that was loaded. Nothing of before can be undone, but steps that came with it can. */
  load(items: readonly Item[], steps: readonly KeptStep[] = []): void {
    const before = [...this.#items.values()];
    this.#fill(items);
    this.#done = [...steps];
    this.#undone = [];
    this.#joins = undefined;
    const gone = before.filter((item) => !this.#items.has(item.id)).map((item) => ({ id: item.id, before: item, after: undefined, at: 0 }));
    const here = this.items().map((item, at) => ({ id: item.id, before: undefined, after: item, at }));
    this.#tell({ patches: [...gone, ...here], by: 'load' });
  }

  /**
   * One step that can be undone. Edits with the same `joins` that follow each other are one step: typing, or moving by keys.
   * Gives nothing when nothing has changed. When `work` throws, nothing has happened.
   */
  edit(label: string, work: (edit: Edit) => void, joins?: string): Step | undefined {
    const edit = new Edit(this);
    work(edit);
    const patches = edit.patches();
    if (patches.length === 0) return undefined;
    this.#apply(patches);
    const last = this.#done.at(-1);
    if (joins !== undefined && joins === this.#joins && last && this.#undone.length === 0) {
      const before = last.parts.at(-1);
      const parts = before && !patches.some(isPlaced) ? last.parts.with(-1, joined(before, patches)) : [...last.parts, patches];
      this.#done[this.#done.length - 1] = { label, parts };
    } else {
      this.#done.push({ label, parts: [patches] });
      this.#forget();
    }
    this.#joins = joins;
    this.#undone = [];
    this.#tell({ patches, by: 'edit' });
    return { label, patches };
  }

  /** The next edit is a step of its own, whatever it joins. */
  endJoin(): void {
    this.#joins = undefined;
  }

  get nextUndo(): string | undefined {
    return this.#done.at(-1)?.label;
  }

  get nextRedo(): string | undefined {
    return this.#undone.at(-1)?.label;
  }

  undo(): Step | undefined {
    const step = this.#done.pop();
    if (!step) return undefined;
    this.#undone.push(step);
    return this.#replay(step, step.parts.map((part) => part.map(turned)).reverse(), 'undo');
  }

  redo(): Step | undefined {
    const step = this.#undone.pop();
    if (!step) return undefined;
    this.#done.push(step);
    return this.#replay(step, step.parts, 'redo');
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  indexOf(id: string): number {
    this.#indices ??= new Map(this.#order.map((each, index) => [each, index]));
    return this.#indices.get(id) ?? -1;
  }

  #fill(items: readonly Item[]): void {
    this.#items.clear();
    this.#order = [];
    this.#indices = undefined;
    this.#places.clear();
    this.#incoming.clear();
    const leftOut: Item[] = [];
    this.#leftOut = leftOut;
    for (const item of items) {
      // Of two with one id the first counts, as in the gateway, which tells it.
      if (this.#items.has(item.id)) {
        leftOut.push(item);
        continue;
      }
      this.#order.push(item.id);
      this.#items.set(item.id, item);
      this.#link(item);
    }
  }

  #forget(): void {
    let patches = 0;
    const from = this.#done.findLastIndex(({ parts }) => (patches += parts.reduce((sum, part) => sum + part.length, 0)) > MOST_PATCHES);
    // The last step can always be undone.
    const gone = Math.min(Math.max(from + 1, this.#done.length - MOST_STEPS), this.#done.length - 1);
    if (gone > 0) this.#done.splice(0, gone);
  }

  #replay(step: KeptStep, parts: readonly (readonly Patch[])[], by: 'undo' | 'redo'): Step {
    this.#joins = undefined;
    for (const part of parts) this.#apply(part);
    const patches = parts.reduce((all, part) => joined(all, part));
    this.#tell({ patches, by });
    return { label: step.label, patches };
  }

  #apply(patches: readonly Patch[]): void {
    for (const { id, after } of patches) {
      const now = this.#items.get(id);
      if (now) this.#unlink(now);
      if (after) {
        this.#items.set(id, after);
        this.#link(after);
      } else {
        this.#items.delete(id);
      }
    }
    const placed = patches.filter(isPlaced);
    if (placed.length === 0) return;
    // First all are taken out, and then each is put where it stands in the end: so a step that is turned gives the order of before.
    const out = new Set(placed.map(({ id }) => id));
    const rest = this.#order.filter((id) => !out.has(id));
    const into = placed.filter(({ after }) => after).sort((a, b) => a.at - b.at);
    const order: string[] = [];
    let next = 0;
    for (const { id, at } of into) {
      while (order.length < at && next < rest.length) order.push(rest[next++]!);
      order.push(id);
    }
    for (; next < rest.length; next += 1) order.push(rest[next]!);
    this.#order = order;
    this.#indices = undefined;
  }

  #link(item: Item): void {
    put(this.#places, placeOf(item), item.id);
    for (const ends of wiresOf(item)) for (const to of ends) put(this.#incoming, to, item.id);
  }

  #unlink(item: Item): void {
    this.#places.get(placeOf(item))?.delete(item.id);
    for (const ends of wiresOf(item)) for (const to of ends) this.#incoming.get(to)?.delete(item.id);
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function put(map: Map<string, Set<string>>, key: string, id: string): void {
  const ids = map.get(key);
  if (ids) ids.add(id);
  else map.set(key, new Set([id]));
}
