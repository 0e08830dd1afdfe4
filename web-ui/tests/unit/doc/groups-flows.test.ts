import { expect, test } from 'vitest';

import { FlowDoc } from '../../../src/lib/doc/flow-doc';
import type { Item } from '../../../src/lib/doc/item';
import { align, distribute, snap } from '../../../src/lib/doc/operations/arrange';
import { addFlow, moveFlow, removeFlow, setDisabled } from '../../../src/lib/doc/operations/flows';
import { addTo, group, takeOut, ungroup } from '../../../src/lib/doc/operations/groups';
import { addPort, newSubflow, removePort, toSubflow, unpack, wirePort } from '../../../src/lib/doc/operations/subflows';
import { tidy } from '../../../src/lib/doc/operations/tidy';
import { dangling, done, node, tab, types, wiresIn } from './helpers';

const size = (): { w: number; h: number } => ({ w: 120, h: 44 });
const at = (id: string, x: number, y: number, to: string[][] = [], more: object = {}): Item => node(id, to, { x, y, ...more });

test('groups are made, taken apart and filled, and agree with their members', () => {
  const doc = new FlowDoc([tab(), at('a', 100, 100), at('b', 300, 100), at('c', 500, 100), at('d', 700, 300)]);
  let [first, second, outer]: (string | undefined)[] = [];
  doc.edit('Group', (edit) => (first = group(edit, ['a', 'b'], size)));
  expect(doc.get(first!)).toMatchObject({ type: 'group', z: 't', nodes: ['a', 'b'], x: 20, y: 58, w: 360, h: 84 });
  doc.edit('Group', (edit) => (second = group(edit, ['c'], size)));
  doc.edit('Group', (edit) => (outer = group(edit, [first!, second!, 'a'], size)));
  expect(doc.get(outer!)).toMatchObject({ nodes: [first, second] });
  expect(dangling(doc.items())).toEqual([]);
  doc.edit('Add', (edit) => addTo(edit, second!, ['d', outer!], size));
  expect(doc.get(second!)!.nodes).toEqual(['c', 'd']);
  expect(doc.get(outer!)).toMatchObject({ h: 324 });
  doc.edit('Out', (edit) => takeOut(edit, ['d'], size));
  expect(doc.get('d')!.g).toBe(outer);
  doc.edit('Ungroup', (edit) => ungroup(edit, [outer!]));
  expect(doc.get('d')!.g).toBeUndefined();
  expect(doc.get(first!)!.g).toBeUndefined();
  doc.edit('Out', (edit) => takeOut(edit, ['a', 'b', 'c'], size));
  expect([doc.has(first!), doc.has(second!)]).toEqual([false, false]);
  expect(dangling(doc.items())).toEqual([]);
});

test('nothing, and things of two canvases, are no group', () => {
  const doc = new FlowDoc([tab(), tab('u'), at('a', 0, 0), at('b', 0, 0, [], { z: 'u' }), { id: 'c', type: 'mqtt-broker' }]);
  doc.edit('Group', (edit) => {
    expect(group(edit, [])).toBeUndefined();
    expect(group(edit, ['c', 't', 'gone'])).toBeUndefined();
    const id = group(edit, ['a', 'b']);
    expect(edit.get(id!)!.nodes).toEqual(['a']);
  });
});

test('tabs come, go and change places; nodes are switched off', () => {
  const doc = new FlowDoc([tab('t'), tab('u'), at('a', 0, 0), { id: 'c', type: 'mqtt-broker', z: 't' }]);
  let id = '';
  doc.edit('Add', (edit) => (id = addFlow(edit, 'New')));
  expect(doc.items().map((item) => item.id)).toEqual(['t', 'u', id, 'a', 'c']);
  doc.edit('Move', (edit) => moveFlow(edit, id, 0));
  expect(doc.items().map((item) => item.id)).toEqual([id, 't', 'u', 'a', 'c']);
  doc.edit('Off', (edit) => setDisabled(edit, ['a', 't'], true));
  expect([doc.get('a')!.d, doc.get('t')!.disabled]).toEqual([true, true]);
  doc.edit('On', (edit) => setDisabled(edit, ['a'], false));
  expect('d' in doc.get('a')!).toBe(false);
  doc.edit('Remove', (edit) => removeFlow(edit, 't'));
  expect(doc.items().map((item) => item.id)).toEqual([id, 'u']);
});

