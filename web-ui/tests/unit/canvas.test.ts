import { describe, expect, test } from 'vitest';

import type { NodeType } from '../../src/lib/api/node-types';
import { catalogue, find, type Entry } from '../../src/lib/canvas/catalogue';
import { colourOf } from '../../src/lib/canvas/colours';
import { excerptOf } from '../../src/lib/canvas/excerpt';
import { duration, short } from '../../src/lib/canvas/facts';
import { around, curveBetween, distanceTo, pointOn } from '../../src/lib/canvas/geometry';
import { lookOfType } from '../../src/lib/canvas/looks';
import { endOf, endsOf } from '../../src/lib/canvas/subflow-ports';
import { fillOf, widthOf } from '../../src/lib/canvas/tide';
import { FlowDoc } from '../../src/lib/doc/flow-doc';
import { isNear } from '../../src/lib/doc/near';
import { rowsOf } from '../../src/panels/outline/rows';

const type = (name: string, category: string, inputs: number, outputs: number, summary = ''): NodeType => ({ type: name, category, inputs, outputs, summary, help: '', fields: [] });
const all = [
  type('inject', 'common', 0, 1, 'Makes messages by a button.'),
  type('debug', 'common', 1, 0, 'Shows messages.'),
  type('switch', 'function', 1, 1, 'Sends a message to the outputs whose rules it matches.'),
  type('http request', 'network', 1, 1, 'Makes a request.'),
  type('junction', 'structure', 1, 1),
];
const types = { all, get: (name: string) => all.find((one) => one.type === name), placeable: all.filter((one) => one.category !== 'structure') };
const entries = catalogue(types as never, [{ id: 'sub', type: 'subflow', name: 'Watch', in: [{}], out: [] }]);
const names = (found: readonly Entry[]): string[] => found.map((entry) => entry.name);

describe('what is found', () => {
  test('by its name, by another name for it, with a slip of the finger, and by several words', () => {
    expect(names(find(entries, 'deb'))[0]).toBe('debug');
    expect(names(find(entries, 'if'))[0]).toBe('switch');
    expect(names(find(entries, 'debgu'))).toContain('debug');
    expect(names(find(entries, 'request http'))).toEqual(['http request']);
    expect(find(entries, 'zzzz')).toEqual([]);
  });

  test('subflows stand among the rest, with the ends that they have', () => {
    expect(entries.find((entry) => entry.key === 'subflow:sub')).toMatchObject({ name: 'Watch', takes: true, gives: false, category: 'subflows' });
  });

  test('two letters that changed places are one slip', () => {
    expect(isNear('debug', 'dbeug')).toBe(true);
    expect(isNear('debug', 'change')).toBe(false);
  });
});

test('the look of a node follows from its description', () => {
  expect(lookOfType(all[3]!).hue).toBe('output');
  expect(lookOfType(type('new in', 'network', 1, 1)).hue).toBe('input');
  expect(lookOfType(type('unheard of', 'strange', 0, 1))).toEqual({ hue: 'input', icon: 'input' });
});

test('a wire begins and ends at its ports, and a point beside it is far', () => {
  const curve = curveBetween({ x: 0, y: 0 }, { x: 200, y: 100 });
  expect(pointOn(curve, 0)).toEqual({ x: 0, y: 0 });
  expect(pointOn(curve, 1)).toEqual({ x: 200, y: 100 });
  expect(distanceTo(curve, { x: 100, y: 50 })).toBeLessThan(1);
  expect(distanceTo(curve, { x: 100, y: 200 })).toBeGreaterThan(80);
  expect(around([])).toBeUndefined();
});

test('wires grow with the logarithm of their rate, and queues show as soon as they hold anything', () => {
  expect(widthOf(0)).toBeLessThan(widthOf(0.5));
  expect(widthOf(10)).toBeLessThan(widthOf(1_000));
  expect(widthOf(1e9)).toBe(widthOf(1e12));
  expect(fillOf({ depth: 0 })).toBe(0);
  expect(fillOf({ depth: 1, capacity: 1_000_000 })).toBeGreaterThan(0);
  expect(fillOf({ depth: 5_000_000 })).toBe(1);
});

test('figures have few signs', () => {
  expect([0, 0.05, 0.5, 42, 1234, 3_400_000].map(short)).toEqual(['0', '<0.1', '0.5', '42', '1.2k', '3.4M']);
  expect([3, 2_500, 4_000_000].map(duration)).toEqual(['3 µs', '2.5 ms', '4 s']);
});

test('an excerpt is short, whatever the message is', () => {
  const deep = (n: number): unknown => (n === 0 ? 1 : { a: deep(n - 1) });
  expect(excerptOf({ payload: 'x'.repeat(100_000) }).length).toBeLessThan(600);
  expect(excerptOf(Array.from({ length: 100_000 }, () => 'y')).length).toBeLessThan(600);
  expect(excerptOf(deep(50))).toContain('…');
  expect(excerptOf({ a: [1, null] })).toBe('{\n  a: [\n    1\n    null\n  ]\n}');
});

test('only plain colours of a flow become styles', () => {
  expect(colourOf('#aBc123')).toBe('#aBc123');
  expect(colourOf('red; background: url(x)')).toBeUndefined();
  expect(colourOf({})).toBeUndefined();
});

test('the ends of a subflow have ids that lead back to them', () => {
  const ends = endsOf({ id: 'sub', type: 'subflow', in: [{ x: 10, y: 20, wires: [{ id: 'a' }] }], out: [{ wires: [{ id: 'a', port: 1 }, 7] }, 'no'], status: { x: 1, y: 2 } });
  expect(ends.map((end) => endOf(end.id))).toEqual([
    { subflow: 'sub', kind: 'in', n: 0 },
    { subflow: 'sub', kind: 'out', n: 0 },
    { subflow: 'sub', kind: 'status', n: 0 },
  ]);
  expect(ends[1]?.wires).toEqual([{ id: 'a', port: 1 }]);
});

test('the outline has groups with what is in them, filters, and comes to an end with groups that are in each other', () => {
  const doc = new FlowDoc([
    { id: 't', type: 'tab', label: 'One' },
    { id: 'g', type: 'group', z: 't', name: 'Cellar', nodes: ['a'], x: 0, y: 0, w: 10, h: 10 },
    { id: 'a', type: 'debug', z: 't', g: 'g', name: 'Lamp', x: 1, y: 1, wires: [] },
    { id: 'x', type: 'group', z: 't', g: 'y', x: 0, y: 50, w: 10, h: 10 },
    { id: 'y', type: 'group', z: 't', g: 'x', x: 0, y: 50, w: 10, h: 10 },
    { id: 'c', type: 'mqtt-broker', name: 'Broker' },
  ]);
  const said = { subflows: 'Subflows', configs: 'Connections', noName: '?' };
  const rows = (typed: string, open: boolean): string[] => rowsOf(doc, types, typed, () => open, said).map((row) => `${' '.repeat(row.depth)}${row.name}`);
  expect(rows('', false)).toEqual(['One', 'Connections']);
  expect(rows('', true)).toEqual(expect.arrayContaining(['One', ' Cellar', '  Lamp', ' Broker']));
  expect(rows('lamp', false)).toEqual(['One', ' Cellar', '  Lamp']);
});
