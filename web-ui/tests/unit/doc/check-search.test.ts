import { expect, test } from 'vitest';

import { check } from '../../../src/lib/doc/check';
import { FlowDoc } from '../../../src/lib/doc/flow-doc';
import type { Item } from '../../../src/lib/doc/item';
import { search } from '../../../src/lib/doc/search';
import { node, tab, types } from './helpers';

const problems = (...items: Item[]): string[][] => check(new FlowDoc([tab(), ...items]), types).map(({ severity, code, node: id, pointer }) => [severity, code, id!, pointer]);
const rhai = { lang: 'rhai' };

test('a flow that is right has no problem', () => {
  expect(problems(node('a', [['b']], rhai), node('b', [], { type: 'debug', active: 'true' }), node('m', [['a']], { type: 'mqtt in', broker: 'bk', topic: 'x', qos: 2 }), { id: 'bk', type: 'mqtt-broker', port: '1883' })).toEqual([]);
});

test('wires, types, fields and config nodes are looked at', () => {
  expect(problems(node('a', [['gone'], ['b', 'a']], rhai), node('b', [], { type: 'inject' }))).toEqual([
    ['error', 'wire-to-nowhere', 'a', '/wires/0/0'],
    ['warning', 'wire-to-no-input', 'a', '/wires/1/0'],
    ['warning', 'too-many-wires', 'a', '/wires/1'],
  ]);
  expect(problems(node('a', 'none' as never, rhai))).toEqual([['error', 'bad-wires', 'a', '/wires']]);
  expect(problems(node('a', ['b', [1]] as never, rhai))).toEqual([['error', 'bad-wires', 'a', '/wires/0'], ['error', 'bad-wires', 'a', '/wires/1/0'], ['warning', 'too-many-wires', 'a', '/wires/1']]);
  expect(problems(node('a', [], { type: 'swich' }), node('s', [], { type: 'subflow:gone' }))).toEqual([['disabled', 'unknown-type', 'a', '/type'], ['disabled', 'missing-subflow', 's', '/type']]);
  expect(problems(node('a', [], { type: 'range', minin: '', maxin: 'many' }))).toEqual([['error', 'missing-field', 'a', '/minin'], ['error', 'wrong-kind', 'a', '/maxin']]);
  expect(problems(node('a', [], { lang: 'rhai', outputs: 65.5 }))).toEqual([['warning', 'not-whole', 'a', '/outputs'], ['warning', 'out-of-range', 'a', '/outputs']]);
  expect(problems(node('a', [], { type: 'mqtt out', broker: 'gone', outbox: { mode: 'of', limit: 0 } }), node('b', [], { type: 'mqtt out' }), node('c', [], { type: 'mqtt out', broker: 'a' }))).toEqual([
    ['error', 'missing-resource', 'a', '/broker'],
    ['error', 'missing-field', 'b', '/broker'],
    ['error', 'wrong-resource', 'c', '/broker'],
    ['warning', 'bad-choice', 'a', '/outbox/mode'],
    ['warning', 'out-of-range', 'a', '/outbox/limit'],
  ]);
  expect(problems(node('a', [], { type: 'switch', rules: [{ t: 'eq', v: 'x', vt: 'num' }, { v: 1, vt: 'gone' }, 7] }))).toEqual([
    ['error', 'wrong-kind', 'a', '/rules/2'],
    ['warning', 'bad-value', 'a', '/rules/0/v'],
    ['warning', 'bad-type-of-value', 'a', '/rules/1/vt'],
  ]);
  expect(problems(node('a'))).toEqual([['error', 'javascript', 'a', '/lang']]);
  expect(problems(node('a', [], { type: 'catch', scope: ['gone', 1] }))).toEqual([['error', 'wrong-kind', 'a', '/scope/1'], ['warning', 'missing-node', 'a', '/scope/0']]);
  expect(problems(node('a', [], { ...rhai, z: 'u' }), node('b', [], { ...rhai, z: '' }), node('c', [], { ...rhai, z: 'b' })).map(([, code]) => code)).toEqual(['missing-tab', 'no-tab', 'missing-tab']);
});

test('what is switched off does no harm, and what is filled in later is not looked at', () => {
  expect(problems(node('a', [], { type: 'range', d: true }))).toEqual([['warning', 'missing-field', 'a', '/minin'], ['warning', 'missing-field', 'a', '/maxin']]);
  expect(problems(node('a', [], { type: 'range', minin: '${FROM}', maxin: 5 }))).toEqual([]);
});

test('it says what it is about and what to do, in words', () => {
  const [wire] = check(new FlowDoc([tab(), node('first', [['secnd']], { ...rhai, name: 'One\u0007' }), node('second', [], rhai)]), types);
  expect(wire).toMatchObject({ message: 'function "One\\u{7}" (first): it is wired to "secnd", which is not in the document', hint: 'did you mean "second"?' });
  const [double] = check(new FlowDoc([node('a', [], { ...rhai, z: '' }), { id: 'a', type: 'debug' }]), types);
  expect(double).toMatchObject({ code: 'duplicate-id', node: 'a' });
});

const doc = new FlowDoc([
  tab('t', { label: 'Cooling' }),
  node('a', [], { name: 'Temperature', func: 'let limit = 42;\nmsg' }),
  node('b', [], { type: 'mqtt in', name: '', topic: 'site/+/temperature' }),
  node('c', [], { type: 'switch', name: 'Too hot', rules: [{ v: 'limit reached' }] }),
  { id: 'k', type: 'mqtt-broker', name: 'Broker', key: 'hidden', credentials: { user: 'hidden' }, env: [{ name: 'K', type: 'cred', value: 'hidden' }, { name: 'OPEN', type: 'str', value: 'shown' }] },
]);
const found = (query: string): string[] => search(doc, query, types).map(({ id, property }) => `${id} ${property}`);

test('everything is found in every property, the best first, and secrets are not', () => {
  expect(found('temperature')).toEqual(['a name', 'b topic']);
  expect(found('LIMIT')).toEqual(['c rules/0/v', 'a func']);
  expect(found('hot limit')).toEqual(['c name']);
  expect(found('temprature')).toEqual(['a name', 'b topic']);
  expect(found('swich')).toEqual(['c name']);
  expect(found('mqtt in')).toEqual(['b type']);
  expect(found('hidden')).toEqual([]);
  expect(found('shown')).toEqual(['k env/1/value']);
  expect(found('cooling')).toEqual(['t label']);
  expect(found('  ')).toEqual([]);
  const [first] = search(doc, 'limit =', types);
  expect(first!.snippet.slice(...first!.match!)).toBe('limit =');
});
