// What is wrong with the document, as far as the editor can see while somebody types. The gateway looks further: it has the last word.

import { fieldProblems, type Found } from './check-fields';
import type { FlowDoc } from './flow-doc';
import { kindOf, placeOf, subflowOf, type Item } from './item';
import { nearest } from './near';
import { inputsOf, outputsOf } from './ports';
import type { Types } from './types';
import { didYouMean, english, kindOfValue, named, quoted, type Say } from './words';

/** As the gateway tells it. */
export interface Problem {
  readonly severity: 'error' | 'disabled' | 'warning';
  readonly code: string;
  /** Where, from the item on: `/rules/0/v`. */
  readonly pointer: string;
  readonly node?: string;
  readonly message: string;
  readonly hint?: string;
}

const STRUCTURE = new Set(['tab', 'subflow', 'group', 'global-config']);
/** Looking for near names in a large document takes its time, and after this many nobody reads them. */
const SUGGESTIONS = 50;
/** More are not told: whoever has mended these sees the next ones. */
const MOST_PROBLEMS = 1_000;

/** What an item's fields alone say is the same for as long as the item is the same. */
const known = new WeakMap<Types, WeakMap<Item, readonly Found[]>>();

/** Worst first, then as they stand in the document. */
export function check(doc: FlowDoc, types: Types, say: Say = english): Problem[] {
  const problems: Problem[] = [];
  const look = new Look(doc, types, problems, say);
  for (const item of doc.items()) {
    look.item(item);
    if (problems.length > MOST_PROBLEMS) break;
  }
  for (const item of doc.leftOut) look.duplicate(item);
  const weight = { error: 0, disabled: 1, warning: 2 };
  return problems.map((problem, n) => ({ problem, n })).sort((a, b) => weight[a.problem.severity] - weight[b.problem.severity] || a.n - b.n).map(({ problem }) => problem).slice(0, MOST_PROBLEMS);
}

class Look {
  readonly #doc: FlowDoc;
  readonly #types: Types;
  readonly #problems: Problem[];
  readonly #fields: WeakMap<Item, readonly Found[]>;
  readonly #say: Say;
  #suggestions = SUGGESTIONS;

  constructor(doc: FlowDoc, types: Types, problems: Problem[], say: Say) {
    this.#doc = doc;
    this.#say = say;
    this.#types = types;
    this.#problems = problems;
    let fields = known.get(types);
    if (!fields) known.set(types, (fields = new WeakMap()));
    this.#fields = fields;
  }

  item(item: Item): void {
    this.#type(item);
    this.#place(item);
    if (Object.hasOwn(item, 'wires')) this.#wires(item);
    let found = this.#fields.get(item);
    if (!found) this.#fields.set(item, (found = fieldProblems(item, this.#types)));
    for (const each of found) {
      if (each.refers) this.#reference(item, each);
      else this.#add(item, each.severity, each.code, each.pointer, each.message(this.#say), each.hint?.(this.#say));
    }
  }

