import { expect, test } from 'vitest';

import { FlowDoc } from '../../../src/lib/doc/flow-doc';
import { copied, paste } from '../../../src/lib/doc/operations/clipboard';
import { newNode, newSubflowInstance } from '../../../src/lib/doc/operations/create';
import { moveBy, movePort } from '../../../src/lib/doc/operations/move';
import { remove, removeAndHeal } from '../../../src/lib/doc/operations/remove';
import { addReroute, connect, disconnect, insertOnWire, moveWireEnd, throughLinks } from '../../../src/lib/doc/operations/wires';
import type { Item } from '../../../src/lib/doc/item';
import { dangling, done, node, tab, types, wiresIn } from './helpers';

const row = [tab(), node('a', [['b']]), node('b', [['c']]), node('c')];

test('a new node has what is usual, and as many outputs as it says', () => {
  const made = newNode(types.get('switch')!, 't', 20, 40);
  expect(made).toEqual({ id: made.id, type: 'switch', z: 't', name: '', property: 'payload', rules: [{ t: 'eq' }], x: 20, y: 40, wires: [[]] });
  expect(newNode(types.get('debug')!, 't', 0, 0).wires).toEqual([]);
  const broker = newNode(types.get('mqtt-broker')!, '', 0, 0);
  expect(broker).toEqual({ id: broker.id, type: 'mqtt-broker', name: '', broker: 'localhost', port: 1883 });
  expect(newSubflowInstance({ id: 's', type: 'subflow', out: [{}, {}] }, 't', 1, 2)).toMatchObject({ type: 'subflow:s', z: 't', x: 1, y: 2, wires: [[], []] });
});

test('a group takes along what is in it, and the one around it fits', () => {
  const items = [
    tab(),
    { id: 'g1', type: 'group', z: 't', name: '', nodes: ['g2', 'a'], x: 0, y: 0, w: 10, h: 10 },
    { id: 'g2', type: 'group', z: 't', name: '', g: 'g1', nodes: ['b'], x: 200, y: 200, w: 160, h: 84 },
    node('a', [], { g: 'g1' }),
    node('b', [], { g: 'g2', x: 280, y: 242 }),
  ];
  const doc = done(items, (edit) => moveBy(edit, ['g2'], 100, 20));
  expect(doc.get('g2')).toMatchObject({ x: 300, y: 220, w: 160, h: 84 });
  expect(doc.get('b')).toMatchObject({ x: 380, y: 262 });
  expect(doc.get('g1')).toMatchObject({ x: 30, y: 62, w: 450, h: 262 });
  const all = done(items, (edit) => moveBy(edit, ['g1', 'b'], 5, 5));
  expect(all.get('b')).toMatchObject({ x: 285, y: 247 });
  expect(all.get('g1')).toMatchObject({ x: 5, y: 5, w: 10, h: 10 });
});

test('ports of a subflow move by themselves', () => {
  const doc = done([{ id: 's', type: 'subflow', in: [{ x: 1, y: 1, wires: [] }], out: [] }], (edit) => movePort(edit, 's', 'in', 0, 10, 20));
  expect(doc.get('s')!.in).toEqual([{ x: 11, y: 21, wires: [] }]);
});

test('wires are drawn once, between ports that are there', () => {
  const doc = new FlowDoc([...row, node('i', [], { type: 'inject' }), node('d', [], { type: 'debug' }), tab('u'), node('e', [], { z: 'u' })]);
  const tried = (from: string, port: number, to: string): boolean => {
    let drawn = false;
    doc.edit('Wire', (edit) => (drawn = connect(edit, { from, port, to }, types)));
    return drawn;
  };
  expect(tried('a', 0, 'c')).toBe(true);
  expect(wiresIn(doc, 'a')).toEqual([['b', 'c']]);
  expect(tried('a', 0, 'c')).toBe(false);
  expect(tried('a', 0, 'a')).toBe(false);
  expect(tried('a', 1, 'c')).toBe(false);
  expect(tried('a', 0, 'i')).toBe(false);
  expect(tried('d', 0, 'a')).toBe(false);
  expect(tried('a', 0, 'e')).toBe(false);
  expect(tried('a', 0, 'gone')).toBe(false);
  expect(tried('a', 0, 't')).toBe(false);
  doc.edit('Cut', (edit) => disconnect(edit, { from: 'a', port: 0, to: 'b' }));
  expect(wiresIn(doc, 'a')).toEqual([['c']]);
});

