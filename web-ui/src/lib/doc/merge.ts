// Two people changed the same flows: what both did is put together, property by property and wire by wire, by the same rules as the
// gateway has. Where they did different things in one place nobody but they can decide, and that is told.

import { escape } from './diff';
import { same, text, wiresOf, type Item } from './item';

/** A place that both have changed, each in another way. What is not there was removed, or never was. */
export interface Clash {
  readonly id: string;
  readonly name: string;
  /** From the item on; empty when one changed the item and the other removed it. */
  readonly pointer: string;
  readonly base?: unknown;
  readonly theirs?: unknown;
  readonly mine?: unknown;
}

export interface Merged {
  /** Where there is a clash, it has what `mine` says; an item that one has removed and the other changed is there. */
  readonly items: Item[];
  readonly clashes: Clash[];
}

/** As the gateway has it. */
const LOOKS = new Set(['x', 'y', 'w', 'h', 'l', 'icon', 'inputLabels', 'outputLabels', 'style']);

/** Of documents without secrets: `mine` and `theirs` both come from `base`. */
export function merge(base: readonly Item[], mine: readonly Item[], theirs: readonly Item[]): Merged {
  const [was, me, they] = [base, mine, theirs].map(byId) as [Map<string, Item>, Map<string, Item>, Map<string, Item>];
  const clashes: Clash[] = [];
  const items = order(was, me, they).flatMap((id) => one(was.get(id), they.get(id), me.get(id), clashes) ?? []);
  return { items, clashes };
}

/** What a person has decided about a clash: the items with theirs, or mine, in that place. */
export function settle(items: readonly Item[], clash: Clash, take: 'theirs' | 'mine'): Item[] {
  const value = clash[take];
  if (clash.pointer === '') {
    if (value === undefined) return items.filter(({ id }) => id !== clash.id);
    return items.some(({ id }) => id === clash.id) ? items.map((item) => (item.id === clash.id ? (value as Item) : item)) : [...items, value as Item];
  }
  const name = clash.pointer.slice(1).replaceAll('~1', '/').replaceAll('~0', '~');
  return items.map((item) => {
    if (item.id !== clash.id) return item;
    const all = new Map(Object.entries(item));
    if (value === undefined) all.delete(name);
    else all.set(name, value);
    return Object.fromEntries(all) as unknown as Item;
  });
}

function byId(items: readonly Item[]): Map<string, Item> {
  const all = new Map<string, Item>();
  for (const item of items) if (!all.has(item.id)) all.set(item.id, item);
  return all;
}

/** As theirs stand, or mine where only I have changed the order; what only the other has comes behind what it stood behind. */
function order(was: Map<string, Item>, me: Map<string, Item>, they: Map<string, Item>): string[] {
  const common = (all: Map<string, Item>, other: Map<string, Item>): string => JSON.stringify([...all.keys()].filter((id) => other.has(id)));
  const [first, second] = common(they, was) === common(was, they) ? [me, they] : [they, me];
  const behind = new Map<string, string[]>();
  let before = '';
  for (const id of second.keys()) {
    if (!first.has(id)) {
      const row = behind.get(before);
      if (row) row.push(id);
      else behind.set(before, [id]);
    } else before = id;
  }
  const all = [...(behind.get('') ?? [])];
  for (const id of first.keys()) all.push(id, ...(behind.get(id) ?? []));
  return all;
}

function one(was: Item | undefined, they: Item | undefined, me: Item | undefined, clashes: Clash[]): Item | undefined {
  const decided = decide(was, they, me);
  if (decided) return decided.value;
  if (they && me) return properties(was, they, me, clashes);
  // One removed what the other changed: it stays until somebody has decided.
  const kept = (they ?? me)!;
  clashes.push(clash(kept, '', was, they, me));
  return kept;
}

/** Where at most one side has changed something. */
function decide<T>(was: T, they: T, me: T): { value: T } | undefined {
  if (same(they, me) || same(was, they)) return { value: me };
  return same(was, me) ? { value: they } : undefined;
}

function properties(was: Item | undefined, they: Item, me: Item, clashes: Clash[]): Item {
  const merged = new Map<string, unknown>();
  for (const name of new Set([...Object.keys(me), ...Object.keys(they)])) {
    const [base, theirs, mine] = [was, they, me].map((item) => (item && Object.hasOwn(item, name) ? item[name] : undefined));
    let value = decide(base, theirs, mine);
    if (!value) {
      if (name === 'wires') value = { value: wires(was, they, me) };
      // Where something is drawn is no matter to argue about.
      else if (!LOOKS.has(name)) clashes.push(clash(me, `/${escape(name)}`, base, theirs, mine));
      value ??= { value: mine };
    }
    if (value.value !== undefined) merged.set(name, value.value);
  }
  return Object.fromEntries(merged) as unknown as Item;
}

/** Wires that either has drawn are there, and those that either has cut are not. */
function wires(was: Item | undefined, they: Item, me: Item): string[][] {
  const [before, theirs, mine] = [wiresOf(was), wiresOf(they), wiresOf(me)];
  return Array.from({ length: Math.max(theirs.length, mine.length) }, (_, port) => {
    const [old, left, right] = [new Set(before[port]), new Set(theirs[port]), new Set(mine[port])];
    const isCut = (to: string): boolean => old.has(to) && (!left.has(to) || !right.has(to));
    return [...new Set([...left, ...right])].filter((to) => !isCut(to));
  });
}

function clash(item: Item, pointer: string, base: unknown, theirs: unknown, mine: unknown): Clash {
  const said = { ...(base === undefined ? {} : { base }), ...(theirs === undefined ? {} : { theirs }), ...(mine === undefined ? {} : { mine }) };
  return { id: item.id, name: text(item, item.type === 'tab' ? 'label' : 'name'), pointer, ...said };
}
