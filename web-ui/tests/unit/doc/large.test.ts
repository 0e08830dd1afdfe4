// What large documents cost, by counting what is asked of them: a time would say more of the machine than of the code.

import { expect, test } from 'vitest';

import { check } from '../../../src/lib/doc/check';
import { Edit, FlowDoc } from '../../../src/lib/doc/flow-doc';
import { wiresOf, type Item } from '../../../src/lib/doc/item';
import { TooManyWires } from '../../../src/lib/doc/operations/heal';
import { removeAndHeal } from '../../../src/lib/doc/operations/remove';
import { tidy } from '../../../src/lib/doc/operations/tidy';
import { roughSize } from '../../../src/lib/doc/size';
import type { Types } from '../../../src/lib/doc/types';
import { dense, plant } from '../../perf/document/flows';
import { node, tab, types, wiresIn } from './helpers';

/** Types that count how often they are asked: once and again for each item that is looked at. */
function countingTypes(): { types: Types; asked: () => number } {
  let asked = 0;
  const get = (name: string): ReturnType<Types['get']> => {
    asked += 1;
    return types.get(name);
  };
  return {
    types: { all: types.all, get },
    asked: () => {
      const before = asked;
      asked = 0;
      return before;
    },
  };
}

test('a check looks at what has changed and its neighbours, and at everything only once', () => {
  const { types: counting, asked } = countingTypes();
  const doc = new FlowDoc(plant(400));
  const first = check(doc, counting);
  const all = asked();
  expect(check(doc, counting)).toEqual(first);
  expect(asked()).toBe(0);
  doc.edit('Rename', (edit) => edit.set('n100', { name: 'otherwise' }));
  check(doc, counting);
  expect(asked()).toBeLessThan(all / 50);
  // As many again for a document twice as large, and no more.
  check(new FlowDoc(plant(800)), counting);
  expect(asked() / all).toBeLessThan(2.1);
});

test('what was found before is never kept too long: a check after any edit says what one of a new document says', () => {
  const doc = new FlowDoc([tab(), { id: 'bk', type: 'mqtt-broker' }, { id: 'sub', type: 'subflow', name: '', in: [{ wires: [] }], out: [] }, node('a', [['b']]), node('b', [['i']], { type: 'debug' }), node('i', [['a']], { type: 'subflow:sub' }), node('m', [], { type: 'mqtt out', broker: 'bk' }), node('c', [], { type: 'catch', scope: ['a'] })]);
  const edits: ((edit: Edit) => void)[] = [
    (edit) => edit.remove('b'),
    (edit) => edit.put(node('b', [], { type: 'inject' })),
    (edit) => edit.set('b', { z: 'other' }),
    (edit) => edit.set('sub', { in: [] }),
    (edit) => edit.remove('sub'),
    (edit) => edit.set('bk', { type: 'tls-config' }),
    (edit) => edit.remove('bk'),
    (edit) => edit.put({ id: 'bk2', type: 'mqtt-broker' }),
    (edit) => edit.set('t', { disabled: true }),
    (edit) => edit.remove('a'),
    (edit) => edit.put(node('aa', [], { lang: 'rhai' })),
    (edit) => edit.remove('t'),
  ];
  const seen = (): unknown => expect(check(doc, types)).toEqual(check(new FlowDoc(doc.items()), types));
  seen();
  for (const work of edits) {
    doc.edit('Edit', work);
    seen();
  }
  while (doc.undo()) seen();
});

/** A row of nodes that go, each with one that leads to it, and one at the end that all of it leads to. */
const comb = (length: number): Item[] => [
  tab(),
  ...Array.from({ length }, (_, n) => node(`gone${n}`, [[n + 1 < length ? `gone${n + 1}` : 'end']])),
  ...Array.from({ length }, (_, n) => node(`into${n}`, [[`gone${n}`]])),
  node('end'),
];

test('healing goes over each node once, however many lead into a row of them', () => {
  const cost = (length: number): number => {
    const doc = new FlowDoc(comb(length));
    let asked = 0;
    doc.edit('Delete', (edit) => {
      const get = edit.get.bind(edit);
      edit.get = (id) => {
        asked += 1;
        return get(id);
      };
      removeAndHeal(edit, Array.from({ length }, (_, n) => `gone${n}`));
    });
    expect(wiresIn(doc, 'into0')).toEqual([['end']]);
    expect(wiresIn(doc, `into${length - 1}`)).toEqual([['end']]);
    return asked;
  };
  expect(cost(400) / cost(200)).toBeLessThan(2.2);
});

test('nodes in rings that go are healed as one', () => {
  const doc = new FlowDoc([tab(), node('in', [['a'], ['c']]), node('a', [['b']]), node('b', [['a', 'c', 'x']]), node('c', [['d']]), node('d', [['c', 'y', 'in']]), node('x'), node('y')]);
  doc.edit('Delete', (edit) => removeAndHeal(edit, ['a', 'b', 'c', 'd']));
  expect(wiresIn(doc, 'in').map((ends) => [...ends].sort())).toEqual([['x', 'y'], ['y']]);
});

test('where everything would be wired to everything, nothing is done', () => {
  const items = dense(2_000);
  const doc = new FlowDoc(items);
  const odd = items.filter((_, n) => n % 2 === 1).map(({ id }) => id);
  expect(() => doc.edit('Delete', (edit) => removeAndHeal(edit, odd))).toThrow(TooManyWires);
  expect(doc.items()).toEqual(items);
});

test('what is dense is tidied too: along the wires, on the grid, and nothing over another', async () => {
  const doc = new FlowDoc(dense(300));
  const size = roughSize(doc);
  const places = await tidy(doc, 't', undefined, size);
  expect(places.size).toBe(300);
  const boxes = [...places].map(([id, place]) => ({ ...place, ...size(doc.get(id)!) }));
  for (const [n, one] of boxes.entries()) for (const other of boxes.slice(n + 1)) expect(Math.abs(one.x - other.x) >= Math.min(one.w, other.w) || Math.abs(one.y - other.y) >= 36).toBe(true);
  expect(boxes.every(({ x, y }) => x % 20 === 0 && y % 20 === 0)).toBe(true);
  const wires = doc.items().flatMap((item) => wiresOf(item).flat().map((to) => places.get(to)!.x > places.get(item.id)!.x));
  expect(wires.filter((isForward) => isForward).length / wires.length).toBeGreaterThan(0.6);
});
