// The document being edited. Every change is a step with what was before and what is after, so everything can be undone;
// nothing here knows of a page, a framework or the network.

import { kindOf, placeOf, same, wiresOf, type Item, type Wire } from './item';

/** One item before and after: `undefined` where it was not there, or is gone. */
export interface Patch {
  readonly id: string;
  readonly before: Item | undefined;
  readonly after: Item | undefined;
  /** Where it stands in the document; as it was, when it was taken out. */
  readonly at: number;
}

export interface Step {
  /** What was done, for a person: "Move 3 nodes". */
  readonly label: string;
  readonly patches: readonly Patch[];
}

export interface Change {
  readonly patches: readonly Patch[];
  readonly by: 'edit' | 'undo' | 'redo' | 'load';
}

type Listener = (change: Change) => void;
/** More steps back than this are forgotten. */
const MOST_STEPS = 1_000;

export class FlowDoc {
  #items = new Map<string, Item>();
  #order: string[] = [];
  #places = new Map<string, Set<string>>();
  #incoming = new Map<string, Set<string>>();
  #done: Step[] = [];
  #undone: Step[] = [];
  #joins: string | undefined;
  #listeners = new Set<Listener>();

  constructor(items: readonly Item[] = []) {
    this.#fill(items);
  }

  get(id: string): Item | undefined {
    return this.#items.get(id);
  }

  has(id: string): boolean {
    return this.#items.has(id);
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
    const ids = this.#places.get(place);
    return ids ? [...ids].map((id) => this.#items.get(id)).filter((item) => item !== undefined) : [];
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
    return wiresOf(this.#items.get(id)).flatMap((ends, port) => ends.map((to) => ({ from: id, port, to })));
  }

  /** Replaces everything: a document that was loaded. Nothing of before can be undone. */
  load(items: readonly Item[]): void {
    const before = [...this.#items.values()];
    this.#fill(items);
    this.#done = [];
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
    let step: Step = { label, patches };
    if (joins !== undefined && joins === this.#joins && last && this.#undone.length === 0) {
      step = { label, patches: joined(last.patches, patches) };
      this.#done[this.#done.length - 1] = step;
    } else {
      this.#done.push(step);
      if (this.#done.length > MOST_STEPS) this.#done.shift();
    }
    this.#joins = joins;
    this.#undone = [];
    this.#tell({ patches, by: 'edit' });
    return step;
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
    this.#joins = undefined;
    this.#undone.push(step);
    const patches = step.patches.map((patch) => ({ ...patch, before: patch.after, after: patch.before })).reverse();
    this.#apply(patches);
    this.#tell({ patches, by: 'undo' });
    return step;
  }

  redo(): Step | undefined {
    const step = this.#undone.pop();
    if (!step) return undefined;
    this.#joins = undefined;
    this.#done.push(step);
    this.#apply(step.patches);
    this.#tell({ patches: step.patches, by: 'redo' });
    return step;
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  indexOf(id: string): number {
    return this.#order.indexOf(id);
  }

  #fill(items: readonly Item[]): void {
    this.#items.clear();
    this.#order = [];
    this.#places.clear();
    this.#incoming.clear();
    for (const item of items) {
      // Of two with one id the first counts, as in the gateway, which tells it.
      if (this.#items.has(item.id)) continue;
      this.#order.push(item.id);
      this.#items.set(item.id, item);
      this.#link(item);
    }
  }

  #apply(patches: readonly Patch[]): void {
    for (const { id, after, at } of patches) {
      const now = this.#items.get(id);
      if (now) this.#unlink(now);
      if (after) {
        if (!now) this.#order.splice(Math.min(at, this.#order.length), 0, id);
        this.#items.set(id, after);
        this.#link(after);
      } else if (now) {
        this.#items.delete(id);
        this.#order.splice(this.#order.indexOf(id), 1);
      }
    }
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

/** What an edit works with: it sees its own changes, and the document only has them when the edit is done. */
export class Edit {
  readonly doc: FlowDoc;
  #after = new Map<string, Item | undefined>();
  #at = new Map<string, number>();

  constructor(doc: FlowDoc) {
    this.doc = doc;
  }

  get(id: string): Item | undefined {
    return this.#after.has(id) ? this.#after.get(id) : this.doc.get(id);
  }

  /** Adds an item, at the end or at a place in the document; one with the same id is replaced. */
  put(item: Item, at?: number): void {
    this.#after.set(item.id, item);
    if (at !== undefined) this.#at.set(item.id, at);
  }

  /** Changes properties. One that is `undefined` goes. Does nothing when there is no such item. */
  set(id: string, properties: Readonly<Record<string, unknown>>): void {
    const item = this.get(id);
    if (!item) return;
    const changed: Record<string, unknown> = { ...item };
    for (const [name, value] of Object.entries(properties)) {
      if (value === undefined) delete changed[name];
      else changed[name] = value;
    }
    this.#after.set(id, changed as Item);
  }

  remove(id: string): void {
    if (this.get(id)) this.#after.set(id, undefined);
  }

  patches(): Patch[] {
    const patches: Patch[] = [];
    let end = this.doc.size;
    for (const [id, after] of this.#after) {
      const before = this.doc.get(id);
      if (same(before, after)) continue;
      const at = before ? this.doc.indexOf(id) : (this.#at.get(id) ?? end++);
      patches.push({ id, before, after, at });
    }
    return patches;
  }
}

/** Two steps as one: what was before the first, what is after the second. */
function joined(first: readonly Patch[], second: readonly Patch[]): Patch[] {
  const all = new Map(first.map((patch) => [patch.id, patch]));
  for (const patch of second) {
    const before = all.get(patch.id);
    all.set(patch.id, before ? { ...before, after: patch.after } : patch);
  }
  return [...all.values()];
}

function put(map: Map<string, Set<string>>, key: string, id: string): void {
  const ids = map.get(key);
  if (ids) ids.add(id);
  else map.set(key, new Set([id]));
}

/** Whether it stands on the canvas of a place. */
export const isOnCanvas = (item: Item): boolean => {
  const kind = kindOf(item);
  return kind === 'node' || kind === 'group';
};
