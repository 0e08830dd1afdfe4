// What is otherwise in one document than in another: items by their ids, properties by their pointers, wires by their ends.

import { isLayout, kindOf, placeOf, same, wiresFrom, wiresOf, type Item, type Wire } from './item';
import { labelOf } from './ports';
import { isSecretAt } from './secrets';
import { noTypes, type Types } from './types';

export interface PropertyChange {
  /** From the item on: `/rules/0/v`. */
  readonly pointer: string;
  readonly old?: unknown;
  readonly new?: unknown;
  /** The values are not told. */
  readonly secret?: true;
}

export interface WireChange {
  readonly port: number;
  readonly to: string;
  /** What the other end is called. */
  readonly label: string;
  readonly added: boolean;
}

export interface ItemDiff {
  readonly id: string;
  readonly type: string;
  /** As it is called now, or was when it is gone. */
  readonly label: string;
  /** The id of the tab or subflow it is on; of a tab or subflow its own; empty for what belongs to all. */
  readonly place: string;
  readonly change: 'added' | 'removed' | 'changed';
  readonly properties: readonly PropertyChange[];
  readonly wires: readonly WireChange[];
  /** Only how it looks and where it is drawn. */
  readonly layoutOnly: boolean;
}

/** One of the two documents. */
class Side {
  readonly items: ReadonlyMap<string, Item>;
  /** Names follow from what an item says, and of an instance from its subflow. */
  readonly #look = { get: (id: string) => this.items.get(id), on: () => [], incoming: () => [] };
  readonly #labels = new Map<Item, string>();

  constructor(items: readonly Item[]) {
    const all = new Map<string, Item>();
    for (const item of items) if (!all.has(item.id)) all.set(item.id, item);
    this.items = all;
  }

  label(item: Item): string {
    let label = this.#labels.get(item);
    if (label === undefined) this.#labels.set(item, (label = labelOf(item, this.#look)));
    return label;
  }
}

/** In the order of the flows, and there as the documents stand; what belongs to no flow comes last. */
export function diff(before: readonly Item[], after: readonly Item[], types: Types = noTypes): ItemDiff[] {
  const [was, is] = [new Side(before), new Side(after)];
  const found: ItemDiff[] = [];
  for (const [id, item] of was.items) if (!is.items.has(id)) found.push(whole(item, 'removed', was));
  for (const [id, item] of is.items) {
    const old = was.items.get(id);
    if (old === item) continue;
    if (!old) found.push(whole(item, 'added', is));
    else if (!same(old, item)) found.push(changed(old, item, was, is, types));
  }
  const flows = [...is.items.values(), ...was.items.values()].filter(({ type }) => type === 'tab' || type === 'subflow').map(({ id }) => id);
  const order = new Map([...new Set(flows)].map((id, n) => [id, n]));
  const rank = ({ place }: ItemDiff): number => order.get(place) ?? order.size;
  return found.map((each, n) => ({ each, n })).sort((a, b) => rank(a.each) - rank(b.each) || a.n - b.n).map(({ each }) => each);
}

function named(item: Item, side: Side): Pick<ItemDiff, 'id' | 'type' | 'label' | 'place'> {
  const kind = kindOf(item);
  return { id: item.id, type: item.type, label: side.label(item), place: kind === 'flow' || kind === 'subflow' ? item.id : placeOf(item) };
}

function whole(item: Item, change: 'added' | 'removed', side: Side): ItemDiff {
  const wires = wiresFrom(item).map((each) => wire(each, side, change === 'added'));
  return { ...named(item, side), change, properties: [], wires, layoutOnly: false };
}

function changed(old: Item, item: Item, was: Side, is: Side, types: Types): ItemDiff {
  const properties: PropertyChange[] = [];
  let layoutOnly = old.type === item.type;
  for (const name of keysOfBoth(old, item)) {
    if (name === 'wires') continue;
    const before = properties.length;
    values(`/${escape(name)}`, own(old, name), own(item, name), properties);
    if (properties.length > before) layoutOnly &&= isLooks(item, name);
  }
  const isRewired = !same(old.wires, item.wires);
  const told = properties.map((property): PropertyChange => (isSecretAt(item, property.pointer, types) || isSecretAt(old, property.pointer, types) ? { pointer: property.pointer, secret: true } : property));
  return { ...named(item, is), change: 'changed', properties: told, wires: isRewired ? wireChanges(old, item, was, is) : [], layoutOnly: layoutOnly && !isRewired };
}

/** A group and a comment only ever look like something, but settings of a group count for what is in it. */
const isLooks = ({ type }: Item, property: string): boolean => isLayout(property) || type === 'comment' || (type === 'group' && property !== 'env');

function keysOfBoth(old: object, now: object): string[] {
  return [...Object.keys(now), ...Object.keys(old).filter((key) => !Object.hasOwn(now, key))];
}

/** The smallest places at which two values differ. */
function values(pointer: string, old: unknown, now: unknown, found: PropertyChange[]): void {
  if (same(old, now)) return;
  if (Array.isArray(old) && Array.isArray(now)) return list(pointer, old, now, found);
  if (isObject(old) && isObject(now)) {
    for (const key of keysOfBoth(old, now)) values(`${pointer}/${escape(key)}`, own(old, key), own(now, key), found);
    return;
  }
  found.push({ pointer, ...(old === undefined ? {} : { old }), ...(now === undefined ? {} : { new: now }) });
}

/** What is alike at the start and the end stays out of it, so that a rule put in front of others is one change. */
function list(pointer: string, old: readonly unknown[], now: readonly unknown[], found: PropertyChange[]): void {
  const shorter = Math.min(old.length, now.length);
  let start = 0;
  while (start < shorter && same(old[start], now[start])) start += 1;
  let end = 0;
  while (end < shorter - start && same(old.at(-1 - end), now.at(-1 - end))) end += 1;
  const [oldEnd, nowEnd] = [old.length - end, now.length - end];
  for (let at = start; at < Math.max(oldEnd, nowEnd); at += 1) {
    values(`${pointer}/${at}`, at < oldEnd ? old[at] : undefined, at < nowEnd ? now[at] : undefined, found);
  }
}

function wireChanges(old: Item, item: Item, was: Side, is: Side): WireChange[] {
  const [before, after] = [wiresOf(old), wiresOf(item)];
  const only = (here: readonly (readonly string[])[], there: readonly (readonly string[])[], side: Side, added: boolean): WireChange[] =>
    here.flatMap((ends, port) => {
      const others = new Set(there[port]);
      return [...new Set(ends)].filter((to) => !others.has(to)).map((to) => wire({ port, to }, side, added));
    });
  return [...only(before, after, was, false), ...only(after, before, is, true)];
}

function wire({ port, to }: Pick<Wire, 'port' | 'to'>, side: Side, added: boolean): WireChange {
  const target = side.items.get(to);
  return { port, to, label: target ? side.label(target) : to, added };
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const own = (object: Readonly<Record<string, unknown>>, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined);

/** A part of a JSON pointer. */
export const escape = (part: string): string => (/[~/]/.test(part) ? part.replaceAll('~', '~0').replaceAll('/', '~1') : part);
