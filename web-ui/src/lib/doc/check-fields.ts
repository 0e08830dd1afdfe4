// The properties of one item against what its type says about its fields. Nothing here looks at other items.

import { escape } from './diff';
import type { Item } from './item';
import { nearest } from './near';
import type { Field, Types } from './types';
import { didYouMean, kindOfValue, plain, quoted, shown, type Text } from './words';

export interface Found {
  readonly severity: 'error' | 'disabled' | 'warning';
  readonly code: string;
  readonly pointer: string;
  /** The pointer as it is said: `rules/0/v`. */
  readonly path: string;
  readonly message: Text;
  readonly hint?: Text;
  /** Not wrong in itself: it is to be seen whether this is there, and of that type. */
  readonly refers?: { readonly id: string; readonly of: string | undefined };
}

type Properties = Record<string, unknown>;

/** What Node-RED's editor writes for no config node. */
const NONE = new Set(['_ADD_', '__ADD__', '__NONE__']);
/** Of one item: lists may be long, and one mistake is often made in all of it. */
const MOST = 50;
/** More of a list is not looked at here; the gateway does. */
const LONGEST_LIST = 1_000;

export function fieldProblems(item: Item, types: Types): readonly Found[] {
  const type = types.get(item.type);
  if (!type) return [];
  const found: Found[] = [];
  objectProblems(item, type.fields, '', found);
  return found.slice(0, MOST);
}

function objectProblems(object: Properties, fields: readonly Field[], pointer: string, found: Found[]): void {
  const credentials = own(object, 'credentials');
  for (const field of fields) {
    if (found.length > MOST) return;
    if (!isVisible(field, fields, object)) continue;
    const value = (credentials === undefined ? undefined : own(credentials, field.name)) ?? own(object, field.name);
    if (isAbsent(value)) {
      if (field.required) absent(field, `${pointer}/${escape(field.name)}`, found);
    }
    // `${NAME}` is filled in when it runs.
    else if (!isSetting(value)) valueProblem(field, value, object, `${pointer}/${escape(field.name)}`, found);
  }
}

const isAbsent = (value: unknown): boolean => value === undefined || value === null || value === '';
const isSetting = (value: unknown): boolean => typeof value === 'string' && (/^\$\{\S+\}$/.test(value) || /^\$\(\S+\)$/.test(value));

/** Whether the form shows the field, which is when its value means something. */
export function isVisible(field: Field, fields: readonly Field[], object: Properties): boolean {
  const seen = field.visible_if;
  if (!seen) return true;
  const value = own(object, seen.field) ?? fields.find((each) => each.name === seen.field)?.default;
  return value !== undefined && seen.values.includes(typeof value === 'string' ? value : JSON.stringify(value));
}

function absent(field: Field, pointer: string, found: Found[]): void {
  if (!field.required) return;
  // A function that does not say its language came from Node-RED: what a new one has does not count for it.
  if (field.kind === 'choice' && field.name === 'lang') {
    found.push({ severity: 'error', code: 'javascript', pointer, path: path(pointer), message: (say) => say('this function is written in JavaScript, which the gateway does not run'), hint: (say) => say('write it in Rhai and set its language') });
  } else if (field.default === undefined) {
    found.push({ severity: 'error', code: 'missing-field', pointer, path: path(pointer), message: (say) => say('{path} is missing', { path: path(pointer) }), hint: () => `${field.label}: ${field.help}` });
  }
}

function add(found: Found[], severity: Found['severity'], code: string, pointer: string, message: Text): void {
  found.push({ severity, code, pointer, path: path(pointer), message: (say) => `${path(pointer)}: ${message(say)}` });
}

function wrongKind(found: Found[], field: Field, value: unknown, pointer: string, expected: Text): void {
  add(found, 'error', 'wrong-kind', pointer, (say) => say('expected {expected}, found {found}', { expected: expected(say), found: field.secret || typeof value === 'object' ? kindOfValue(value, say) : shown(value, say) }));
}

function range(found: Found[], { min, max }: Field, size: number, pointer: string, words = numbers): void {
  const bound = min !== undefined && size < min ? words.least(min) : max !== undefined && size > max ? words.most(max) : undefined;
  if (bound) add(found, 'warning', 'out-of-range', pointer, (say) => say('expected {expected}, found {found}', { expected: bound(say), found: size }));
}

