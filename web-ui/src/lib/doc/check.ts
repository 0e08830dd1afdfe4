// What is wrong with the document, as far as the editor can see while somebody types. The gateway looks further: it has the last word.

import { Look, type Looked, type LookedProblem, type Missing, type Problem } from './check-item';
import type { FlowDoc } from './flow-doc';
import type { Item } from './item';
import { nearest } from './near';
import type { Types } from './types';
import { didYouMean, english, named, quoted, type Say } from './words';

export type { Problem } from './check-item';

/** Looking for near names in a large document takes its time, and after this many nobody reads them. */
const SUGGESTIONS = 50;
/** More are not told: whoever has mended these sees the next ones. */
const MOST_PROBLEMS = 1_000;
const WEIGHT = { error: 0, disabled: 1, warning: 2 };

/** What was found the last time. It counts for as long as the item, and all that was looked up for it, are the same. */
const known = new WeakMap<FlowDoc, { readonly types: Types; readonly looked: ReadonlyMap<Item, Looked> }>();

/** Worst first, then as they stand in the document. */
export function check(doc: FlowDoc, types: Types, say: Say = english): Problem[] {
  const last = known.get(doc);
  const before = last?.types === types ? last.looked : undefined;
  const looked = new Map<Item, Looked>();
  const items = doc.items();
  const look = new Look(doc, types);
  const suggestions = new Suggestions(items, types, say);
  const problems: Problem[] = [];
  for (const item of items) {
    let found = before?.get(item);
    if (!found || !isAsBefore(doc, found)) found = look.at(item);
    looked.set(item, found);
    for (const each of found.problems) problems.push(inWords(each, say, each.missing ? suggestions.hint(each.missing, item.id) : each.hint?.(say)));
    if (problems.length > MOST_PROBLEMS) break;
  }
  known.set(doc, { types, looked });
  for (const item of doc.leftOut) problems.push(duplicate(item, doc.get(item.id), say));
  return problems.sort((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity]).slice(0, MOST_PROBLEMS);
}

function isAsBefore(doc: FlowDoc, { uses, lacks }: Looked): boolean {
  return uses.every((item) => doc.get(item.id) === item) && lacks.every((id) => !doc.has(id));
}

function inWords({ severity, code, pointer, node, message }: LookedProblem, say: Say, hint: string | undefined): Problem {
  return { severity, code, pointer, ...(node === undefined ? {} : { node }), message: message(say), ...(hint === undefined ? {} : { hint }) };
}

function duplicate(item: Item, first: Item | undefined, say: Say): Problem {
  const values = { id: quoted(item.id), second: named(item) };
  return {
    severity: 'error',
    code: 'duplicate-id',
    pointer: '/id',
    node: item.id,
    message: first
      ? say('the id {id} stands twice: the second, {second}, was left out, for {first} has it', { ...values, first: named(first) })
      : say('the id {id} stands twice: the second, {second}, was left out', values),
    hint: say('bring the second one in again by an import: it gets another id'),
  };
}

/** Near names: a few, and each list of names is made once. */
class Suggestions {
  readonly #items: readonly Item[];
  readonly #types: Types;
  readonly #say: Say;
  readonly #lists = new Map<string, readonly string[]>();
  #left = SUGGESTIONS;

  constructor(items: readonly Item[], types: Types, say: Say) {
    this.#items = items;
    this.#types = types;
    this.#say = say;
  }

  hint({ name, among }: Missing, self: string): string | undefined {
    if (this.#left <= 0) return undefined;
    this.#left -= 1;
    const names = this.#names(among);
    if (typeof among === 'object' && among.type !== 'subflow' && names.length === 0) return this.#say('the document has no {type}: add one', { type: among.type });
    return didYouMean(nearest(name, names, self), this.#say);
  }

  #names(among: Missing['among']): readonly string[] {
    const key = typeof among === 'string' ? among : `type ${among.type}`;
    let names = this.#lists.get(key);
    if (!names) this.#lists.set(key, (names = among === 'types' ? this.#types.all.map(({ type }) => type) : this.#items.filter((item) => fits(item, among)).map(({ id }) => id)));
    return names;
  }
}

function fits({ type }: Item, among: Missing['among']): boolean {
  if (typeof among === 'object') return type === among.type;
  return among === 'ids' || type === 'tab' || type === 'subflow';
}