test('a node, a junction and links go into a wire; an end goes elsewhere', () => {
  const inserted = done([...row, node('n')], (edit) => insertOnWire(edit, 'n', { from: 'a', port: 0, to: 'b' }, types));
  expect([wiresIn(inserted, 'a'), wiresIn(inserted, 'n')]).toEqual([[['n']], [['b']]]);
  let id = '';
  const rerouted = done(row, (edit) => (id = addReroute(edit, { from: 'a', port: 0, to: 'b' }, 5, 6)));
  expect(rerouted.get(id)).toEqual({ id, type: 'junction', z: 't', x: 5, y: 6, wires: [['b']] });
  const linked = done(row, (edit) => throughLinks(edit, { from: 'a', port: 0, to: 'b' }));
  const [out, into] = linked.items().slice(-2) as [Item, Item];
  expect(out).toMatchObject({ type: 'link out', mode: 'link', links: [into.id], wires: [] });
  expect(into).toMatchObject({ type: 'link in', links: [out.id], wires: [['b']] });
  expect(wiresIn(linked, 'a')).toEqual([[out.id]]);
  expect(wiresIn(done(row, (edit) => moveWireEnd(edit, { from: 'a', port: 0, to: 'b' }, { to: 'c' })), 'a')).toEqual([['c']]);
  const turned = done(row, (edit) => moveWireEnd(edit, { from: 'a', port: 0, to: 'b' }, { from: 'c' }));
  expect([wiresIn(turned, 'a'), wiresIn(turned, 'c')]).toEqual([[[]], [['b']]]);
});

test('what is removed is named nowhere', () => {
  const items = [
    ...row,
    node('k', [], { type: 'catch', scope: ['b', 'c'] }),
    node('o', [], { type: 'link out', links: ['b'] }),
    { id: 'g', type: 'group', z: 't', nodes: ['b'], x: 0, y: 0, w: 1, h: 1 },
    { id: 'bk', type: 'mqtt-broker' },
    node('m', [], { type: 'mqtt in', broker: 'bk' }),
    node('unknown', [], { type: 'ui_x', server: 'bk' }),
  ].map((item) => (item.id === 'b' ? { ...item, g: 'g' } : item));
  const doc = done(items, (edit) => remove(edit, ['b', 'bk'], types));
  expect(dangling(doc.items())).toEqual([]);
  expect(doc.has('g')).toBe(false);
  expect(doc.get('k')!.scope).toEqual(['c']);
  expect(doc.get('m')!.broker).toBe('');
  expect(doc.get('unknown')!.server).toBe('');
  doc.undo();
  expect(doc.items()).toEqual(items);
});

test('with a group, a tab and a subflow goes what is in them', () => {
  const items = [
    ...row,
    { id: 's', type: 'subflow', name: 'S', in: [], out: [] },
    node('in', [], { z: 's' }),
    node('instance', [['c']], { type: 'subflow:s' }),
    node('x', [['instance']]),
  ];
  const doc = done(items, (edit) => remove(edit, ['s']));
  expect(doc.items().map(({ id }) => id)).toEqual(['t', 'a', 'b', 'c', 'x']);
  expect(wiresIn(doc, 'x')).toEqual([[]]);
  expect(done(items, (edit) => remove(edit, ['t'])).items().map(({ id }) => id)).toEqual(['s', 'in']);
});

