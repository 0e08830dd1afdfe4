import type { NodeTypes } from '$lib/api/node-types';
import { kindOf, type Item } from '$lib/doc/item';

const CATEGORIES: Readonly<Record<string, string>> = {
  common: 'flow', network: 'network', config: 'connection', function: 'function', sequence: 'sequence', storage: 'storage', parser: 'parser', input: 'input', output: 'output', structure: 'subflow',
};

/** The icon of an item: that of what it is for. */
export function iconOf(item: Item, types: NodeTypes): string {
  const kind = kindOf(item);
  if (kind === 'group' || kind === 'flow' || kind === 'subflow') return kind;
  if (item.type.startsWith('subflow:')) return 'subflow';
  if (item.type === 'comment') return 'comment';
  return CATEGORIES[types.get(item.type)?.category ?? ''] ?? 'help';
}
