import fc from 'fast-check';
import { expect, test } from 'vitest';

import { diff } from '../../../src/lib/doc/diff';
import type { Item } from '../../../src/lib/doc/item';
import { merge, settle } from '../../../src/lib/doc/merge';
import { node, tab, types } from './helpers';

test('what was added, removed, changed, rewired and only moved is told, flow by flow', () => {
  const before = [tab('t'), tab('u'), node('a', [['b']]), node('b'), node('c', [], { z: 'u' }), { id: 'bk', type: 'mqtt-broker', port: 1 }];
  const after = [tab('t'), tab('u'), node('a', [['n']], { x: 7 }), node('n'), node('c', [], { z: 'u', x: 5, info: 'x' }), { id: 'bk', type: 'mqtt-broker', port: 2, key: 's', credentials: { p: 's' } }];
  const found = diff(before, after, types);
  expect(found.map(({ id, change, place, layoutOnly }) => [id, change, place, layoutOnly])).toEqual([
    ['b', 'removed', 't', false],
    ['a', 'changed', 't', false],
    ['n', 'added', 't', false],
    ['c', 'changed', 'u', true],
    ['bk', 'changed', '', false],
  ]);
  expect(found[1]).toMatchObject({ properties: [{ pointer: '/x', old: 100, new: 7 }], wires: [{ port: 0, to: 'b', label: 'b', added: false }, { port: 0, to: 'n', label: 'n', added: true }] });
  expect(found[4]!.properties).toEqual([{ pointer: '/port', old: 1, new: 2 }, { pointer: '/key', secret: true }, { pointer: '/credentials', secret: true }]);
  expect(diff(before, structuredClone(before))).toEqual([]);
});

test('a rule put in front of others is one change', () => {
  const rules = [{ t: 'eq', v: 1 }, { t: 'else' }];
  const [found] = diff([node('a', [], { rules })], [node('a', [], { rules: [{ t: 'new' }, ...rules] })]);
  expect(found!.properties).toEqual([{ pointer: '/rules/0', new: { t: 'new' } }]);
  const [inner] = diff([node('a', [], { 'a/b': { '~': 1, same: 2 } })], [node('a', [], { 'a/b': { '~': 3, same: 2 } })]);
  expect(inner!.properties).toEqual([{ pointer: '/a~1b/~0', old: 1, new: 3 }]);
});

test('settings of type cred are not told', () => {
  const env = (value: string): unknown => [{ name: 'K', type: 'cred', value }, { name: 'S', type: 'str', value }];
  const [found] = diff([tab('t', { env: env('a') })], [tab('t', { env: env('b') })]);
  expect(found!.properties).toEqual([{ pointer: '/env/0/value', secret: true }, { pointer: '/env/1/value', old: 'a', new: 'b' }]);
});

// The same cases as the gateway has for its own merge.
test('what two people did in different places is put together', () => {
  const base: Item[] = [
    { id: 'a', type: 'change', name: 'a', x: 1, wires: [['b']] },
    { id: 'b', type: 'debug', name: 'b', active: true, x: 1 },
    { id: 'gone', type: 'debug' },
  ];
  const theirs: Item[] = [
    { id: 'a', type: 'change', name: 'a, renamed', x: 5, wires: [['b', 'c']] },
    { id: 'b', type: 'debug', name: 'b', active: true, x: 1 },
    { id: 'c', type: 'debug', name: 'theirs' },
  ];
  const mine: Item[] = [
    { id: 'a', type: 'change', name: 'a', x: 9, wires: [['d'], ['b']] },
    { id: 'b', type: 'debug', name: 'b', active: false, x: 1 },
    { id: 'gone', type: 'debug' },
    { id: 'd', type: 'debug', name: 'mine' },
  ];
  const { items, clashes } = merge(base, mine, theirs);
  expect(clashes).toEqual([]);
  expect(items.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
    { id: 'a', type: 'change', name: 'a, renamed', x: 9, wires: [['c', 'd'], ['b']] },
    { id: 'b', type: 'debug', name: 'b', active: false, x: 1 },
    { id: 'c', type: 'debug', name: 'theirs' },
    { id: 'd', type: 'debug', name: 'mine' },
  ]);
});

test('what they did differently in one place is told, and settled', () => {
  const base: Item[] = [{ id: 'a', type: 'change', rules: [1] }, { id: 'b', type: 'debug', name: 'x' }];
  const theirs: Item[] = [{ id: 'a', type: 'change', rules: [1, 2] }, { id: 'b', type: 'debug', name: 'y' }];
  const mine: Item[] = [{ id: 'a', type: 'change', rules: [3] }];
  const { items, clashes } = merge(base, mine, theirs);
  expect(clashes).toEqual([
    { id: 'a', name: '', pointer: '/rules', base: [1], theirs: [1, 2], mine: [3] },
    { id: 'b', name: 'y', pointer: '', base: base[1], theirs: theirs[1] },
  ]);
  expect(items).toEqual([mine[0], theirs[1]]);
  expect(settle(items, clashes[0]!, 'theirs')[0]).toEqual(theirs[0]);
  expect(settle(items, clashes[1]!, 'mine')).toEqual([mine[0]]);
  expect(settle(settle(items, clashes[1]!, 'mine'), clashes[1]!, 'theirs')).toHaveLength(2);
});

/** Small flows, so that two of them often meet in one place. */
const flows = fc
  .uniqueArray(fc.record({ id: fc.integer({ min: 0, max: 4 }), name: fc.integer({ min: 0, max: 2 }), to: fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }), more: fc.option(fc.constantFrom('p', '__proto__', 'constructor'), { nil: undefined }) }), { selector: ({ id }) => id, maxLength: 5 })
  .map((all) => all.map(({ id, name, to, more }) => JSON.parse(JSON.stringify({ id: String(id), type: 'debug', name: String(name), wires: [to.map(String)] }).replace(/}$/, more ? `,"${more}":1}` : '}')) as Item));

test('merging with who changed nothing gives what the other did, to the letter', () => {
  fc.assert(
    fc.property(flows, flows, (base, x) => {
      for (const [mine, theirs] of [[x, base], [base, x], [x, x]] as const) expect(merge(base, mine, theirs)).toEqual({ items: x, clashes: [] });
    }),
  );
});

test('whose turn it is makes no difference where nothing clashes, and no change is lost in silence', () => {
  const sorted = (items: readonly Item[]): unknown => items.map((item) => ({ ...item, wires: (item.wires as string[][]).map((ends) => ends.toSorted()) })).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  fc.assert(
    fc.property(flows, flows, flows, (base, mine, theirs) => {
      const one = merge(base, mine, theirs);
      const other = merge(base, theirs, mine);
      expect(one.clashes.map(({ id, pointer }) => id + pointer).sort()).toEqual(other.clashes.map(({ id, pointer }) => id + pointer).sort());
      if (one.clashes.length === 0) expect(sorted(one.items)).toEqual(sorted(other.items));
      expect(new Set(one.items.map(({ id }) => id)).size).toBe(one.items.length);
      const name = (items: readonly Item[], id: string): unknown => items.find((item) => item.id === id)?.name;
      for (const id of ['0', '1', '2', '3', '4']) {
        if (one.clashes.some((clash) => clash.id === id)) continue;
        if (name(mine, id) !== name(base, id)) expect(name(one.items, id)).toBe(name(mine, id));
        if (name(theirs, id) !== name(base, id)) expect(name(one.items, id)).toBe(name(theirs, id));
      }
    }),
  );
});
