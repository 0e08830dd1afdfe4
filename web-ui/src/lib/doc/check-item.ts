// What is wrong with one item, in itself and with what it names. Whatever else of the document was looked at is noted, so that the
// answer can be used again for as long as all of that is the same.

import { fieldProblems, type Found } from './check-fields';
import type { Items } from './flow-doc';
import { kindOf, placeOf, subflowOf, type Item } from './item';
import { inputsOf, outputsOf } from './ports';
import type { Types } from './types';
import { kindOfValue, named, quoted, type Text } from './words';

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

/** A name that nothing has. Which one was meant depends on everything else in the document, and so it is sought afterwards. */
export interface Missing {
  readonly name: string;
  /** What has names of this sort: types of nodes, anything with an id, tabs and subflows, or items of one type. */
  readonly among: 'types' | 'ids' | 'places' | { readonly type: string };
}

/** In no language yet: what was found outlasts a change of it. */
export type LookedProblem = Omit<Problem, 'message' | 'hint'> & { readonly message: Text; readonly hint?: Text; readonly missing?: Missing };

export interface Looked {
  readonly problems: readonly LookedProblem[];
  /** What was looked up and is there, and the ids of what is not. */
  readonly uses: readonly Item[];
  readonly lacks: readonly string[];
}

export const STRUCTURE: ReadonlySet<string> = new Set(['tab', 'subflow', 'group', 'global-config']);
const NOTHING: readonly never[] = [];

/** Of thousands of items nearly all are right: what is empty takes no room. */
const copied = <Of>(list: readonly Of[]): readonly Of[] => (list.length === 0 ? NOTHING : list.slice());

/** Looks at one item after the other. */
export class Look {
  readonly #types: Types;
  /** As much of a document as is needed to know ports: those of a type that is not known are never asked for. */
  readonly #doc: Items;
  #item!: Item;
  readonly #problems: LookedProblem[] = [];
  readonly #uses: Item[] = [];
  readonly #lacks: string[] = [];

