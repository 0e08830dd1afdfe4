// Documents come from elsewhere: ids and properties may be called what JavaScript has on every object, and things may hold each other.

import { expect, test } from 'vitest';

import { check } from '../../../src/lib/doc/check';
import { diff } from '../../../src/lib/doc/diff';
import { FlowDoc } from '../../../src/lib/doc/flow-doc';
import type { Item } from '../../../src/lib/doc/item';
import { merge, settle } from '../../../src/lib/doc/merge';
import { copiedItems, paste } from '../../../src/lib/doc/operations/clipboard';
import { addTo, group, ungroup } from '../../../src/lib/doc/operations/groups';
import { moveBy } from '../../../src/lib/doc/operations/move';
import { remove, removeAndHeal } from '../../../src/lib/doc/operations/remove';
import { tidy } from '../../../src/lib/doc/operations/tidy';
import { unpack } from '../../../src/lib/doc/operations/unpack';
import { readFlows } from '../../../src/lib/doc/read-flows';
import { search } from '../../../src/lib/doc/search';
import { roughSize, sizeOf } from '../../../src/lib/doc/size';
import { node, tab, types, wiresIn } from './helpers';

const NAMES = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'prototype'];
/** With such names as ids, as properties and within values, as JSON brings them. */
const odd = (): Item[] =>
  JSON.parse(
    JSON.stringify([
      tab(),
      ...NAMES.map((id, n) => ({ id, type: 'function', z: 't', name: `odd ${id}`, lang: 'rhai', x: 100 + n * 200, y: 100, wires: [[NAMES[n + 1] ?? 'end']] })),
      { id: 'end', type: 'debug', z: 't', name: '', x: 1_500, y: 100, wires: [], constructor: 'a sought text', toString: { valueOf: 1 }, PROTO: { polluted: true } },
      { id: 'typed', type: 'constructor', z: 't', name: '', x: 1_500, y: 300, wires: [] },
    ]).replace('PROTO', '__proto__'),
  ) as Item[];

const isClean = (): void => {
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
};

test('whatever ids and properties are called, they are only names', async () => {
  const doc = new FlowDoc(odd());
  expect(doc.items()).toEqual(odd());
  expect(check(doc, types).map(({ node: id, code }) => [id, code])).toEqual([['typed', 'unknown-type']]);
  expect(search(doc, 'sought', types)).toMatchObject([{ id: 'end', property: 'constructor', score: expect.any(Number) as number }]);
  expect(Number.isFinite(search(doc, 'sought', types)[0]!.score)).toBe(true);
  expect((await tidy(doc, 't', undefined, roughSize(doc))).size).toBe(6);
  doc.edit('Change', (edit) => {
    edit.set('end', { name: 'kept' });
    removeAndHeal(edit, ['constructor', 'toString'], types);
    group(edit, ['__proto__', 'hasOwnProperty']);
    moveBy(edit, ['__proto__'], 20, 20);
    expect(paste(edit, copiedItems(doc, ['__proto__', 'end'], types), { place: 't', x: 0, y: 0, types })).toHaveLength(2);
  });
  expect(wiresIn(doc, '__proto__')).toEqual([['hasOwnProperty']]);
  expect(Object.hasOwn(doc.get('end')!, '__proto__')).toBe(true);
  expect(diff(odd(), doc.items(), types).some(({ id }) => id === '__proto__')).toBe(true);
  doc.undo();
  expect(doc.items()).toEqual(odd());
  isClean();
});

