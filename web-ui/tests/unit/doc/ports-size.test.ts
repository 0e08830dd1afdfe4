import { expect, test } from 'vitest';

import { FlowDoc } from '../../../src/lib/doc/flow-doc';
import type { Item } from '../../../src/lib/doc/item';
import { inputsOf, labelOf, outputsOf, portLabel } from '../../../src/lib/doc/ports';
import { boxOf, portAt, sizeOf } from '../../../src/lib/doc/size';
import { node, tab, types } from './helpers';

const ports = (item: Item, others: readonly Item[] = []): [number, number] => {
  const doc = new FlowDoc([item, ...others]);
  return [inputsOf(item, types, doc), outputsOf(item, types, doc)];
};

test('ports are as the type says', () => {
  expect(ports(node('a', [], { type: 'inject' }))).toEqual([0, 1]);
  expect(ports(node('a', [], { outputs: 3 }))).toEqual([1, 3]);
  expect(ports(node('a', [], { outputs: '2' }))).toEqual([1, 2]);
  expect(ports(node('a', []))).toEqual([1, 1]);
  expect(ports(node('a', [], { outputs: 1e9 }))).toEqual([1, 256]);
  expect(ports(node('a', [], { outputs: -4 }))).toEqual([1, 0]);
  expect(ports(node('a', [], { type: 'switch', rules: [{}, {}] }))).toEqual([1, 2]);
  expect(ports(node('a', [], { type: 'switch', rules: 'many' }))).toEqual([1, 0]);
  expect(ports(node('a', [], { type: 'mqtt in' }))).toEqual([0, 1]);
  expect(ports(node('a', [], { type: 'mqtt in', inputs: 1 }))).toEqual([1, 1]);
  expect(ports(tab())).toEqual([0, 0]);
});

test('ports of an instance are its subflow\'s, and those of an unknown type are as it is wired', () => {
  const subflow = { id: 's', type: 'subflow', in: [{}], out: [{}, {}, {}], outputLabels: ['x'] };
  const instance = node('a', [], { type: 'subflow:s' });
  expect(ports(instance, [subflow])).toEqual([1, 3]);
  expect(portLabel(instance, new FlowDoc([subflow]), 'out', 0)).toBe('x');
  expect(ports(node('a', [['b'], ['b']], { type: 'ui_gauge' }))).toEqual([0, 2]);
  expect(ports(node('a', [], { type: 'ui_gauge' }), [node('b', [['a']])])).toEqual([1, 0]);
  expect(ports(node('a', 'none' as never, { type: 'subflow:gone' }))).toEqual([0, 0]);
});

test('a label is a name, else a fact, else the type', () => {
  const label = (item: object): string => labelOf({ id: 'a', type: 'mqtt in', ...item }, new FlowDoc([{ id: 's', type: 'subflow', name: 'Watch' }, { id: 'bk', type: 'mqtt-broker' }]), types);
  expect(label({ name: 'Mine', topic: 'x' })).toBe('Mine');
  expect(label({ name: '', topic: 'site/+/t' })).toBe('site/+/t');
  expect(label({ broker: 'bk' })).toBe('mqtt in');
  expect(label({ type: 'subflow:s' })).toBe('Watch');
  expect(label({ type: 'tab', label: 'One' })).toBe('One');
  expect(label({ name: 'two\\nlines' })).toBe('two');
  expect(label({ name: 'x'.repeat(1_000_000) })).toHaveLength(201);
  expect(label({ name: 7, type: '' })).toBe('a');
});

test('sizes: rows that are 40 apart have room, more outputs are higher, the label fits, on the grid', () => {
  const size = (item: Item): unknown => sizeOf(item, types, new FlowDoc([item]));
  expect(size(node('a'))).toEqual({ w: 100, h: 36 });
  expect(size(node('a', [], { outputs: 5 }))).toEqual({ w: 100, h: 60 });
  expect(size(node('a', [], { name: 'W'.repeat(500) }))).toEqual({ w: 220, h: 36 });
  expect((size(node('a', [], { name: 'Temperature in the hall' })) as { w: number }).w % 20).toBe(0);
  expect(size({ id: 'j', type: 'junction', x: 0, y: 0 })).toEqual({ w: 10, h: 10 });
  expect(size({ id: 'g', type: 'group', x: 0, y: 0, w: 300, h: 'tall' })).toEqual({ w: 300, h: 0 });
});

test('ports are on the edges, around the middle', () => {
  const item = node('a', [], { outputs: 3 });
  const doc = new FlowDoc([item]);
  expect(boxOf(item, sizeOf(item, types, doc))).toEqual({ x: 50, y: 82, w: 100, h: 36 });
  expect(portAt(item, types, doc, 'in', 0)).toEqual({ x: 50, y: 100 });
  expect([0, 1, 2].map((n) => portAt(item, types, doc, 'out', n))).toEqual([{ x: 150, y: 88 }, { x: 150, y: 100 }, { x: 150, y: 112 }]);
  expect(portAt(item, types, doc, 'out', 9)).toEqual({ x: 150, y: 112 });
});