test('what led to a node leads to what is behind it', () => {
  expect(wiresIn(done(row, (edit) => removeAndHeal(edit, ['b'])), 'a')).toEqual([['c']]);
  const long = [tab(), node('a', [['x', 'b'], ['c']]), node('b', [['c', 'd'], ['a']]), node('c', [['b', 'e']]), node('d'), node('e'), node('x')];
  const doc = done(long, (edit) => removeAndHeal(edit, ['b', 'c']));
  expect(wiresIn(doc, 'a')[0]).toEqual(expect.arrayContaining(['x', 'd', 'e']));
  expect(wiresIn(doc, 'a')[0]![0]).toBe('x');
  expect(wiresIn(doc, 'a').flat()).not.toContain('a');
  const subflow = {
    id: 's',
    type: 'subflow',
    in: [{ x: 0, y: 0, wires: [{ id: 'b' }] }],
    out: [{ x: 0, y: 0, wires: [{ id: 'b', port: 0 }] }],
  };
  const healed = done([subflow, node('a', [['b']], { z: 's' }), node('b', [['c']], { z: 's' }), node('c', [], { z: 's' })], (edit) => removeAndHeal(edit, ['b']));
  expect(healed.get('s')).toMatchObject({ in: [{ wires: [{ id: 'c' }] }], out: [{ wires: [{ id: 'a', port: 0 }] }] });
});

test('what is copied has no secrets, and pasted it is whole and new', () => {
  const items = [
    ...row.map((item) => (item.id === 'a' || item.id === 'b' ? { ...item, g: 'g' } : item)),
    { id: 'g', type: 'group', z: 't', name: '', nodes: ['a', 'b'], x: 40, y: 60, w: 200, h: 80 },
    { id: 'bk', type: 'mqtt-broker', key: 'hidden', credentials: { user: 'hidden' }, env: [{ name: 'K', type: 'cred', value: 'hidden' }], tls: 'tl' },
    { id: 'tl', type: 'tls-config', z: '' },
    node('m', [['a']], { type: 'mqtt in', broker: 'bk' }),
    node('o', [], { type: 'link out', links: ['li', 'other'] }),
    node('li', [], { type: 'link in', links: ['o'] }),
    node('other', [], { type: 'link in', links: ['o'] }),
  ];
  const doc = new FlowDoc(items);
  const text = copied(doc, ['g', 'm', 'o', 'li'], types);
  expect(text).not.toContain('hidden');
  const copies = JSON.parse(text) as Item[];
  expect(copies.map(({ id }) => id).sort()).toEqual(['a', 'b', 'bk', 'g', 'li', 'm', 'o', 'tl']);
  expect(copies.find(({ id }) => id === 'b')!.wires).toEqual([[]]);
  let ids: string[] = [];
  doc.edit('Paste', (edit) => (ids = paste(edit, copies, { place: 't', x: 500, y: 500, types })));
  expect(ids).toHaveLength(6);
  expect(ids.some((id) => items.some((item) => item.id === id))).toBe(false);
  expect(dangling(doc.items())).toEqual([]);
  const made = ids.map((id) => doc.get(id)!);
  expect(made.find(({ type }) => type === 'mqtt in')!.broker).toBe('bk');
  expect(doc.items().filter(({ type }) => type === 'mqtt-broker')).toHaveLength(1);
  doc.undo();
  expect(doc.items()).toEqual(items);
});

test('pasted into an empty gateway config nodes and subflows come along; an instance does not go into its own subflow', () => {
  const from = new FlowDoc([tab(), { id: 'bk', type: 'mqtt-broker' }, { id: 's', type: 'subflow', name: 'S', in: [{ x: 0, y: 0, wires: [{ id: 'w' }] }], out: [] }, node('w', [], { z: 's', type: 'mqtt in', broker: 'bk' }), node('i', [], { type: 'subflow:s' })]);
  const copies = JSON.parse(copied(from, ['i'], types)) as Item[];
  const doc = done([tab()], (edit) => paste(edit, copies, { place: 't', x: 0, y: 0, types }));
  expect(doc.items()).toHaveLength(5);
  expect(dangling(doc.items())).toEqual([]);
  let ids: string[] = [];
  from.edit('Paste', (edit) => (ids = paste(edit, copies, { place: 's', x: 0, y: 0, types })));
  expect(ids).toEqual([]);
});
