// Whatever a person does, in whatever order: nothing names what is not there, and undone it is as it was.

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { check } from '../../../src/lib/doc/check';
import { diff } from '../../../src/lib/doc/diff';
import { FlowDoc, type Edit } from '../../../src/lib/doc/flow-doc';
import { apply, planImport, readFlows } from '../../../src/lib/doc/import';
import { same, type Item } from '../../../src/lib/doc/item';
import { align, distribute, snapToGrid } from '../../../src/lib/doc/operations/arrange';
import { copied, paste } from '../../../src/lib/doc/operations/clipboard';
import { newNode } from '../../../src/lib/doc/operations/create';
import { addFlow, moveFlow, removeFlow, setDisabled } from '../../../src/lib/doc/operations/flows';
import { addTo, group, takeOut, ungroup } from '../../../src/lib/doc/operations/groups';
import { moveBy, movePort } from '../../../src/lib/doc/operations/move';
import { remove, removeAndHeal } from '../../../src/lib/doc/operations/remove';
import { addPort, newSubflow, removePort, toSubflow, unpack, wirePort } from '../../../src/lib/doc/operations/subflows';
import { addReroute, connect, disconnect, insertOnWire, moveWireEnd, throughLinks } from '../../../src/lib/doc/operations/wires';
import { search } from '../../../src/lib/doc/search';
import { sizeOf } from '../../../src/lib/doc/size';
import { all, dangling, node, tab, types } from './helpers';

const start: readonly Item[] = [
  tab('t'),
  tab('u'),
  { id: 's', type: 'subflow', name: 'S', in: [{ x: 0, y: 0, wires: [{ id: 'sa' }] }], out: [{ x: 9, y: 0, wires: [{ id: 'sb', port: 0 }] }], status: { x: 0, y: 9, wires: [{ id: 'sb', port: 0 }] }, env: [{ name: 'A', type: 'str', value: '' }] },
  { id: 'bk', type: 'mqtt-broker', name: 'B', tls: 'tl' },
  { id: 'tl', type: 'tls-config', z: 'u' },
  { id: 'g', type: 'group', z: 't', name: 'G', nodes: ['h', 'a'], x: 0, y: 0, w: 300, h: 200 },
  { id: 'h', type: 'group', z: 't', name: '', g: 'g', nodes: ['b'], x: 20, y: 20, w: 200, h: 100 },
  node('a', [['b', 'i']], { g: 'g' }),
  node('b', [['c'], ['o']], { g: 'h', outputs: 2 }),
  node('c', [['a']], { x: 303 }),
  node('i', [['c']], { type: 'subflow:s', x: 400, y: 200 }),
  node('o', [], { type: 'link out', mode: 'link', links: ['l'] }),
  node('l', [['m']], { z: 'u', type: 'link in', links: ['o'] }),
  node('m', [], { z: 'u', type: 'mqtt out', broker: 'bk' }),
  node('k', [['c']], { type: 'catch', scope: ['a', 'i'] }),
  node('x', [['c']], { type: 'ui_thing', server: 'bk' }),
  node('sa', [['sb']], { z: 's' }),
  node('sb', [[]], { z: 's', type: 'link call', links: ['l'] }),
];

interface Act {
  readonly what: number;
  readonly picks: readonly number[];
  readonly n: number;
}