  duplicate(item: Item): void {
    const first = this.#doc.get(item.id)!;
    this.#problems.push({
      severity: 'error',
      code: 'duplicate-id',
      pointer: '/id',
      node: item.id,
      message: this.#say('the id {id} stands twice: the second, {second}, was left out, for {first} has it', { id: quoted(item.id), second: named(item), first: named(first) }),
      hint: this.#say('bring the second one in again by an import: it gets another id'),
    });
  }

  #add(item: Item, severity: Problem['severity'], code: string, pointer: string, message: string, hint?: string): void {
    const tab = this.#doc.get(placeOf(item));
    // What does not run does no harm.
    const isOff = item.d === true || item.disabled === true || (tab?.type === 'tab' && tab.disabled === true);
    this.#problems.push({ severity: isOff ? 'warning' : severity, code, pointer, node: item.id, message: `${named(item)}: ${message}`, ...(hint ? { hint } : {}) });
  }

  #near(name: string, among: () => Iterable<string>): string | undefined {
    if (this.#suggestions <= 0) return undefined;
    this.#suggestions -= 1;
    return didYouMean(nearest(name, among()), this.#say);
  }

  #ids(fits: (item: Item) => boolean): () => string[] {
    return () => this.#doc.items().flatMap((item) => (fits(item) ? [item.id] : []));
  }

  #type(item: Item): void {
    if (STRUCTURE.has(item.type) || this.#types.get(item.type)) return;
    const subflow = subflowOf(item);
    if (!subflow) {
      const hint = this.#near(item.type, () => this.#types.all.map(({ type }) => type));
      this.#add(item, 'disabled', 'unknown-type', '/type', this.#say('there is no node type {type}; the node does not run, the rest does', { type: quoted(item.type) }), hint);
    } else if (this.#doc.get(subflow)?.type !== 'subflow') {
      const hint = this.#near(subflow, this.#ids(({ type }) => type === 'subflow'));
      this.#add(item, 'disabled', 'missing-subflow', '/type', this.#say('the subflow {id} is not in the document; the node does not run', { id: quoted(subflow) }), hint);
    }
  }

  #place(item: Item): void {
    const kind = kindOf(item);
    const z = placeOf(item);
    if (z === '') {
      if (kind === 'node' || kind === 'group') this.#add(item, 'warning', 'no-tab', '', this.#say('it is on no tab; it runs, but no editor shows it'), this.#say('put the id of a tab into "z"'));
      return;
    }
    const place = this.#doc.get(z);
    if (place?.type === 'tab' || place?.type === 'subflow' || kind === 'flow' || kind === 'subflow') return;
    const message = place ? this.#say('"z" is the tab or subflow that the node is on, and {item} is neither', { item: named(place) }) : this.#say('the tab {id} is not in the document', { id: quoted(z) });
    this.#add(item, 'warning', 'missing-tab', '/z', message, this.#near(z, this.#ids(({ type }) => type === 'tab' || type === 'subflow')));
  }

  #wires(item: Item): void {
    if (!Array.isArray(item.wires)) return this.#badWires(item, '/wires', item.wires, this.#say('a list of outputs'));
    let used = 0;
    (item.wires as unknown[]).forEach((ends, port) => {
      if (!Array.isArray(ends)) return this.#badWires(item, `/wires/${port}`, ends, this.#say('a list of ids'));
      if (ends.length > 0) used = port + 1;
      (ends as unknown[]).forEach((end, n) => {
        if (typeof end === 'string') this.#wire(item, end, `/wires/${port}/${n}`);
        else this.#badWires(item, `/wires/${port}/${n}`, end, this.#say('the id of a node'));
      });
    });
    if (used === 0 || !this.#knowsPorts(item)) return;
    const outputs = outputsOf(item, this.#types, this.#doc);
    if (used <= outputs) return;
    const values = { n: outputs, used };
    const message =
      outputs === 0
        ? this.#say('it has no output, and wires at output {used}; nothing is sent there', values)
        : outputs === 1
          ? this.#say('it has one output, and wires at output {used}; nothing is sent there', values)
          : this.#say('it has {n} outputs, and wires at output {used}; nothing is sent there', values);
    this.#add(item, 'warning', 'too-many-wires', `/wires/${used - 1}`, message);
  }

  #badWires(item: Item, pointer: string, found: unknown, expected: string): void {
    this.#add(item, 'error', 'bad-wires', pointer, this.#say('its wires: expected {expected}, found {found}', { expected, found: kindOfValue(found, this.#say) }), this.#say('wires are lists of ids in a list, one for each output: [["id"]]'));
  }

  #wire(item: Item, to: string, pointer: string): void {
    const target = this.#doc.get(to);
    if (!target) {
      const hint = this.#near(to, this.#ids(({ id }) => id !== item.id));
      return this.#add(item, 'error', 'wire-to-nowhere', pointer, this.#say('it is wired to {id}, which is not in the document', { id: quoted(to) }), hint);
    }
    if (STRUCTURE.has(target.type) || (this.#knowsPorts(target) && inputsOf(target, this.#types, this.#doc) === 0)) {
      this.#add(item, 'warning', 'wire-to-no-input', pointer, this.#say('it is wired to {node}, which takes no messages', { node: named(target) }));
    } else if (placeOf(item) !== placeOf(target)) {
      this.#add(item, 'warning', 'wire-across-tabs', pointer, this.#say('it is wired to {node}, which is on another tab', { node: named(target) }), this.#say('use a link out and a link in, or the inputs and outputs of a subflow'));
    }
  }

  #knowsPorts(item: Item): boolean {
    const subflow = subflowOf(item);
    return subflow ? this.#doc.get(subflow)?.type === 'subflow' : this.#types.get(item.type) !== undefined;
  }

  /** Of what a field names: whether it is there, and is what is wanted. */
  #reference(item: Item, { refers, pointer, path }: Found): void {
    const { id, of } = refers!;
    const found = this.#doc.get(id);
    if (found && (of === undefined || found.type === of)) return;
    if (of === undefined) {
      this.#add(item, 'warning', 'missing-node', pointer, this.#say('{path}: {id} is not in the document', { path, id: quoted(id) }), this.#near(id, this.#ids(() => true)));
    } else if (found) {
      this.#add(item, 'error', 'wrong-resource', pointer, this.#say('{path}: expected a {type}, and {item} is a {other}', { path, type: of, item: named(found), other: quoted(found.type) }));
    } else {
      const all = this.#ids(({ type }) => type === of);
      const hint = this.#near(id, all) ?? (this.#suggestions > 0 && all().length === 0 ? this.#say('the document has no {type}: add one', { type: of }) : undefined);
      this.#add(item, 'error', 'missing-resource', pointer, this.#say('{path}: the {type} {id} is not in the document', { path, type: of, id: quoted(id) }), hint);
    }
  }
}

