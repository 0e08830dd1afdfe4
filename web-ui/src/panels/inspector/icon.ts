import type { NodeTypes } from '$lib/api/node-types';
import { lookOf } from '$lib/canvas/looks';
import { kindOf, type Item } from '$lib/doc/item';

/** The icon of an item: of a node the one that it has on the canvas. */
export function iconOf(item: Item, types: NodeTypes): string {
  const kind = kindOf(item);
  return kind === 'group' || kind === 'flow' ? kind : lookOf(item, types).icon;
}
