import { newId, type Item } from '../item';
import { outputsOf, portList } from '../ports';
import type { Field, NodeType } from '../types';

const nothing = { get: () => undefined, on: () => [], incoming: () => [] };

/** A node with what its type says is usual. A config node has no place on the canvas; its `place` is empty where all flows share it. */
export function newNode(type: NodeType, place: string, x: number, y: number): Item {
  const given = Object.fromEntries(type.fields.flatMap((field) => usual(field, type)));
  const isConfig = type.category === 'config';
  const item: Item = { id: newId(), type: type.type, ...(place ? { z: place } : {}), name: '', ...given };
  if (isConfig) return item;
  if (type.type === 'junction') return { id: item.id, type: item.type, z: place, x, y, wires: [[]] };
  const outputs = outputsOf(item, { all: [type], get: () => type }, nothing);
  return { ...item, x, y, wires: Array.from({ length: outputs }, () => []) };
}

/** An instance of a subflow, with its settings as the subflow has them. */
export function newSubflowInstance(subflow: Item, place: string, x: number, y: number): Item {
  const outputs = portList(subflow, 'out').length;
  return { id: newId(), type: `subflow:${subflow.id}`, z: place, name: '', x, y, wires: Array.from({ length: outputs }, () => []) };
}

function usual(field: Field, type: NodeType): [string, unknown][] {
  // A node whose outputs are the items of a list begins with one: without an output it is of no use.
  const { outputs } = type;
  if (field.kind === 'list' && typeof outputs === 'object' && 'items_of' in outputs && outputs.items_of === field.name && isEmpty(field.default)) {
    return [[field.name, [Object.fromEntries(field.fields.flatMap((each) => usual(each, type)))]]];
  }
  return field.default === undefined ? [] : [[field.name, structuredClone(field.default)]];
}

const isEmpty = (value: unknown): boolean => value === undefined || (Array.isArray(value) && value.length === 0);
