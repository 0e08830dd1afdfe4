// What messages look like: which keys they have, of which types, with an example. From the last real ones, newest first.

export interface Seen {
  readonly name: string;
  /** `number`, or `number, text` where it was not always the same. */
  readonly type: string;
  /** Of the newest message, short. */
  readonly example: string;
}

const LONGEST = 40;
const MOST_KEYS = 200;
const MOST_PATHS = 100;
const DEPTH = 4;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the gateway has cut is marked as Node-RED marks it: what it was stands in it. */
function plain(value: unknown): unknown {
  if (!isObject(value) || value.__enc__ !== true) return value;
  return value.type === 'array' && Array.isArray(value.data) ? value.data : value;
}

export function typeOf(value: unknown): string {
  const inner = plain(value);
  if (isObject(inner) && inner.__enc__ === true) return inner.type === 'Buffer' ? 'bytes' : inner.type === 'number' ? 'number' : 'internal';
  if (inner === null || inner === undefined) return 'null';
  if (Array.isArray(inner)) return 'list';
  return { string: 'text', number: 'number', boolean: 'boolean', object: 'object' }[typeof inner as string] ?? 'text';
}

export function exampleOf(value: unknown): string {
  const inner = plain(value);
  if (isObject(inner) && inner.__enc__ === true) return typeof inner.length === 'number' ? `${inner.length} B` : String(inner.data ?? '');
  const text = JSON.stringify(inner) ?? '';
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** Values at a path in each message; an index of a list stands for all of its items. */
function valuesAt(messages: readonly unknown[], path: readonly string[]): unknown[] {
  let values = messages.map(plain);
  for (const key of path) {
    values = values.flatMap((value) => {
      const inner = Array.isArray(value) && /^\d+$|^\*$/.test(key) ? value : [isObject(value) ? value[key] : undefined];
      return inner.filter((one) => one !== undefined).map(plain);
    });
  }
  return values;
}

/** The keys that were seen at a path: `keysAt(messages, ['payload'])` is what can stand behind `msg.payload.`. */
export function keysAt(messages: readonly unknown[], path: readonly string[]): Seen[] {
  const seen = new Map<string, { types: Set<string>; example: string }>();
  for (const value of valuesAt([...messages].reverse(), path)) {
    if (!isObject(value) || value.__enc__ === true) continue;
    for (const [name, inner] of Object.entries(value)) {
      const known = seen.get(name);
      if (known) known.types.add(typeOf(inner));
      else if (seen.size < MOST_KEYS) seen.set(name, { types: new Set([typeOf(inner)]), example: exampleOf(inner) });
    }
  }
  return [...seen].map(([name, { types, example }]) => ({ name, type: [...types].join(', '), example }));
}

const isWord = (name: string): boolean => /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name);

/** Every path in the messages that leads to something, the shallow ones first: for fields that name a property of a message. */
export function pathsIn(messages: readonly unknown[]): { path: string; type: string; example: string }[] {
  const found: { path: string; type: string; example: string }[] = [];
  let level: string[][] = [[]];
  for (let depth = 0; depth < DEPTH && found.length < MOST_PATHS; depth += 1) {
    const next: string[][] = [];
    for (const keys of level) {
      for (const { name, type, example } of keysAt(messages, keys)) {
        if (found.length >= MOST_PATHS) break;
        const way = [...keys, name];
        found.push({ path: way.map((key, n) => (isWord(key) ? (n ? `.${key}` : key) : `["${key}"]`)).join(''), type, example });
        if (type.includes('object')) next.push(way);
      }
    }
    level = next;
  }
  return found;
}
