// All the ways in which one item names another. Removing, copying and importing go over them all with one function, so that none is forgotten.

import { subflowOf, wiresOf, type Item } from './item';
import { noTypes, type Field, type Types } from './types';

/** A wire and a link lead to a node, a scope and a group list nodes, a config reference is a property that has the id of a config node. */
export type Reference = 'place' | 'group' | 'wire' | 'member' | 'link' | 'scope' | 'subflow' | 'config';

/** What a reference becomes: an id, or nothing where it goes. */
export type Becomes = (id: string, as: Reference) => string | undefined;

type Properties = Record<string, unknown>;

/** Node-RED's own lists of nodes; of the types that are known their descriptions tell. */
const LISTS: Readonly<Record<string, Reference>> = { links: 'link', scope: 'scope', nodes: 'member' };
/** Never the id of a config node, whatever stands in it. */
const OWN = new Set(['id', 'type', 'z', 'g', 'name', 'label', 'info', 'x', 'y', 'w', 'h', 'd', 'l', 'wires', 'icon', 'category', 'color']);

/** The item with its references changed; the same one where nothing has changed. */
export function withReferences(item: Item, becomes: Becomes, types: Types = noTypes): Item {
  const changed = new Map<string, unknown>();
  const put = (name: string, before: unknown, after: unknown): void => {
    if (before !== after) changed.set(name, after);
  };
  for (const [name, as] of [['z', 'place'], ['g', 'group']] as const) {
    const id = item[name];
    if (typeof id === 'string' && id !== '') put(name, id, becomes(id, as));
  }
  const subflow = subflowOf(item);
  if (subflow) {
    const now = becomes(subflow, 'subflow');
    if (now !== undefined) put('type', item.type, `subflow:${now}`);
  }
  if (Array.isArray(item.wires)) put('wires', item.wires, wires(item, becomes));
  for (const [name, as] of Object.entries(LISTS)) {
    if (name === 'nodes' && item.type !== 'group') continue;
    const ids = item[name];
    if (Array.isArray(ids)) put(name, ids, list(ids, as, becomes));
  }
  if (item.type === 'subflow') for (const name of ['in', 'out', 'status']) put(name, item[name], portEnds(item[name], becomes));
  configs(item, becomes, types, put);
  if (changed.size === 0) return item;
  const all = new Map(Object.entries(item));
  for (const [name, value] of changed) {
    if (value === undefined) all.delete(name);
    else all.set(name, value);
  }
  return Object.fromEntries(all) as unknown as Item;
}

function wires(item: Item, becomes: Becomes): unknown {
  let differs = false;
  const ports = wiresOf(item).map((ends) => {
    const now = list(ends, 'wire', becomes);
    differs ||= now !== ends;
    return now;
  });
  return differs ? ports : item.wires;
}

/** Ids in a list, each once; what is no text stays as it is. */
function list(ids: readonly unknown[], as: Reference, becomes: Becomes): readonly unknown[] {
  const now: unknown[] = [];
  let differs = false;
  for (const id of ids) {
    const after = typeof id === 'string' ? becomes(id, as) : id;
    differs ||= after !== id;
    if (after !== undefined && !(differs && now.includes(after))) now.push(after);
  }
  return differs ? now : ids;
}

/** Of a subflow: `[{x, y, wires: [{id, port}]}]`, and `status` without the list around it. */
function portEnds(ports: unknown, becomes: Becomes): unknown {
  if (Array.isArray(ports)) {
    const now = ports.map((port) => portEnds(port, becomes));
    return now.some((port, n) => port !== ports[n]) ? now : ports;
  }
  if (typeof ports !== 'object' || ports === null) return ports;
  const ends = (ports as Properties).wires;
  if (!Array.isArray(ends)) return ports;
  let differs = false;
  const now = ends.flatMap((end: unknown) => {
    const id = typeof end === 'object' && end !== null ? (end as Properties).id : undefined;
    if (typeof id !== 'string') return [end];
    const after = becomes(id, 'wire');
    differs ||= after !== id;
    return after === undefined ? [] : [after === id ? end : { ...(end as Properties), id: after }];
  });
  return differs ? { ...(ports as Properties), wires: now } : ports;
}

/** A config node that goes leaves an empty property, as in Node-RED: it has to be chosen anew. */
function configs(item: Item, becomes: Becomes, types: Types, put: (name: string, before: unknown, after: unknown) => void): void {
  const one = (id: string): string => becomes(id, 'config') ?? '';
  const type = types.get(item.type);
  if (type) {
    for (const field of type.fields) {
      if (Object.hasOwn(item, field.name)) put(field.name, item[field.name], inField(field, item[field.name], one));
    }
  } else if (!isStructure(item)) {
    // Of a type that is not known any property may be the id of a config node.
    for (const [name, value] of Object.entries(item)) {
      if (typeof value === 'string' && value !== '' && !OWN.has(name)) put(name, value, one(value));
    }
  }
  put('env', item.env, settings(item.env, one));
}

function inField(field: Field, value: unknown, one: (id: string) => string): unknown {
  if (field.kind === 'resource') return typeof value === 'string' && value !== '' ? one(value) : value;
  if (field.kind === 'group' && isObject(value)) return inFields(field.fields, value, one);
  if (field.kind === 'list' && Array.isArray(value)) {
    const now = value.map((each: unknown) => (isObject(each) ? inFields(field.fields, each, one) : each));
    return now.some((each, n) => each !== value[n]) ? now : value;
  }
  return value;
}

function inFields(fields: readonly Field[], object: Properties, one: (id: string) => string): Properties {
  let now = object;
  for (const field of fields) {
    if (!Object.hasOwn(object, field.name)) continue;
    const after = inField(field, object[field.name], one);
    if (after !== object[field.name]) now = { ...now, [field.name]: after };
  }
  return now;
}

/** Settings of a subflow or its instance may be config nodes. */
function settings(env: unknown, one: (id: string) => string): unknown {
  if (!Array.isArray(env)) return env;
  const now = env.map((each: unknown) => {
    const isConfig = isObject(each) && (each.type === 'conf-type' || (isObject(each.ui) && each.ui.type === 'conf-types'));
    if (!isConfig || typeof each.value !== 'string' || each.value === '') return each;
    const after = one(each.value);
    return after === each.value ? each : { ...each, value: after };
  });
  return now.some((each, n) => each !== env[n]) ? now : env;
}

const isObject = (value: unknown): value is Properties => typeof value === 'object' && value !== null && !Array.isArray(value);
const isStructure = ({ type }: Item): boolean => type === 'tab' || type === 'subflow' || type === 'group' || type.startsWith('subflow:');

/** All ids that an item names, by what it names them for. */
export function referencesOf(item: Item, types: Types = noTypes): { id: string; as: Reference }[] {
  const found: { id: string; as: Reference }[] = [];
  withReferences(
    item,
    (id, as) => {
      found.push({ id, as });
      return id;
    },
    types,
  );
  return found;
}
