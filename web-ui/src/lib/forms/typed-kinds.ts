// What the kinds of typed values are called, the sign that stands for each, and how its value is written.

import type { Field } from '../api/node-types';

export type Writing = 'text' | 'number' | 'bool' | 'json' | 'bytes' | 'date' | 'path' | 'key' | 'env' | 'expression' | 'regex' | 'secret' | 'none';

export interface TypedKind {
  readonly label: string;
  readonly sign: string;
  readonly writing: Writing;
}

const kinds: Readonly<Record<string, TypedKind>> = {
  str: { label: 'Text', sign: 'az', writing: 'text' },
  num: { label: 'Number', sign: '09', writing: 'number' },
  bool: { label: 'True or false', sign: '◐', writing: 'bool' },
  json: { label: 'JSON', sign: '{}', writing: 'json' },
  bin: { label: 'Bytes', sign: '01', writing: 'bytes' },
  date: { label: 'Time', sign: '◷', writing: 'date' },
  re: { label: 'Regular expression', sign: '.*', writing: 'regex' },
  msg: { label: 'Property of the message', sign: 'msg.', writing: 'path' },
  flow: { label: 'Context of the flow', sign: 'flow.', writing: 'key' },
  global: { label: 'Global context', sign: 'global.', writing: 'key' },
  env: { label: 'Environment', sign: '${}', writing: 'env' },
  jsonata: { label: 'JSONata expression', sign: 'J:', writing: 'expression' },
  cred: { label: 'Secret', sign: '•••', writing: 'secret' },
  len: { label: 'Fixed length', sign: '#', writing: 'number' },
  prev: { label: 'Previous value', sign: '↶', writing: 'none' },
  full: { label: 'The whole message', sign: 'msg', writing: 'none' },
  seq: { label: 'Messages of a sequence', sign: '≡', writing: 'none' },
  elem: { label: 'The item itself', sign: '∙', writing: 'none' },
  auto: { label: 'The same as in the panel', sign: '=', writing: 'none' },
  counter: { label: 'Number of messages', sign: 'n', writing: 'none' },
  pay: { label: 'The payload that came', sign: 'msg', writing: 'none' },
  payl: { label: 'The latest payload', sign: 'msg', writing: 'none' },
  nul: { label: 'Nothing', sign: '∅', writing: 'none' },
  string: { label: 'Type: text', sign: 'az', writing: 'none' },
  number: { label: 'Type: number', sign: '09', writing: 'none' },
  boolean: { label: 'Type: true or false', sign: '◐', writing: 'none' },
  array: { label: 'Type: list', sign: '[]', writing: 'none' },
  buffer: { label: 'Type: bytes', sign: '01', writing: 'none' },
  object: { label: 'Type: object', sign: '{}', writing: 'none' },
  undefined: { label: 'Type: not there', sign: '?', writing: 'none' },
  null: { label: 'Type: null', sign: '∅', writing: 'none' },
};

/** Where types of values can be chosen themselves, JSON is one of them: "is it JSON?". */
const namesTypes = (types: readonly string[]): boolean => types.includes('undefined');

export function typedKind(kind: string, types: readonly string[]): TypedKind {
  if (kind === 'json' && namesTypes(types)) return { label: 'Type: JSON text', sign: '{}', writing: 'none' };
  return (Object.hasOwn(kinds, kind) ? kinds[kind] : undefined) ?? { label: kind, sign: '?', writing: 'text' };
}

/** Types of values stand in the value too, as Node-RED writes them; other kinds without a value leave it empty. */
export const valueWithout = (kind: string, types: readonly string[]): string =>
  namesTypes(types) && ['string', 'number', 'boolean', 'array', 'buffer', 'object', 'json', 'undefined', 'null'].includes(kind) ? kind : '';

export const kindOfTyped = (field: Extract<Field, { kind: 'typed' }>, holder: Readonly<Record<string, unknown>>): string => {
  const kind = holder[field.type_field];
  return typeof kind === 'string' && kind !== '' ? kind : (field.types[0] ?? 'str');
};

export const typedKindLabels: readonly string[] = [...Object.values(kinds).map((kind) => kind.label), 'Type: JSON text'];
