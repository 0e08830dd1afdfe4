// How a form reads and changes values of an item. Nothing here changes anything in place, and what the form does not know stays as it is.

import type { Field } from '../api/node-types';

export type Holder = Readonly<Record<string, unknown>>;
export type Path = readonly (string | number)[];

export const isHolder = (value: unknown): value is Holder => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value, or what counts when there is none. */
export const shownOf = (field: Field, holder: Holder): unknown => holder[field.name] ?? field.default;

/** As the gateway decides it: by the value of another field, or by its default. */
export function isVisible(field: Field, fields: readonly Field[], holder: Holder): boolean {
  if (!field.visible_if) return true;
  const { field: other, values } = field.visible_if;
  const value = holder[other] ?? fields.find((one) => one.name === other)?.default;
  // A switch that has never been touched is off.
  const known = value ?? (fields.find((one) => one.name === other)?.kind === 'bool' ? false : undefined);
  return known !== undefined && known !== null && values.includes(textOf(known));
}

export function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  return typeof value === 'object' ? JSON.stringify(value, null, 2) : String(value);
}

export const isAbsent = (value: unknown): boolean => value === undefined || value === null || value === '';

/** `${NAME}` as a whole is looked up in the environment when the flow starts, whatever kind of value the field has. */
export function referenceIn(value: unknown): string | undefined {
  return typeof value === 'string' ? /^\$\{([^{}]+)\}$/.exec(value)?.[1] : undefined;
}

/** Off for what is no yes: `"0"`, `"false"`, nothing. */
export const isOn = (value: unknown): boolean => value === true || value === 1 || value === 'true' || value === '1';

/** A copy in which another value stands at the end of the path; `undefined` takes it out. */
export function setIn(value: unknown, path: Path, to: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return to;
  if (typeof key === 'number') {
    const list = Array.isArray(value) ? [...(value as unknown[])] : [];
    const inner = setIn(list[key], rest, to);
    if (inner === undefined) list.splice(key, 1);
    else list[key] = inner;
    return list;
  }
  const holder: Record<string, unknown> = isHolder(value) ? { ...value } : {};
  const inner = setIn(holder[key], rest, to);
  if (inner === undefined) delete holder[key];
  else holder[key] = inner;
  return holder;
}

/** What a new row of a list, or a new item, begins with. */
export function blank(fields: readonly Field[]): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  for (const field of fields) {
    if (field.secret) continue;
    if (field.kind === 'typed') {
      made[field.name] = field.default ?? '';
      made[field.type_field] ??= fields.find((one) => one.name === field.type_field)?.default ?? field.types[0];
    } else if (field.default !== undefined) made[field.name] = structuredClone(field.default);
    else if (field.kind === 'text' || field.kind === 'resource') made[field.name] = '';
  }
  // What does not show means nothing yet.
  const hidden = fields.filter((field) => !isVisible(field, fields, made)).flatMap((field) => (field.kind === 'typed' ? [field.name, field.type_field] : [field.name]));
  return Object.fromEntries(Object.entries(made).filter(([name]) => !hidden.includes(name)));
}

/** A field that has been emptied: some kinds keep an empty text, for others nothing stands there, and the default counts. */
export const emptied = (field: Field, before: unknown): string | undefined => (typeof before === 'string' || field.default === '' ? '' : undefined);

/** A number as it was written before: flows of Node-RED often have numbers as texts. */
export function typedNumber(text: string, before: unknown): string | number {
  const number = Number(text);
  return typeof before === 'string' || text.trim() === '' || !Number.isFinite(number) ? text : number;
}

/** The value of a chosen option, of the kind that stood there: `true` stays a boolean and 1 a number. */
export function chosen(option: string, before: unknown): unknown {
  if (typeof before === 'boolean' && (option === 'true' || option === 'false')) return option === 'true';
  if (typeof before === 'number' && option.trim() !== '' && Number.isFinite(Number(option))) return Number(option);
  return option;
}

/** JSON that a person has written: objects and lists stand in the flow as such, unless they stood there as text. */
export function typedJson(text: string, before: unknown): unknown {
  if (typeof before === 'string' && before !== '') return text;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? text : value;
  } catch {
    return text;
  }
}

export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const copy = [...list];
  const [one] = copy.splice(from, 1);
  if (one !== undefined) copy.splice(to, 0, one);
  return copy;
}
