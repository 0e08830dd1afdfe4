// Search over every property of everything, with near names. Secrets are not looked at.

import type { FlowDoc } from './flow-doc';
import type { Item } from './item';
import { likeness } from './near';
import { labelOf } from './ports';
import { isSecretAt } from './secrets';
import type { Types } from './types';

export interface Found {
  readonly id: string;
  /** Where: `name`, `rules/0/v`. */
  readonly property: string;
  /** What stands there, cut around what was found. */
  readonly snippet: string;
  /** Where in the snippet it is; nothing where only a near name was found. */
  readonly match?: readonly [start: number, end: number];
  readonly score: number;
}

const MOST_FOUND = 200;
const MOST_WORDS = 8;
const LONGEST_QUERY = 200;
/** Of one property: a script or a table may be a megabyte, and what is sought stands at its start more often than not. */
const LONGEST_TEXT = 20_000;
const MOST_TEXTS = 200;
const AROUND = 30;
const NEAR = 0.75;

interface Text {
  readonly property: string;
  readonly text: string;
  /** In small letters; as long as `text`, or nothing can be found in it by place. */
  readonly small: string;
  readonly weight: number;
}

interface Indexed {
  readonly label: string;
  readonly texts: readonly Text[];
}

/** Ids and what says how something is drawn are no words that anybody seeks. */
const SILENT = new Set(['z', 'g', 'x', 'y', 'w', 'h', 'l', 'd', 'wires', 'nodes', 'links', 'scope', 'in', 'out', 'status', 'color', 'style', 'credentials', 'meta']);
const WEIGHTS: ReadonlyMap<string, number> = new Map([['name', 60], ['label', 60], ['type', 40], ['id', 30], ['info', 15]]);

/** An item that has not changed is not read again. */
const known = new WeakMap<Types, WeakMap<Item, Indexed>>();

/** The best first. All words of the query have to be somewhere in an item; an item is found once, where it fits best. */
export function search(doc: FlowDoc, query: string, types: Types): Found[] {
  const whole = query.slice(0, LONGEST_QUERY).trim().toLowerCase();
  const words = whole.split(/\s+/).filter((word) => word !== '').slice(0, MOST_WORDS);
  if (words.length === 0) return [];
  let index = known.get(types);
  if (!index) known.set(types, (index = new WeakMap()));
  const found: Found[] = [];
  for (const item of doc.items()) {
    let indexed = index.get(item);
    if (!indexed) index.set(item, (indexed = read(item, doc, types)));
    const best = exact(item, indexed, whole, words) ?? near(item, indexed, whole, doc);
    if (best) found.push(best);
  }
  return found.sort((a, b) => b.score - a.score).slice(0, MOST_FOUND);
}

function read(item: Item, doc: FlowDoc, types: Types): Indexed {
  const texts: Text[] = [];
  const add = (property: string, value: string): void => {
    const text = value.slice(0, LONGEST_TEXT);
    texts.push({ property, text, small: text.toLowerCase(), weight: WEIGHTS.get(property) ?? 20 });
  };
  const walk = (property: string, pointer: string, value: unknown, depth: number): void => {
    if (texts.length >= MOST_TEXTS || value === null || value === undefined || value === '') return;
    if (typeof value !== 'object') add(property, String(value));
    else if (depth < 8) {
      for (const [name, each] of Object.entries(value)) {
        const below = `${pointer}/${name}`;
        if (!isSecretAt(item, below, types) || holds(each)) walk(`${property}/${name}`, below, each, depth + 1);
        if (texts.length >= MOST_TEXTS) return;
      }
    }
  };
  for (const [name, value] of Object.entries(item)) {
    if (SILENT.has(name) || (isSecretAt(item, `/${name}`, types) && name !== 'env')) continue;
    walk(name, `/${name}`, value, 0);
  }
  return { label: labelOf(item, doc, types).toLowerCase(), texts };
}

/** What is no value itself is looked into: only a part of it may be secret. */
const holds = (value: unknown): boolean => typeof value === 'object' && value !== null;

function exact(item: Item, { label, texts }: Indexed, whole: string, words: readonly string[]): Found | undefined {
  let best: Found | undefined;
  const missing = new Set(words);
  for (const { property, text, small, weight } of texts) {
    for (const word of missing) if (small.includes(word)) missing.delete(word);
    let sought = whole;
    let at = small.indexOf(whole);
    if (at < 0 && words.length > 1) {
      sought = words.find((word) => small.includes(word)) ?? '';
      at = sought ? small.indexOf(sought) : -1;
    }
    if (at < 0) continue;
    const score = weight + (sought === whole ? 20 : 0) + (small === sought ? 20 : at === 0 ? 8 : /\W/.test(small[at - 1]!) ? 4 : 0) + (label.startsWith(whole) ? 10 : 0);
    if (!best || score > best.score) best = { id: item.id, property, score, ...cut(text, small, at, sought.length) };
  }
  return missing.size === 0 ? best : undefined;
}

/** A slip in a name or a type. */
function near(item: Item, { label, texts }: Indexed, whole: string, doc: FlowDoc): Found | undefined {
  if (whole.length < 3) return undefined;
  let best = 0;
  for (const name of [label, item.type.toLowerCase()]) {
    for (const word of [name, ...name.split(/[^\p{L}\p{N}]+/u)].slice(0, 12)) {
      if (word.length >= 3 && Math.abs(word.length - whole.length) <= 2) best = Math.max(best, likeness(whole, word));
    }
  }
  if (best < NEAR) return undefined;
  const named = texts.find(({ small }) => small === label);
  return { id: item.id, property: named?.property ?? 'type', snippet: (named?.text ?? labelOf(item, doc)).slice(0, 2 * AROUND), score: Math.round(best * 15) };
}

function cut(text: string, small: string, at: number, length: number): Pick<Found, 'snippet' | 'match'> {
  const from = Math.max(0, at - AROUND);
  const to = Math.min(text.length, at + length + AROUND);
  const [before, after] = [from > 0 ? '…' : '', to < text.length ? '…' : ''];
  const snippet = `${before}${text.slice(from, to).replace(/\s/g, ' ')}${after}`;
  // Some letters have another length in small: then nobody can say where it is.
  if (small.length !== text.length) return { snippet };
  const start = at - from + before.length;
  return { snippet, match: [start, start + length] };
}