/** One of all the things that can be done, with whatever is in the document now. */
const deeds: readonly ((edit: Edit, ids: string[], act: Act) => unknown)[] = [
  (edit, ids, { n }) => moveBy(edit, ids, n * 10, -n),
  (edit, ids) => remove(edit, ids, types),
  (edit, ids) => removeAndHeal(edit, ids, types),
  (edit, [from = '', to = ''], { n }) => connect(edit, { from, port: n % 3, to }, types),
  (edit, [from = '', to = ''], { n }) => connect(edit, { from, port: n % 3, to }),
  (edit, ids) => wires(edit, ids).forEach((wire) => disconnect(edit, wire)),
  (edit, [id = '', ...ids]) => wires(edit, ids).forEach((wire) => insertOnWire(edit, id, wire, types)),
  (edit, [id = '', ...ids], { n }) => wires(edit, ids).forEach((wire) => moveWireEnd(edit, wire, n % 2 ? { to: id } : { from: id, port: n % 3 })),
  (edit, ids, { n }) => wires(edit, ids).forEach((wire) => addReroute(edit, wire, n, n)),
  (edit, ids) => wires(edit, ids).forEach((wire) => throughLinks(edit, wire)),
  (edit, ids) => group(edit, ids),
  (edit, ids) => ungroup(edit, ids),
  (edit, [first = '', ...ids]) => addTo(edit, first, ids),
  (edit, ids) => takeOut(edit, ids),
  (edit, ids) => {
    try {
      toSubflow(edit, ids, 'New');
      return true;
    } catch (error) {
      // Nothing was done before it was refused: the document that the edit makes is the same.
      expect(edit.patches()).toEqual([]);
      return error;
    }
  },
  (edit, [id = '']) => unpack(edit, id, types),
  (edit, [id = ''], { n }) => addPort(edit, id, (['in', 'out', 'status'] as const)[n % 3]!),
  (edit, [id = ''], { n }) => removePort(edit, id, (['in', 'out', 'status'] as const)[n % 3]!, n % 5 === 0 ? undefined : n % 2),
  (edit, [id = '', to = ''], { n }) => wirePort(edit, id, (['in', 'out', 'status'] as const)[n % 3]!, 0, { id: to, port: 0 }, n % 4 > 0),
  (edit, [id = ''], { n }) => movePort(edit, id, (['in', 'out', 'status'] as const)[n % 3]!, 0, n, n),
  (edit) => newSubflow(edit, 'Empty'),
  (edit) => addFlow(edit, 'New'),
  (edit, [id = '']) => removeFlow(edit, id, types),
  (edit, [id = ''], { n }) => moveFlow(edit, id, n),
  (edit, ids, { n }) => setDisabled(edit, ids, n % 2 === 0),
  (edit, ids, { n }) => align(edit, ids, (['left', 'centre', 'right', 'top', 'middle', 'bottom'] as const)[n % 6]!, (item) => sizeOf(item, types, edit)),
  (edit, ids, { n }) => distribute(edit, ids, n % 2 ? 'across' : 'down', (item) => sizeOf(item, types, edit)),
  (edit, ids) => snapToGrid(edit, ids, (item) => sizeOf(item, types, edit)),
  (edit, _, { n }) => {
    const place = edit.items().find(({ type }) => type === 'tab')?.id;
    if (place !== undefined) edit.put(newNode(all[n % all.length]!, place, n, n));
  },
  (edit, ids, { n }) => {
    const before = new Set(edit.items().map(({ id }) => id));
    const places = edit.items().filter(({ type }) => type === 'tab' || type === 'subflow');
    const place = places[n % Math.max(1, places.length)]?.id;
    if (place === undefined) return;
    const pasted = paste(edit, JSON.parse(copied(edit, ids, types)) as Item[], { place, x: n, y: n, types });
    expect(pasted.filter((id) => before.has(id))).toEqual([]);
    return pasted;
  },
  (edit, ids, { n }) => {
    const plan = planImport(edit.doc, readFlows(copied(edit, ids, types)).items, types);
    return apply(edit, plan, { place: 't', overlapping: (['copy', 'replace', 'skip'] as const)[n % 3]!, shareConfigs: n % 2 === 0, types });
  },
];

function wires(edit: Edit, ids: readonly string[]): { from: string; port: number; to: string }[] {
  return ids.flatMap((id) => edit.incoming(id)).slice(0, 3);
}

const act = fc.record({ what: fc.nat({ max: deeds.length - 1 }), picks: fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 5 }), n: fc.nat({ max: 20 }) });

test('any row of operations leaves a document that is whole, and is undone and done again', () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 1, maxLength: 25 }), (acts) => {
      const doc = new FlowDoc(start);
      const states: Item[][] = [];
      for (const each of acts) {
        const before = doc.items();
        const ids = each.picks.map((pick) => before[pick % Math.max(1, before.length)]?.id ?? '');
        const step = doc.edit('Any', (edit) => void deeds[each.what]!(edit, ids, each));
        if (step) states.push(before);
        const wrong = dangling(doc.items());
        if (wrong.length > 0) throw new Error(`deed ${each.what} of ${ids.join(' ')}: ${wrong.join(', ')}`);
        if (new Set(doc.items().map(({ id }) => id)).size !== doc.size) throw new Error('an id stands twice');
      }
      check(doc, types);
      search(doc, 'sb', types);
      const after = doc.items();
      diff(start, after, types);
      for (const state of states.toReversed()) {
        doc.undo();
        if (!same(doc.items(), state)) expect(doc.items()).toEqual(state);
      }
      expect(doc.items()).toEqual(start);
      while (doc.redo());
      expect(doc.items()).toEqual(after);
      for (const item of doc.items()) for (const to of doc.outgoing(item.id)) expect(doc.incoming(to.to)).toContainEqual(to);
    }),
    { numRuns: Number(process.env.RUNS ?? 150) },
  );
}, 30_000);

test('each operation does something, and with any two things leaves a document that is whole', () => {
  const ids = start.map(({ id }) => id);
  const others = ['g', 'b', 'c', 'i', 'sa', 's', 'u'];
  // Spreading evenly takes three.
  const beside = ['i', 'c'];
  for (const [what, deed] of deeds.entries()) {
    let steps = 0;
    for (const [first, second, n] of ids.flatMap((one) => others.flatMap((other) => [0, 1, 2].map((more) => [one, other, more] as const)))) {
      const doc = new FlowDoc(start);
      const step = doc.edit('One', (edit) => void deed(edit, [first, second, ...beside], { what, picks: [], n }));
      if (!step) continue;
      steps += 1;
      const wrong = dangling(doc.items());
      if (wrong.length > 0) throw new Error(`deed ${what} of ${first} and ${second}: ${wrong.join(', ')}`);
      doc.undo();
      if (!same(doc.items(), start)) expect(doc.items()).toEqual(start);
    }
    expect(steps, `deed ${what}`).toBeGreaterThan(0);
  }
}, 30_000);
