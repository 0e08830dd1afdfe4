// What is wrong with a value, in words for the person who types it. The gateway has the last word: this says early what it would say.

import type { Field } from '../api/node-types';
import { faultOf } from '../doc/json-fault';
import { t } from '../i18n/i18n.svelte';
import { kindOfTyped, typedKind, type Writing } from './typed-kinds';
import { isAbsent, isHolder, referenceIn, textOf, type Holder } from './values';

/** Undefined when nothing is wrong. Values of other fields of the same holder count for typed ones. */
export function wrongOf(field: Field, holder: Holder): string | undefined {
  // Whether a secret is there, only the gateway knows.
  if (field.secret) return undefined;
  const value = holder[field.name];
  if (field.kind === 'typed') return wrongTyped(field, holder);
  if (isAbsent(value)) return field.required && field.default === undefined ? t('This is needed.') : undefined;
  if (referenceIn(value) !== undefined) return undefined;
  switch (field.kind) {
    case 'number':
    case 'integer':
      return wrongNumber(field, value, field.kind === 'integer');
    case 'text':
      return outside(field, textOf(value).length, characters);
    case 'choice':
      return field.options.some((option) => option.value === textOf(value)) ? undefined : t('There is no choice “{value}”.', { value: textOf(value) });
    case 'list':
      return Array.isArray(value) ? outside(field, value.length, rows) : t('This should be a list.');
    case 'group':
      return isHolder(value) ? undefined : t('This should be an object.');
    case 'json':
      return typeof value === 'string' && /^\s*[[{]/.test(value) ? wrongJson(value) : undefined;
    default:
      return undefined;
  }
}

function wrongNumber(field: Field, value: unknown, whole: boolean): string | undefined {
  const number = typeof value === 'number' ? value : typeof value === 'string' ? Number(value) : Number.NaN;
  if (!Number.isFinite(number)) return t('This is no number.');
  if (whole && !Number.isInteger(number)) return t('This has to be a whole number.');
  return outside(field, number, numbers);
}

interface Words {
  readonly least: (limit: number) => string;
  readonly most: (limit: number) => string;
}

const numbers: Words = { least: (limit) => t('At least {limit}.', { limit }), most: (limit) => t('At most {limit}.', { limit }) };
const characters: Words = { least: (limit) => t('At least {limit} characters.', { limit }), most: (limit) => t('At most {limit} characters.', { limit }) };
const rows: Words = { least: (limit) => t('At least {limit} rows.', { limit }), most: (limit) => t('At most {limit} rows.', { limit }) };

function outside({ min, max }: Field, size: number, words: Words): string | undefined {
  if (min !== undefined && size < min) return words.least(min);
  return max !== undefined && size > max ? words.most(max) : undefined;
}

function wrongTyped(field: Extract<Field, { kind: 'typed' }>, holder: Holder): string | undefined {
  const kind = kindOfTyped(field, holder);
  if (!field.types.includes(kind)) return t('Values of the kind “{kind}” cannot be used here.', { kind });
  const value = holder[field.name];
  const { writing } = typedKind(kind, field.types);
  if (isAbsent(value)) {
    const needed = field.required && field.default === undefined && writing !== 'none' && writing !== 'date' && writing !== 'text';
    return needed ? t('This is needed.') : undefined;
  }
  return wrongWritten(writing, value) ?? (writing === 'number' ? outside(field, Number(value), numbers) : undefined);
}

/** What is wrong with a value of a kind. */
export function wrongWritten(writing: Writing, value: unknown): string | undefined {
  const text = textOf(value);
  if (referenceIn(text) !== undefined) return undefined;
  switch (writing) {
    case 'number':
      return Number.isFinite(Number(text)) && text.trim() !== '' ? undefined : t('This is no number.');
    case 'json':
      return typeof value === 'string' ? wrongJson(value) : undefined;
    case 'bytes':
      return wrongBytes(value);
    case 'regex':
      return wrongRegex(text);
    case 'path':
      return wrongPath(text);
    case 'key':
      return wrongPath(text.replace(/^#:\([^)]*\)::/, ''));
    default:
      return undefined;
  }
}

export function wrongJson(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    const fault = faultOf(text, t);
    if (fault) return t('This is no JSON, line {line}, column {column}: {what}', { line: fault.line, column: fault.column, what: fault.message });
    return t('This is no JSON: {why}', { why: error instanceof Error ? error.message : String(error) });
  }
}

function wrongBytes(value: unknown): string | undefined {
  try {
    const bytes: unknown = typeof value === 'string' ? JSON.parse(value) : value;
    if (typeof bytes === 'string' || (Array.isArray(bytes) && bytes.every((byte) => typeof byte === 'number'))) return undefined;
  } catch {
    // Told below, for both.
  }
  return t('Bytes are a list of numbers from 0 to 255, or a text in quotes.');
}

function wrongRegex(text: string): string | undefined {
  try {
    new RegExp(text, 'u');
    return undefined;
  } catch {
    // Some that the gateway takes are none with the flag, so only what fails without it too is wrong.
  }
  try {
    new RegExp(text.replace(/^\(\?[imsx]+\)/, ''));
    return undefined;
  } catch (error) {
    return t('This is no regular expression: {why}', { why: error instanceof Error ? error.message : String(error) });
  }
}

const PATH = /^(?:[^.[\]\s'"]+|\[(?:\d+|"[^"]*"|'[^']*'|[^[\]]+(?:\[[^[\]]*\])*)\])(?:\.[^.[\]\s'"]+|\[(?:\d+|"[^"]*"|'[^']*'|[^[\]]+(?:\[[^[\]]*\])*)\])*$/u;

function wrongPath(text: string): string | undefined {
  return text === '' || PATH.test(text) ? undefined : t('This is no property: write payload, a.b or list[0].');
}
