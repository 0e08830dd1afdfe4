// Puts items of elsewhere into the document: pasted ones and imported ones. Each gets an id that nothing else has, and all that
// names another is led to where that is now.

import type { Edit } from '../flow-doc';
import { kindOf, newId, placeOf, same, subflowOf, type Item } from '../item';
import { withReferences } from '../references';
import { noTypes, type Types } from '../types';

export interface Grafted {
  /** What was put into the document, by the id that it came with. */
  readonly ids: ReadonlyMap<string, string>;
  /** What stood for others: config nodes and subflows that were there already. */
  readonly shared: ReadonlyMap<string, string>;
}

export interface Graft {
  /** Where those go that are on no tab or subflow which comes along. */
  readonly place: string;
  readonly dx?: number;
  readonly dy?: number;
  readonly types?: Types;
  /** Whether an item that is there stands for the one that comes. Without it config nodes and subflows do, by id or when they are alike. */
  readonly standIn?: (item: Item) => Item | undefined;
  /** Whether an item keeps its id where nothing else has it; without it none does. */
  readonly keepsId?: (item: Item) => boolean;
  /** Ids of the document that mean the same to what comes: wires may lead to them, and nodes stand on them. */
  readonly known?: ReadonlySet<string>;
}

export function graft(edit: Edit, items: readonly Item[], { place, dx = 0, dy = 0, types = noTypes, standIn = alike(edit), keepsId = () => false, known }: Graft): Grafted {
  const shared = new Map<string, string>();
  for (const item of items) {
    const other = standIn(item);
    if (other) shared.set(item.id, other.id);
  }
  // With a subflow that is there already, its content is there too.
  const come = items.filter((item) => !shared.has(item.id) && !(shared.has(placeOf(item)) && items.some((each) => each.id === placeOf(item) && each.type === 'subflow')));
  const ids = new Map<string, string>();
  const used = new Set<string>(items.map(({ id }) => id));
  for (const item of come) if (!ids.has(item.id)) ids.set(item.id, keepsId(item) && !edit.get(item.id) ? item.id : unused(edit, used));
  const containers = new Set(come.filter(({ type }) => type === 'tab' || type === 'subflow').map(({ id }) => id));
  const done = new Set<string>();
  for (const item of come) {
    if (done.has(item.id)) continue;
    done.add(item.id);
    edit.put(placed(rewritten(item), item));
  }
  const fresh = new Set(ids.values());
  for (const id of fresh) linkBack(edit, id, fresh);
  return { ids, shared };

  function rewritten(item: Item): Item {
    const becomes = (id: string, as: string): string | undefined => {
      const now = ids.get(id) ?? shared.get(id);
      if (now !== undefined) return now;
      if (as === 'config' || as === 'subflow' || as === 'place') return id;
      if (known?.has(id) && as !== 'group' && as !== 'member') return id;
      // Links and scopes may lead to what is there; wires and groups are only among those that come.
      return (as === 'link' || as === 'scope') && edit.get(id) && !used.has(id) ? id : undefined;
    };
    return { ...withReferences(item, becomes, types), id: ids.get(item.id)! };
  }

  function placed(now: Item, before: Item): Item {
    const kind = kindOf(before);
    if (kind === 'flow' || kind === 'subflow' || containers.has(placeOf(before)) || known?.has(placeOf(before))) return now;
    // A config node that belonged to one tab belongs to all where that tab does not come along.
    if (kind === 'config') {
      const { z, ...rest } = now;
      return (typeof z === 'string' && edit.get(z) ? now : rest) as Item;
    }
    return { ...now, z: place, x: (now.x as number) + dx, y: (now.y as number) + dy };
  }
}

/** Link nodes list each other: one that was there learns of one that came. */
export function linkBack(edit: Edit, id: string, fresh: ReadonlySet<string>): void {
  const item = edit.get(id);
  const other = item?.type === 'link in' ? 'link out' : item?.type === 'link out' ? 'link in' : '';
  if (!other || !Array.isArray(item?.links)) return;
  for (const end of item.links as unknown[]) {
    const there = typeof end === 'string' && !fresh.has(end) ? edit.get(end) : undefined;
    if (there?.type !== other || !Array.isArray(there.links) || there.links.includes(id)) continue;
    edit.set(there.id, { links: [...(there.links as unknown[]), id] });
  }
}

function unused(edit: Edit, used: Set<string>): string {
  for (;;) {
    const id = newId();
    if (edit.get(id) || used.has(id)) continue;
    used.add(id);
    return id;
  }
}

/** A config node or subflow of the document that is the same thing as one that comes. */
export function alike(edit: { get(id: string): Item | undefined; items(): Item[] }): (item: Item) => Item | undefined {
  let configs: Map<string, Item[]> | undefined;
  return (item) => {
    const kind = kindOf(item);
    if ((kind !== 'config' && kind !== 'subflow') || subflowOf(item)) return undefined;
    const other = edit.get(item.id);
    if (other && other.type === item.type && kindOf(other) === kind) return other;
    if (kind === 'subflow') return undefined;
    configs ??= byType(edit.items());
    return configs.get(item.type)?.find((each) => same({ ...each, id: item.id, z: item.z }, { ...item, z: item.z }));
  };
}

function byType(items: readonly Item[]): Map<string, Item[]> {
  const all = new Map<string, Item[]>();
  for (const item of items) {
    if (kindOf(item) !== 'config') continue;
    const of = all.get(item.type);
    if (of) of.push(item);
    else all.set(item.type, [item]);
  }
  return all;
}