test('items are put in line and spread evenly', () => {
  const items = [tab(), at('a', 100, 100), at('b', 310, 150), at('c', 700, 120)];
  const ys = (doc: FlowDoc): unknown[] => ['a', 'b', 'c'].map((id) => doc.get(id)!.y);
  const xs = (doc: FlowDoc): unknown[] => ['a', 'b', 'c'].map((id) => doc.get(id)!.x);
  expect(ys(done(items, (edit) => align(edit, ['a', 'b', 'c'], 'top', size)))).toEqual([100, 100, 100]);
  expect(ys(done(items, (edit) => align(edit, ['a', 'b', 'c'], 'middle', size)))).toEqual([125, 125, 125]);
  expect(xs(done(items, (edit) => align(edit, ['a', 'b', 'c'], 'right', size)))).toEqual([700, 700, 700]);
  expect(xs(done(items, (edit) => distribute(edit, ['a', 'b', 'c'], 'across', size)))).toEqual([100, 400, 700]);
  expect([snap(29), snap(-9), snap(31)]).toEqual([20, 0, 40]);
});

const flow = [tab(), at('i', 0, 100, [['a', 'b']], { type: 'inject' }), at('a', 200, 60, [['c', 'x']]), at('b', 200, 140, [['c']]), at('c', 400, 100, [['d']]), at('d', 600, 100), at('x', 600, 200)];

test('nodes become a subflow and its instance, and that is unpacked again', () => {
  const doc = new FlowDoc([...flow, at('k', 0, 300, [], { type: 'catch', scope: ['a', 'd'] })]);
  let made = { subflow: '', instance: '' };
  doc.edit('Subflow', (edit) => (made = toSubflow(edit, ['a', 'b', 'c'], 'Mine')));
  const { subflow, instance } = made;
  expect(dangling(doc.items())).toEqual([]);
  expect(doc.get(subflow)).toMatchObject({ name: 'Mine', in: [{ wires: [{ id: 'a' }, { id: 'b' }] }], out: [{ wires: [{ id: 'a', port: 0 }] }, { wires: [{ id: 'c', port: 0 }] }] });
  expect(wiresIn(doc, instance)).toEqual([['x'], ['d']]);
  expect(wiresIn(doc, 'i')).toEqual([[instance]]);
  expect(wiresIn(doc, 'a')).toEqual([['c']]);
  expect(doc.get('k')!.scope).toEqual([instance, 'd']);
  let ids: string[] = [];
  doc.edit('Unpack', (edit) => (ids = unpack(edit, instance, types)));
  expect(ids).toHaveLength(3);
  expect(doc.has(instance)).toBe(false);
  expect(dangling(doc.items())).toEqual([]);
  const [a, b, c] = ids as [string, string, string];
  expect([wiresIn(doc, 'i'), wiresIn(doc, a), wiresIn(doc, b), wiresIn(doc, c)]).toEqual([[[a, b]], [[c, 'x']], [[c]], [['d']]]);
  doc.undo();
  doc.undo();
  expect(doc.items().slice(0, 7)).toEqual(flow);
});

test('what comes by different ways is no subflow', () => {
  const doc = new FlowDoc(flow);
  expect(() => doc.edit('Subflow', (edit) => toSubflow(edit, ['c', 'x'], 'Mine'))).toThrow('by different ways');
  expect(() => doc.edit('Subflow', (edit) => toSubflow(edit, ['t'], 'Mine'))).toThrow('nothing is chosen');
  expect(doc.items()).toEqual(flow);
});

