// A value as lines that can be opened: what JsonTree draws. No DOM here.

import { writeExactly } from '../api/exact';

export interface Line {
  readonly path: string;
  readonly key: string;
  readonly depth: number;
  readonly value: unknown;
  readonly kind: Kind;
  /** How many are inside of it. */
  readonly size: number;
  readonly open: boolean;
  /** Not a value but what stands for those that are not drawn: how many. */
  readonly more?: number;
}

export type Kind = 'object' | 'array' | 'bytes' | 'string' | 'number' | 'boolean' | 'nothing' | 'internal' | 'row' | 'more';

/** What is inside of an opened value is drawn so many at a time. */
export const STEP = 100;
const BYTES_A_ROW = 16;
const DEEPEST = 100;

/** As the gateway marks what JSON cannot say, or what it has cut: `{__enc__: true, type, data, length}`, and Node.js its buffers. */
interface Mark {
  readonly type: string;
  readonly data?: unknown;
  readonly length?: number;
}

function markOf(value: unknown): Mark | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const object = value as Record<string, unknown>;
  const isBuffer = object.type === 'Buffer' && Array.isArray(object.data) && Object.keys(object).length === 2;
  return object.__enc__ === true || isBuffer ? (object as unknown as Mark) : undefined;
}

export interface Bytes {
  readonly shown: readonly number[];
  readonly length: number;
}

export function bytesOf(value: unknown): Bytes | undefined {
  const mark = markOf(value);
  if (mark?.type !== 'Buffer' || !Array.isArray(mark.data)) return undefined;
  return { shown: mark.data as number[], length: mark.length ?? mark.data.length };
}

export function kindOf(value: unknown): Kind {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'array';
  const type = typeof value;
  if (type === 'string' || type === 'number' || type === 'boolean') return type;
  const mark = markOf(value);
  if (!mark) return 'object';
  if (mark.type === 'array') return 'array';
  if (mark.type === 'Buffer') return 'bytes';
  return mark.type === 'number' ? 'number' : 'internal';
}

/** What is drawn of a number that JSON cannot say. */
export const numberOf = (value: unknown): string => String(markOf(value)?.data ?? value);

function itemsOf(value: unknown): { items: readonly unknown[]; length: number } {
  if (Array.isArray(value)) return { items: value, length: value.length };
  const mark = markOf(value);
  const items = Array.isArray(mark?.data) ? mark.data : [];
  return { items, length: mark?.length ?? items.length };
}

export function sizeOf(value: unknown): number {
  const kind = kindOf(value);
  if (kind === 'array') return itemsOf(value).length;
  if (kind === 'bytes') return bytesOf(value)?.length ?? 0;
  return kind === 'object' ? Object.keys(value as object).length : 0;
}

const hex = (byte: number): string => (byte & 255).toString(16).padStart(2, '0');

/** 16 bytes in hexadecimal, and beside them those that are letters. */
function rowOf(bytes: readonly number[]): string {
  const letters = bytes.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
  return `${bytes.map(hex).join(' ').padEnd(BYTES_A_ROW * 3)} ${letters}`;
}

/** The lines of a value whose opened paths are known; `limits` says where more than the first are drawn. */
export function linesOf(value: unknown, root: string, open: ReadonlySet<string>, limits: ReadonlyMap<string, number> = new Map()): Line[] {
  const lines: Line[] = [];
  const add = (key: string, path: string, depth: number, item: unknown): void => {
    const kind = kindOf(item);
    const size = sizeOf(item);
    const isOpen = size > 0 && open.has(path);
    lines.push({ path, key, depth, value: item, kind, size, open: isOpen });
    if (!isOpen || depth >= DEEPEST) return;
    const most = limits.get(path) ?? STEP;
    const more = (drawn: number, there: number, length: number): void => {
      if (there > drawn) lines.push({ path: `${path}\n`, key: '', depth: depth + 1, value: path, kind: 'more', size: 0, open: false, more: there - drawn });
      else if (length > there) lines.push({ path: `${path}\n`, key: '', depth: depth + 1, value: undefined, kind: 'more', size: 0, open: false, more: length - there });
    };
    if (kind === 'array') {
      const { items, length } = itemsOf(item);
      items.slice(0, most).forEach((child, n) => add(String(n), `${path}[${n}]`, depth + 1, child));
      more(Math.min(most, items.length), items.length, length);
    } else if (kind === 'bytes') {
      const { shown, length } = bytesOf(item) ?? { shown: [], length: 0 };
      const drawn = Math.min(shown.length, most * BYTES_A_ROW);
      for (let at = 0; at < drawn; at += BYTES_A_ROW) {
        const row = shown.slice(at, Math.min(at + BYTES_A_ROW, drawn));
        lines.push({ path: `${path}[${at}]`, key: at.toString(16).padStart(4, '0'), depth: depth + 1, value: rowOf(row), kind: 'row', size: 0, open: false });
      }
      more(drawn, shown.length, length);
    } else {
      const entries = Object.entries(item as object);
      for (const [name, child] of entries.slice(0, most)) add(name, joined(path, name), depth + 1, child);
      more(Math.min(most, entries.length), entries.length, entries.length);
    }
  };
  add('', root, 0, value);
  return lines;
}

/** As it would be written in a function: `payload.a[0]["b c"]`. */
export function joined(path: string, name: string): string {
  if (/^[A-Za-z_$][\w$]*$/.test(name)) return path === '' ? name : `${path}.${name}`;
  return `${path}[${JSON.stringify(name)}]`;
}

/** The beginning of a value on one line, for what is closed. */
export function preview(value: unknown, longest = 120): string {
  const write = (item: unknown, left: number, depth: number): string => {
    const kind = kindOf(item);
    if (kind === 'string') return JSON.stringify((item as string).slice(0, left));
    if (kind === 'number') return numberOf(item);
    if (kind === 'bytes') {
      const { shown, length } = bytesOf(item) ?? { shown: [], length: 0 };
      return `${shown.slice(0, 24).map(hex).join(' ')}${length > 24 ? ' …' : ''}`;
    }
    if (kind === 'internal') return '…';
    if (kind !== 'array' && kind !== 'object') return String(item);
    const isList = kind === 'array';
    if (depth > 2) return isList ? '[…]' : '{…}';
    const entries: [string, unknown][] = isList ? itemsOf(item).items.slice(0, 50).map((child) => ['', child]) : Object.entries(item as object);
    let text = '';
    for (const [name, child] of entries) {
      if (text.length >= left) {
        text += ', …';
        break;
      }
      text += `${text ? ', ' : ''}${isList ? '' : `${name}: `}${write(child, Math.max(8, left - text.length), depth + 1)}`;
    }
    return isList ? `[${text}]` : `{${text}}`;
  };
  const text = write(value, longest, 0);
  return text.length > longest + 20 ? `${text.slice(0, longest)}…` : text;
}

/** What is copied: JSON, a text as it is, bytes in hexadecimal. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const kind = kindOf(value);
  if (kind === 'bytes') return (bytesOf(value)?.shown ?? []).map(hex).join('');
  if (kind === 'number') return numberOf(value);
  return kind === 'nothing' ? String(value) : writeExactly(value, 2);
}
