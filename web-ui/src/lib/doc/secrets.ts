// What of an item is secret. It is never copied, exported, searched or shown; the gateway keeps it.

import type { Item } from './item';
import type { Field, Types } from './types';

type Properties = Record<string, unknown>;

/** The item without its secrets: `credentials`, fields that are secret, and settings of type `cred`. */
export function withoutSecrets(item: Item, types: Types): Item {
  const all = new Map<string, unknown>(Object.entries(item));
  all.delete('credentials');
  const fields = types.get(item.type)?.fields ?? [];
  for (const [name, value] of inFields(fields, item)) {
    if (value === undefined) all.delete(name);
    else all.set(name, value);
  }
  if (Array.isArray(item.env)) all.set('env', item.env.map(setting));
  return Object.fromEntries(all) as unknown as Item;
}

/** Whether what stands at a pointer in an item is secret, or holds something that is. */
export function isSecretAt(item: Item, pointer: string, types: Types): boolean {
  const [first = '', ...rest] = pointer.split('/').slice(1);
  if (first === 'credentials') return true;
  if (first === 'env') {
    const at: unknown = Array.isArray(item.env) ? item.env[Number(rest[0])] : undefined;
    return rest.length === 0 ? Array.isArray(item.env) && item.env.some(isCredential) : isCredential(at) && (rest.length === 1 || rest[1] === 'value');
  }
  return isSecretField(types.get(item.type)?.fields ?? [], [first, ...rest]);
}

function isSecretField(fields: readonly Field[], [name, ...rest]: readonly string[]): boolean {
  const field = fields.find((each) => each.name === name);
  if (!field) return false;
  if (field.secret) return true;
  if (field.kind !== 'list' && field.kind !== 'group') return false;
  const below = field.kind === 'list' ? rest.slice(1) : rest;
  return below.length === 0 ? hasSecret(field.fields) : isSecretField(field.fields, below);
}

const hasSecret = (fields: readonly Field[]): boolean =>
  fields.some((field) => field.secret || ((field.kind === 'list' || field.kind === 'group') && hasSecret(field.fields)));

/** Properties that are otherwise without secrets; `undefined` where one goes. */
function inFields(fields: readonly Field[], object: Properties): [string, unknown][] {
  return fields.flatMap((field): [string, unknown][] => {
    if (!Object.hasOwn(object, field.name)) return [];
    if (field.secret) return [[field.name, undefined]];
    const value = object[field.name];
    if ((field.kind !== 'list' && field.kind !== 'group') || !hasSecret(field.fields)) return [];
    const within = (each: unknown): unknown => (isObject(each) ? Object.fromEntries(without(each, inFields(field.fields, each))) : each);
    return [[field.name, field.kind === 'list' && Array.isArray(value) ? value.map(within) : within(value)]];
  });
}

function without(object: Properties, changed: readonly [string, unknown][]): Map<string, unknown> {
  const all = new Map(Object.entries(object));
  for (const [name, value] of changed) {
    if (value === undefined) all.delete(name);
    else all.set(name, value);
  }
  return all;
}

const setting = (each: unknown): unknown => (isCredential(each) ? Object.fromEntries(Object.entries(each as object).filter(([name]) => name !== 'value')) : each);
const isCredential = (each: unknown): boolean => isObject(each) && each.type === 'cred';
const isObject = (value: unknown): value is Properties => typeof value === 'object' && value !== null && !Array.isArray(value);