test('a subflow out of nodes of a subflow keeps what the outer one\'s ports lead to', () => {
  const outer = { id: 's', type: 'subflow', name: 'S', in: [{ x: 0, y: 0, wires: [{ id: 'a' }] }], out: [{ x: 0, y: 0, wires: [{ id: 'a', port: 1 }, { id: 'b', port: 0 }] }] };
  const doc = new FlowDoc([outer, at('a', 100, 100, [['b'], []], { z: 's' }), at('b', 300, 100, [[]], { z: 's' })]);
  let made = { subflow: '', instance: '' };
  doc.edit('Subflow', (edit) => (made = toSubflow(edit, ['a'], 'In')));
  expect(doc.get('s')).toMatchObject({ in: [{ wires: [{ id: made.instance }] }], out: [{ wires: [{ id: made.instance, port: 1 }, { id: 'b', port: 0 }] }] });
  expect(wiresIn(doc, made.instance)).toEqual([['b'], []]);
});

test('settings of a subflow go with what was in it', () => {
  const items = [
    tab(),
    { id: 's', type: 'subflow', name: 'S', in: [], out: [], env: [{ name: 'A', type: 'str', value: '1' }, { name: 'B', type: 'str', value: '2' }] },
    at('w', 100, 100, [], { z: 's' }),
    at('n', 100, 100, [], { type: 'subflow:s', name: 'Hanoi', env: [{ name: 'B', type: 'str', value: '3' }] }),
  ];
  const doc = done(items, (edit) => unpack(edit, 'n', types));
  expect(doc.items().find(({ type }) => type === 'group')).toMatchObject({ name: 'Hanoi', env: [{ name: 'A', value: '1' }, { name: 'B', value: '3' }] });
  expect(dangling(doc.items())).toEqual([]);
});

test('ports of a subflow come and go, and instances follow', () => {
  const doc = new FlowDoc([tab(), at('n', 0, 0)]);
  let id = '';
  doc.edit('New', (edit) => (id = newSubflow(edit, 'S')));
  doc.edit('Ports', (edit) => {
    expect([addPort(edit, id, 'in'), addPort(edit, id, 'in'), addPort(edit, id, 'out'), addPort(edit, id, 'out'), addPort(edit, id, 'status')]).toEqual([true, false, true, true, true]);
    edit.put(at('w', 0, 0, [], { z: id }));
    edit.put(at('instance', 0, 0, [['n'], ['n', 'x']], { type: `subflow:${id}` }));
    edit.put(at('before', 0, 0, [['instance']]));
    expect(wirePort(edit, id, 'out', 1, { id: 'w', port: 0 })).toBe(true);
    expect(wirePort(edit, id, 'out', 1, { id: 'w', port: 0 })).toBe(false);
    expect(wirePort(edit, id, 'in', 0, { id: 'n' })).toBe(false);
    expect(wirePort(edit, id, 'in', 0, { id: 'w' })).toBe(true);
  });
  doc.edit('Remove', (edit) => removePort(edit, id, 'out', 0));
  expect(doc.get(id)!.out).toMatchObject([{ wires: [{ id: 'w', port: 0 }] }]);
  expect(wiresIn(doc, 'instance')).toEqual([['n', 'x']]);
  doc.edit('Remove', (edit) => removePort(edit, id, 'in'));
  expect(wiresIn(doc, 'before')).toEqual([[]]);
});

test('tidying goes along the wires, from left to right, and keeps groups together', async () => {
  const items = [...flow.map((item) => ({ ...item, x: 500, y: 500, ...(item.id === 'a' || item.id === 'b' ? { g: 'g' } : {}) })), { id: 'g', type: 'group', z: 't', name: '', nodes: ['a', 'b'], x: 0, y: 0, w: 10, h: 10 }, at('lone', 7, 7)];
  items[0] = tab();
  const places = await tidy(new FlowDoc(items), 't', undefined, size);
  const x = (id: string): number => places.get(id)!.x;
  expect(x('i')).toBeLessThan(x('a'));
  expect(x('a')).toBeLessThan(x('c'));
  expect(x('c')).toBeLessThan(x('d'));
  expect(places.has('lone')).toBe(false);
  const boxes = [...places].filter(([id]) => id !== 'g').map(([, place]) => place);
  for (const [n, one] of boxes.entries()) for (const other of boxes.slice(n + 1)) expect(Math.abs(one.x - other.x) >= 120 || Math.abs(one.y - other.y) >= 44).toBe(true);
  expect(boxes.every((place) => place.x % 20 === 0 && place.y % 20 === 0)).toBe(true);
});