function valueProblem(field: Field, value: unknown, object: Properties, pointer: string, found: Found[]): void {
  switch (field.kind) {
    case 'text':
    case 'code':
      if (typeof value === 'string') range(found, field, value.length, pointer, characters);
      else if (typeof value === 'object') wrongKind(found, field, value, pointer, (say) => say('text'));
      return;
    case 'number':
    case 'integer': {
      const number = typeof value === 'number' ? value : typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
      if (!Number.isFinite(number)) return wrongKind(found, field, value, pointer, (say) => say('a number'));
      if (field.kind === 'integer' && !Number.isInteger(number)) add(found, 'warning', 'not-whole', pointer, (say) => say('expected a whole number, found {found}', { found: number }));
      return range(found, field, number, pointer);
    }
    case 'bool':
      if (typeof value !== 'boolean' && typeof value !== 'number' && !['true', 'false', '1', '0'].includes(value as string)) wrongKind(found, field, value, pointer, (say) => say('true or false'));
      return;
    case 'choice':
      if (field.options.some((option) => option.value === value)) return;
      return choice(field.options.map((option) => option.value), value, 'bad-choice', pointer, found);
    case 'typed': {
      const kind = own(object, field.type_field);
      if (typeof kind !== 'string' || kind === '') return;
      const parent = pointer.slice(0, pointer.lastIndexOf('/'));
      if (!field.types.includes(kind)) return choice(field.types, kind, 'bad-type-of-value', `${parent}/${escape(field.type_field)}`, found);
      const wrong = typedProblem(value, kind);
      if (wrong) add(found, 'warning', 'bad-value', pointer, wrong);
      return;
    }
    case 'resource':
      if (typeof value !== 'string') return wrongKind(found, field, value, pointer, (say) => say('the id of a {type}', { type: field.of }));
      if (!NONE.has(value)) found.push({ severity: 'error', code: 'missing-resource', pointer, path: path(pointer), message: () => '', refers: { id: value, of: field.of } });
      return;
    case 'nodes':
      if (typeof value === 'string' || typeof value === 'boolean') return;
      if (!Array.isArray(value)) return wrongKind(found, field, value, pointer, (say) => say('a list of ids'));
      for (const [n, id] of value.slice(0, LONGEST_LIST).entries() as Iterable<[number, unknown]>) {
        const at = `${pointer}/${n}`;
        if (typeof id !== 'string') add(found, 'error', 'wrong-kind', at, (say) => say('expected {expected}, found {found}', { expected: say('the id of a node'), found: kindOfValue(id, say) }));
        else if (id !== '') found.push({ severity: 'warning', code: 'missing-node', pointer: at, path: path(at), message: () => '', refers: { id, of: undefined } });
      }
      return;
    case 'list':
      if (!Array.isArray(value)) return wrongKind(found, field, value, pointer, (say) => say('a list'));
      range(found, field, value.length, pointer, items);
      for (const [n, each] of value.slice(0, LONGEST_LIST).entries() as Iterable<[number, unknown]>) {
        const at = `${pointer}/${n}`;
        if (isObject(each)) objectProblems(each, field.fields, at, found);
        else add(found, 'error', 'wrong-kind', at, (say) => say('expected {expected}, found {found}', { expected: say('an object'), found: kindOfValue(each, say) }));
      }
      return;
    case 'group':
      if (isObject(value)) objectProblems(value, field.fields, pointer, found);
      else wrongKind(found, field, value, pointer, (say) => say('an object'));
      return;
    case 'json':
      return;
  }
}

function choice(options: readonly string[], value: unknown, code: string, pointer: string, found: Found[]): void {
  const said = typeof value === 'string' ? value : String(JSON.stringify(value));
  if (options.includes(said)) return;
  const hint: Text = (say) => didYouMean(nearest(said, options), say) ?? say('the choices are {choices}', { choices: options.map(quoted).join(', ') });
  found.push({ severity: 'warning', code, pointer, path: path(pointer), message: (say) => `${path(pointer)}: ${say('there is no choice {value}', { value: shown(value, say) })}`, hint });
}

/** What of a typed value can be seen without running it. */
function typedProblem(value: unknown, kind: string): Text | undefined {
  if (kind === 'num' && !Number.isFinite(typeof value === 'string' ? Number(value) : value)) return (say) => say('expected {expected}, found {found}', { expected: say('a number'), found: shown(value, say) });
  if (kind === 'bool' && !['true', 'false'].includes(String(value))) return (say) => say('expected {expected}, found {found}', { expected: say('true or false'), found: shown(value, say) });
  if (kind !== 'json' || typeof value !== 'string') return undefined;
  try {
    JSON.parse(value);
    return undefined;
  } catch {
    return (say) => say('this is not JSON');
  }
}

const numbers = { least: (n: number): Text => (say) => say('at least {n}', { n }), most: (n: number): Text => (say) => say('at most {n}', { n }) };
const characters = { least: (n: number): Text => (say) => say('at least {n} characters', { n }), most: (n: number): Text => (say) => say('at most {n} characters', { n }) };
const items = { least: (n: number): Text => (say) => say('at least {n} items', { n }), most: (n: number): Text => (say) => say('at most {n} items', { n }) };

const path = (pointer: string): string => plain(pointer.slice(1));
const isObject = (value: unknown): value is Properties => typeof value === 'object' && value !== null && !Array.isArray(value);
const own = (object: unknown, name: string): unknown => (isObject(object) && Object.hasOwn(object, name) ? object[name] : undefined);
