// Properties of an item that its form does not show.

import type { NodeType } from '../api/node-types';
import type { Item } from '../doc/item';

const COMMON = new Set(['id', 'type', 'z', 'g', 'x', 'y', 'w', 'h', 'l', 'd', 'name', 'info', 'icon', 'wires', 'env', 'inputLabels', 'outputLabels', 'credentials']);

export function undescribed(item: Item, type: NodeType | undefined): Record<string, unknown> {
  const known = new Set((type?.fields ?? []).flatMap((field) => (field.kind === 'typed' ? [field.name, field.type_field] : [field.name])));
  if (typeof type?.outputs === 'object') known.add('field' in type.outputs ? type.outputs.field : type.outputs.items_of);
  return Object.fromEntries(Object.entries(item).filter(([name]) => !COMMON.has(name) && !known.has(name)));
}

/** What of an item its own JSON editor shows: not where it stands, and no secrets. */
export function ownOf(item: Item): Record<string, unknown> {
  const apart = new Set([...COMMON].filter((name) => name !== 'env' && name !== 'icon'));
  return Object.fromEntries(Object.entries(item).filter(([name]) => !apart.has(name)));
}

/** What to set so that its own properties are these: those that are missing go. */
export function replaceOwn(item: Item, own: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const gone = Object.keys(ownOf(item)).filter((name) => !(name in own));
  const allowed = Object.entries(own).filter(([name]) => !COMMON.has(name) || name === 'env' || name === 'icon');
  return { ...Object.fromEntries(gone.map((name) => [name, undefined])), ...Object.fromEntries(allowed) };
}
