// Outputs that follow from a property: their wires and labels go with them.

import type { NodeType } from '../api/node-types';
import { wiresOf, type Item } from '../doc/item';
import { moved } from './values';

/** What a person did to a list. */
export type ListStep = { readonly add: number } | { readonly remove: number } | { readonly move: number; readonly to: number };

const MOST_OUTPUTS = 500;

/** Properties that change with the list that the outputs of a node are made of: a rule that is moved takes its wires along. */
export function outputsOfList(item: Item, type: NodeType | undefined, list: string, step: ListStep, count: number): Record<string, unknown> {
  if (typeof type?.outputs !== 'object' || !('items_of' in type.outputs) || type.outputs.items_of !== list) return {};
  const wires = wiresOf(item).map((ends) => [...ends]);
  const labels = Array.isArray(item.outputLabels) ? (item.outputLabels as unknown[]) : undefined;
  return {
    wires: sized(stepped(wires, step, []), count, () => []),
    ...(labels ? { outputLabels: stepped(labels, step, '').slice(0, count) } : {}),
    ...(type.fields.some((field) => field.name === 'outputs') ? { outputs: count } : {}),
  };
}

/** Properties that change with the number of outputs. Undefined: it is another property, or no number of outputs. */
export function outputsOfCount(item: Item, type: NodeType | undefined, property: string, value: unknown): Record<string, unknown> {
  if (typeof type?.outputs !== 'object' || !('field' in type.outputs) || type.outputs.field !== property) return {};
  const count = Number(value);
  if (!Number.isInteger(count) || count < 0 || count > MOST_OUTPUTS) return {};
  const wires = wiresOf(item).map((ends) => [...ends]);
  return { wires: sized(wires, count, () => []) };
}

function stepped<T>(list: readonly T[], step: ListStep, blank: T): T[] {
  if ('add' in step) return [...sized(list, Math.max(list.length, step.add), () => blank).slice(0, step.add), blank, ...list.slice(step.add)];
  if ('remove' in step) return list.filter((_, n) => n !== step.remove);
  return moved(sized(list, Math.max(list.length, step.move + 1, step.to + 1), () => blank), step.move, step.to);
}

const sized = <T>(list: readonly T[], count: number, blank: () => T): T[] => Array.from({ length: count }, (_, n) => list[n] ?? blank());
