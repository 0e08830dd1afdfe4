// The lines of the outline, in order, as far as they are unfolded.

import { kindOf, placeOf, text, type Item } from '$lib/doc/item';
import type { FlowDoc } from '$lib/doc/flow-doc';
import { labelOf } from '$lib/doc/ports';
import type { Types } from '$lib/doc/types';

export interface Row {
  readonly id: string;
  readonly kind: 'flow' | 'group' | 'node' | 'config' | 'heading';
  readonly name: string;
  /** The type, where the name does not say it. */
  readonly about: string;
  readonly depth: number;
  readonly hasMore: boolean;
  readonly isOpen: boolean;
  readonly isOff: boolean;
  readonly icon?: string;
  readonly item?: Item;
}

export interface Headings {
  readonly subflows: string;
  readonly configs: string;
  readonly noName: string;
}

/** A tree with more lines than this is read by its filter. */
export const MOST_ROWS = 600;

export function rowsOf(doc: FlowDoc, types: Types, typed: string, isOpen: (id: string) => boolean, said: Headings): Row[] {
  const wanted = typed.trim().toLowerCase();
  const rows: Row[] = [];
  const items = doc.items();

  const named = (item: Item): string => labelOf(item, doc, types);
  const fits = (item: Item): boolean => `${named(item)} ${item.type}`.toLowerCase().includes(wanted);

  function row(item: Item, kind: Row['kind'], depth: number, hasMore: boolean, more: Partial<Row> = {}): Row {
    const name = kind === 'flow' ? text(item, item.type === 'tab' ? 'label' : 'name').slice(0, 120) || said.noName : named(item);
    const isOff = item.d === true || item.disabled === true;
    const about = (kind !== 'node' && kind !== 'config') || name === item.type || item.type === 'comment' ? '' : item.type.replace(/^subflow:.*/, 'subflow');
    return { id: item.id, kind, name, about, depth, hasMore, isOpen: hasMore && (wanted !== '' || isOpen(item.id)), isOff, item, ...more };
  }

  /** What is in a place and in one group of it, groups first, each as the page is read. */
  function inside(place: readonly Item[], group: string, depth: number): Row[] {
    const here = place.filter((item) => text(item, 'g') === group || (group === '' && !place.some((other) => other.id === text(item, 'g'))));
    const order = (a: Item, b: Item): number => Number(b.type === 'group') - Number(a.type === 'group') || Math.round(Number(a.y) / 40) - Math.round(Number(b.y) / 40) || Number(a.x) - Number(b.x);
    return here.sort(order).flatMap((item) => {
      if (item.type !== 'group') return item.type !== 'junction' && fits(item) ? [row(item, 'node', depth, false)] : [];
      // Groups that are in each other would never end.
      const members = depth > 12 || item.id === group ? [] : inside(place, item.id, depth + 1);
      if (wanted && members.length === 0 && !fits(item)) return [];
      const line = row(item, 'group', depth, members.length > 0, { icon: 'group' });
      return [line, ...(line.isOpen ? members : [])];
    });
  }

  function flow(item: Item, depth: number): void {
    const place = doc.on(item.id).filter((one) => kindOf(one) === 'node' || kindOf(one) === 'group');
    const members = inside(place, '', depth + 1);
    const line = row(item, 'flow', depth, place.length > 0, { icon: item.type === 'subflow' ? 'subflow' : 'flow' });
    if (wanted && members.length === 0 && !line.name.toLowerCase().includes(wanted)) return;
    rows.push(line, ...(line.isOpen ? members : []));
  }

  function heading(id: string, name: string, icon: string, fill: (depth: number) => void): void {
    const open = wanted !== '' || isOpen(id);
    const at = rows.length;
    rows.push({ id, kind: 'heading', name, about: '', depth: 0, hasMore: true, isOpen: open, isOff: false, icon });
    if (open) fill(1);
    if (wanted && rows.length === at + 1) rows.pop();
  }

  for (const item of items) if (kindOf(item) === 'flow') flow(item, 0);
  const subflows = items.filter((item) => kindOf(item) === 'subflow');
  if (subflows.length > 0) heading('heading subflows', said.subflows, 'subflow', (depth) => subflows.forEach((item) => flow(item, depth)));
  const configs = items.filter((item) => kindOf(item) === 'config' && (placeOf(item) === '' || doc.has(placeOf(item))));
  if (configs.length > 0) {
    heading('heading configs', said.configs, 'connection', (depth) => {
      for (const item of configs) if (fits(item)) rows.push(row(item, 'config', depth, false, { icon: 'connection' }));
    });
  }
  return rows;
}
