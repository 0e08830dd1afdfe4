// How many inputs and outputs an item has, what they are called, and what the item is called.

import type { Items } from './flow-doc';
import { subflowOf, text, wiresOf, type Item } from './item';
import { noTypes, type Field, type NodeType, type Types } from './types';

/** More outputs than this are not drawn, whatever a document says. */
const MOST_PORTS = 256;
/** Of a name; a document may have one of a megabyte. */
const LONGEST_LABEL = 200;

const bounded = (count: number): number => Math.max(0, Math.min(MOST_PORTS, Math.floor(count)));

/** A list that a subflow has of its ports. */
export const portList = (subflow: Item | undefined, which: 'in' | 'out'): readonly unknown[] => {
  const list = subflow?.[which];
  return Array.isArray(list) ? list : [];
};

export function inputsOf(item: Item, types: Types, doc: Items): number {
  const subflow = subflowOf(item);
  if (subflow) {
    const definition = doc.get(subflow);
    return definition?.type === 'subflow' ? Math.min(1, portList(definition, 'in').length) : ledTo(item, doc);
  }
  const type = types.get(item.type);
  if (!type) return item.type === 'junction' ? 1 : isPlain(item) ? 0 : ledTo(item, doc);
  // A type whose nodes can do without an input has a property that says so, as `mqtt in` has.
  const field = type.fields.find((each) => each.name === 'inputs');
  return field ? Math.min(type.inputs, bounded(count(item, field) ?? type.inputs)) : type.inputs;
}

export function outputsOf(item: Item, types: Types, doc: Items): number {
  const subflow = subflowOf(item);
  if (subflow) {
    const definition = doc.get(subflow);
    return definition?.type === 'subflow' ? bounded(portList(definition, 'out').length) : wired(item);
  }
  const type = types.get(item.type);
  if (!type) return item.type === 'junction' ? 1 : isPlain(item) ? 0 : wired(item);
  return bounded(ofType(item, type));
}

function ofType(item: Item, { outputs, fields }: NodeType): number {
  if (typeof outputs === 'number') return outputs;
  if (outputs === 'wires') return wiresOf(item).length;
  if ('field' in outputs) {
    const field = fields.find((each) => each.name === outputs.field);
    return (field ? count(item, field) : undefined) ?? Math.max(1, wiresOf(item).length);
  }
  const list = item[outputs.items_of] ?? fields.find((each) => each.name === outputs.items_of)?.default;
  return Array.isArray(list) ? list.length : 0;
}

/** A number, also where it stands as text, or what counts when it does not stand. */
function count(item: Item, field: Field): number | undefined {
  for (const value of [item[field.name], field.default]) {
    const found = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof found === 'number' && Number.isFinite(found)) return found;
  }
  return undefined;
}

const wired = (item: Item): number => bounded(wiresOf(item).length);
const ledTo = (item: Item, doc: Items): number => (doc.incoming(item.id).length > 0 ? 1 : 0);
const isPlain = ({ type }: Item): boolean => type === 'tab' || type === 'subflow' || type === 'group' || type === 'comment';

/** What is written at a port: what its node calls it, or the subflow that it is an instance of. */
export function portLabel(item: Item, doc: Items, which: 'in' | 'out', n: number): string {
  const property = which === 'in' ? 'inputLabels' : 'outputLabels';
  for (const from of [item, doc.get(subflowOf(item))]) {
    const labels = from?.[property];
    const label: unknown = Array.isArray(labels) ? labels[n] : undefined;
    if (typeof label === 'string' && label !== '') return label.slice(0, LONGEST_LABEL);
  }
  return '';
}

/** Properties that tell more of a node without a name than its type does, the best first. */
const FACTS = ['topic', 'url', 'path', 'filename', 'broker', 'host', 'address', 'queue', 'log', 'server', 'property', 'exp'];
const WITH_TEXT = new Set(['text', 'typed', 'code']);

/** What a person calls it: its name, else what is known of it, else its type. */
export function labelOf(item: Item, doc: Items, types: Types = noTypes): string {
  const own = firstLine(text(item, 'name')) || firstLine(text(item, 'label'));
  if (own) return own;
  const subflow = subflowOf(item);
  if (subflow) return firstLine(text(doc.get(subflow), 'name')) || 'subflow';
  if (item.type === 'group' || item.type === 'junction') return item.type;
  for (const fact of FACTS) {
    const said = firstLine(text(item, fact));
    if (!said) continue;
    const field = types.get(item.type)?.fields.find((each) => each.name === fact);
    // What is the same for every new node tells nothing, and neither does an id.
    if (field ? WITH_TEXT.has(field.kind) && !field.secret && field.default !== said : !doc.get(said) && fact !== 'property') return said;
  }
  return firstLine(item.type) || item.id;
}

/** Without the backslashes by which Node-RED writes line breaks into names. */
function firstLine(words: string): string {
  const line = words.slice(0, LONGEST_LABEL * 4).trim().split(/\n|\\n/, 1)[0]!.trim();
  return line.length > LONGEST_LABEL ? `${line.slice(0, LONGEST_LABEL)}…` : line;
}

