import type { FlowDoc } from './flow-doc';
import { placeOf, same, wiresFrom, type Item, type Wire } from './item';
import type { Patch } from './patch';

/** Whatever has items to look up: a document, or an edit that sees its own changes. */
export interface Items {
  get(id: string): Item | undefined;
  on(place: string): Item[];
  incoming(id: string): Wire[];
}

/** What an edit works with: it sees its own changes, and the document only has them when the edit is done. */
export class Edit implements Items {
  readonly doc: FlowDoc;
  #after = new Map<string, Item | undefined>();
  #at = new Map<string, number>();

  constructor(doc: FlowDoc) {
    this.doc = doc;
  }

  get(id: string): Item | undefined {
    return this.#after.has(id) ? this.#after.get(id) : this.doc.get(id);
  }

  /** All items: those of the document in their order, then what is new. */
  items(): Item[] {
    const items = this.doc.items().map(({ id }) => this.get(id));
    for (const [id, item] of this.#after) if (!this.doc.has(id)) items.push(item);
    return items.filter((item) => item !== undefined);
  }

  on(place: string): Item[] {
    const items = this.doc.on(place).filter(({ id }) => !this.#after.has(id));
    for (const item of this.#after.values()) if (item && placeOf(item) === place) items.push(item);
    return items;
  }

  incoming(id: string): Wire[] {
    const wires = this.doc.incoming(id).filter(({ from }) => !this.#after.has(from));
    for (const item of this.#after.values()) if (item) wires.push(...wiresFrom(item).filter(({ to }) => to === id));
    return wires;
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
    // Made of entries, for a property may be called `__proto__`.
    const changed = new Map(Object.entries(item));
    for (const [name, value] of Object.entries(properties)) {
      if (value === undefined) changed.delete(name);
      else changed.set(name, value);
    }
    this.#after.set(id, Object.fromEntries(changed) as unknown as Item);
  }

  remove(id: string): void {
    if (this.get(id)) this.#after.set(id, undefined);
  }

  patches(): Patch[] {
    const patches: Patch[] = [];
    // What is added without a place comes behind everything else.
    let end = this.doc.size;
    for (const [id, after] of this.#after) {
      if (after === undefined && this.doc.has(id)) end -= 1;
      if (after && !this.doc.has(id) && this.#at.has(id)) end += 1;
    }
    for (const [id, after] of this.#after) {
      const before = this.doc.get(id);
      const was = this.doc.indexOf(id);
      const at = this.#at.get(id) ?? (before ? was : end);
      const moved = before !== undefined && after !== undefined && at !== was;
      if (!moved && same(before, after)) continue;
      if (!before && !this.#at.has(id)) end += 1;
      patches.push({ id, before, after, at: before && after ? at : after ? at : was, ...(moved ? { was } : {}) });
    }
    return patches;
  }
}
