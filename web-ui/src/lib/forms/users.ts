// Who uses a config node: every item that names its id.

import type { FlowDoc } from '../doc/flow-doc';
import type { Item } from '../doc/item';

/** Properties that name other items without using them. */
const NOT_USE = new Set(['id', 'z', 'g', 'wires', 'nodes', 'name', 'info']);
const MOST_DEPTH = 6;

export const uses = (item: Item, id: string): boolean =>
  item.id !== id && Object.entries(item).some(([name, value]) => !NOT_USE.has(name) && names(value, id, 0));

function names(value: unknown, id: string, depth: number): boolean {
  if (typeof value === 'string') return value === id;
  if (typeof value !== 'object' || value === null || depth > MOST_DEPTH) return false;
  return Object.values(value).some((inner) => names(inner, id, depth + 1));
}

export const usersOf = (doc: FlowDoc, id: string): Item[] => doc.items().filter((item) => uses(item, id));

/** For many at once: one pass over the document. */
export function usersOfAll(doc: FlowDoc, ids: ReadonlySet<string>): Map<string, Item[]> {
  const users = new Map<string, Item[]>([...ids].map((id) => [id, []]));
  const note = (value: unknown, item: Item, seen: Set<string>, depth: number): void => {
    if (typeof value === 'string') {
      if (value !== item.id && ids.has(value) && !seen.has(value)) {
        seen.add(value);
        users.get(value)?.push(item);
      }
    } else if (typeof value === 'object' && value !== null && depth <= MOST_DEPTH) {
      for (const inner of Object.values(value)) note(inner, item, seen, depth + 1);
    }
  };
  for (const item of doc.items()) {
    const seen = new Set<string>();
    for (const [name, value] of Object.entries(item)) if (!NOT_USE.has(name)) note(value, item, seen, 0);
  }
  return users;
}