  constructor(doc: Items, types: Types) {
    this.#types = types;
    this.#doc = {
      get: (id) => {
        const found = doc.get(id);
        if (found) this.#uses.push(found);
        else this.#lacks.push(id);
        return found;
      },
      on: () => [],
      incoming: () => [],
    };
  }

  at(item: Item): Looked {
    this.#item = item;
    this.#problems.length = this.#uses.length = this.#lacks.length = 0;
    this.#all();
    return { problems: copied(this.#problems), uses: copied(this.#uses), lacks: copied(this.#lacks) };
  }

  #all(): void {
    this.#type();
    this.#place();
    if (Object.hasOwn(this.#item, 'wires')) this.#wires();
    for (const each of fieldProblems(this.#item, this.#types)) {
      if (each.refers) this.#reference(each, each.refers);
      else this.#add(each.severity, each.code, each.pointer, each.message, each.hint);
    }
  }

  #add(severity: Problem['severity'], code: string, pointer: string, message: Text, hint?: Text | Missing): void {
    const item = this.#item;
    const tab = this.#doc.get(placeOf(item));
    // What does not run does no harm.
    const isOff = item.d === true || item.disabled === true || (tab?.type === 'tab' && tab.disabled === true);
    const help = typeof hint === 'function' ? { hint } : hint ? { missing: hint } : {};
    this.#problems.push({ severity: isOff ? 'warning' : severity, code, pointer, node: item.id, message: (say) => `${named(item)}: ${message(say)}`, ...help });
  }

  #type(): void {
    const { type } = this.#item;
    if (STRUCTURE.has(type) || this.#types.get(type)) return;
    const subflow = subflowOf(this.#item);
    if (!subflow) {
      this.#add('disabled', 'unknown-type', '/type', (say) => say('there is no node type {type}; the node does not run, the rest does', { type: quoted(type) }), { name: type, among: 'types' });
    } else if (this.#doc.get(subflow)?.type !== 'subflow') {
      this.#add('disabled', 'missing-subflow', '/type', (say) => say('the subflow {id} is not in the document; the node does not run', { id: quoted(subflow) }), { name: subflow, among: { type: 'subflow' } });
    }
  }

  #place(): void {
    const kind = kindOf(this.#item);
    const z = placeOf(this.#item);
    if (z === '') {
      if (kind === 'node' || kind === 'group') this.#add('warning', 'no-tab', '', (say) => say('it is on no tab; it runs, but no editor shows it'), (say) => say('put the id of a tab into "z"'));
      return;
    }
    if (kind === 'flow' || kind === 'subflow') return;
    const place = this.#doc.get(z);
    if (place?.type === 'tab' || place?.type === 'subflow') return;
    const message: Text = (say) =>
      place ? say('"z" is the tab or subflow that the node is on, and {item} is neither', { item: named(place) }) : say('the tab {id} is not in the document', { id: quoted(z) });
    this.#add('warning', 'missing-tab', '/z', message, { name: z, among: 'places' });
  }

  #wires(): void {
    const item = this.#item;
    if (!Array.isArray(item.wires)) return this.#badWires('/wires', item.wires, (say) => say('a list of outputs'));
    let used = 0;
    for (const [port, ends] of (item.wires as unknown[]).entries()) {
      if (!Array.isArray(ends)) {
        this.#badWires(`/wires/${port}`, ends, (say) => say('a list of ids'));
        continue;
      }
      if (ends.length > 0) used = port + 1;
      for (const [n, end] of (ends as unknown[]).entries()) {
        if (typeof end === 'string') this.#wire(end, port, n);
        else this.#badWires(`/wires/${port}/${n}`, end, (say) => say('the id of a node'));
      }
    }
    if (used === 0 || !this.#knowsPorts(item)) return;
    const outputs = outputsOf(item, this.#types, this.#doc);
    if (used <= outputs) return;
    this.#add('warning', 'too-many-wires', `/wires/${used - 1}`, (say) => {
      if (outputs === 0) return say('it has no output, and wires at output {used}; nothing is sent there', { used });
      if (outputs === 1) return say('it has one output, and wires at output {used}; nothing is sent there', { used });
      return say('it has {n} outputs, and wires at output {used}; nothing is sent there', { n: outputs, used });
    });
  }

  #badWires(pointer: string, found: unknown, expected: Text): void {
    const message: Text = (say) => say('its wires: expected {expected}, found {found}', { expected: expected(say), found: kindOfValue(found, say) });
    this.#add('error', 'bad-wires', pointer, message, (say) => say('wires are lists of ids in a list, one for each output: [["id"]]'));
  }

  #wire(to: string, port: number, n: number): void {
    const target = this.#doc.get(to);
    if (!target) {
      this.#add('error', 'wire-to-nowhere', `/wires/${port}/${n}`, (say) => say('it is wired to {id}, which is not in the document', { id: quoted(to) }), { name: to, among: 'ids' });
    } else if (STRUCTURE.has(target.type) || (this.#knowsPorts(target) && inputsOf(target, this.#types, this.#doc) === 0)) {
      this.#add('warning', 'wire-to-no-input', `/wires/${port}/${n}`, (say) => say('it is wired to {node}, which takes no messages', { node: named(target) }));
    } else if (placeOf(this.#item) !== placeOf(target)) {
      const message: Text = (say) => say('it is wired to {node}, which is on another tab', { node: named(target) });
      this.#add('warning', 'wire-across-tabs', `/wires/${port}/${n}`, message, (say) => say('use a link out and a link in, or the inputs and outputs of a subflow'));
    }
  }

  #knowsPorts(item: Item): boolean {
    const subflow = subflowOf(item);
    return subflow ? this.#doc.get(subflow)?.type === 'subflow' : this.#types.get(item.type) !== undefined;
  }

  /** Of what a field names: whether it is there, and is what is wanted. */
  #reference({ pointer, path }: Found, { id, of }: NonNullable<Found['refers']>): void {
    const found = this.#doc.get(id);
    if (found && (of === undefined || found.type === of)) return;
    if (of === undefined) this.#add('warning', 'missing-node', pointer, (say) => say('{path}: {id} is not in the document', { path, id: quoted(id) }), { name: id, among: 'ids' });
    else if (found) this.#add('error', 'wrong-resource', pointer, (say) => say('{path}: expected a {type}, and {item} is a {other}', { path, type: of, item: named(found), other: quoted(found.type) }));
    else this.#add('error', 'missing-resource', pointer, (say) => say('{path}: the {type} {id} is not in the document', { path, type: of, id: quoted(id) }), { name: id, among: { type: of } });
  }
}