test('a property with such a name is told, merged and settled like any other', () => {
  const [base, mine, theirs] = [odd(), odd(), odd()];
  const end = base.findIndex(({ id }) => id === 'end');
  mine[end] = { ...mine[end]!, constructor: 'mine' } as Item;
  theirs[end] = { ...theirs[end]!, constructor: 'theirs' } as Item;
  expect(diff(base, mine)).toMatchObject([{ id: 'end', properties: [{ pointer: '/constructor', old: 'a sought text', new: 'mine' }] }]);
  // One that was not there has nothing before it, although every object has one of that name.
  expect(diff([node('a')], [{ ...node('a'), valueOf: 'x' } as unknown as Item])[0]!.properties).toEqual([{ pointer: '/valueOf', new: 'x' }]);
  const { items, clashes } = merge(base, mine, theirs);
  expect(clashes).toMatchObject([{ pointer: '/constructor', base: 'a sought text', theirs: 'theirs', mine: 'mine' }]);
  expect(settle(items, clashes[0]!, 'theirs')).toEqual(theirs);
  isClean();
});

test('ids that are no text are left out, with the reason', () => {
  const { items, leftOut } = readFlows('[{"id": 7, "type": "debug"}, {"id": "a", "type": "debug"}, {"type": "debug"}, {"id": "b", "type": 1}]');
  expect(items.map(({ id }) => id)).toEqual(['a']);
  expect([...leftOut]).toEqual([['its id is no text', 1], ['it has no id', 1], ['its type is no text', 1]]);
});

test('groups that are in each other or in themselves are worked with, and everything comes to an end', async () => {
  const box = { x: 0, y: 0, w: 100, h: 100, name: '' };
  const items = [
    tab(),
    { id: 'self', type: 'group', z: 't', g: 'self', nodes: ['self', 'n'], ...box },
    { id: 'a', type: 'group', z: 't', g: 'b', nodes: ['b', 'm'], ...box },
    { id: 'b', type: 'group', z: 't', g: 'a', nodes: ['a'], ...box },
    node('n', [['m']], { g: 'self' }),
    node('m', [], { g: 'a' }),
  ];
  const doc = new FlowDoc(items);
  await tidy(doc, 't', undefined, roughSize(doc));
  check(doc, types);
  for (const work of [
    (edit: Parameters<Parameters<FlowDoc['edit']>[1]>[0]) => moveBy(edit, ['self', 'a'], 20, 0),
    (edit: Parameters<Parameters<FlowDoc['edit']>[1]>[0]) => addTo(edit, 'self', ['a', 'm']),
    (edit: Parameters<Parameters<FlowDoc['edit']>[1]>[0]) => ungroup(edit, ['self', 'a', 'b']),
    (edit: Parameters<Parameters<FlowDoc['edit']>[1]>[0]) => remove(edit, ['self', 'a']),
  ]) {
    doc.edit('Work', work);
    while (doc.undo());
    expect(doc.items()).toEqual(items);
  }
});

test('a subflow that holds itself is not unpacked into itself, and has a size', () => {
  const items: Item[] = [tab(), { id: 's', type: 'subflow', name: 'S', in: [{ x: 0, y: 0, wires: [{ id: 'i' }] }], out: [{ x: 9, y: 0, wires: [{ id: 'i', port: 0 }] }] }, node('i', [[]], { type: 'subflow:s', z: 's', name: '' }), node('outer', [[]], { type: 'subflow:s', name: '' })];
  const doc = new FlowDoc(items);
  expect(sizeOf(doc.get('i')!, types, doc).w).toBeGreaterThan(0);
  doc.edit('Unpack', (edit) => expect(unpack(edit, 'i', types)).toEqual([]));
  expect(doc.items()).toEqual(items);
  // From outside it is one step: what is inside comes out, once.
  doc.edit('Unpack', (edit) => expect(unpack(edit, 'outer', types)).toHaveLength(1));
  expect(doc.on('t')).toHaveLength(1);
});

test('of two items with one id the first counts, and the second is told also when the first is gone', () => {
  const doc = new FlowDoc([tab(), node('a', [], { lang: 'rhai' }), { id: 'a', type: 'debug' }]);
  doc.edit('Delete', (edit) => edit.remove('a'));
  expect(check(doc, types)).toMatchObject([{ code: 'duplicate-id', node: 'a' }]);
});
