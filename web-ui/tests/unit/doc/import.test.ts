import fc from 'fast-check';
import { expect, test } from 'vitest';

import { FlowDoc } from '../../../src/lib/doc/flow-doc';
import { apply, planImport, readFlows, type ImportChoices } from '../../../src/lib/doc/import';
import type { Item } from '../../../src/lib/doc/item';
import { dangling, node, tab, types } from './helpers';

const choices: ImportChoices = { place: 't', overlapping: 'copy', shareConfigs: true, types };

test('each of the forms in which flows come is read', () => {
  const items = [tab(), node('a')];
  expect(readFlows(JSON.stringify(items)).items).toEqual(items);
  expect(readFlows(`\uFEFF ${JSON.stringify({ flows: items, rev: '1' })}\n`).items).toEqual(items);
  expect(readFlows(JSON.stringify(node('a'))).items).toEqual([node('a')]);
  expect(readFlows(JSON.stringify({ id: 't', label: 'T', nodes: [node('a')], configs: [{ id: 'c', type: 'x' }] })).items.map(({ id, type }) => [id, type])).toEqual([['t', 'tab'], ['a', 'function'], ['c', 'x']]);
});

test('what cannot be read says why and where', () => {
  expect(readFlows('')).toMatchObject({ items: [], wrong: 'there is nothing in it' });
  expect(readFlows('[\n  {"id": "a",}\n]').wrong).toBe('this is not JSON: line 2, column 14: a comma stands before the }');
  expect(readFlows('[{"id": \'a\'}]').wrong).toContain('column 9: expected a value, found \': only " is a quote');
  expect(readFlows('[{"id": "a"}').wrong).toContain('it ends too early: a ] is missing');
  expect(readFlows('42').wrong).toContain('expected a list of nodes');
  expect(readFlows('[1, null, {"id": 1, "type": "a"}]').wrong).toContain('none of its 3 elements is a node');
  const some = readFlows(`[1, {"id": "a", "type": "debug", "deep": ${'['.repeat(5000)}${']'.repeat(5000)}}, ${JSON.stringify(node('b'))}]`);
  expect(some.items).toEqual([node('b')]);
  expect([...some.leftOut]).toEqual([['it is no object', 1], ['it is nested more than 100 deep', 1]]);
});

test('nothing that somebody brings makes it fail', () => {
  const doc = new FlowDoc([tab()]);
  const tryIt = (text: string): void => {
    const { items } = readFlows(text);
    const plan = planImport(doc, items, types);
    for (const overlapping of ['copy', 'replace', 'skip'] as const) {
      const into = new FlowDoc([tab(), node('a')]);
      into.edit('Import', (edit) => apply(edit, plan, { ...choices, overlapping }));
      into.undo();
      expect(into.items()).toEqual([tab(), node('a')]);
    }
  };
  fc.assert(fc.property(fc.string(), (text) => void readFlows(text)));
  fc.assert(fc.property(fc.json(), tryIt));
  const garbage = fc.array(fc.dictionary(fc.constantFrom('id', 'type', 'z', 'g', 'x', 'y', 'wires', 'nodes', 'links', 'scope', 'in', 'out', 'status', 'env', 'rules', 'broker', '__proto__', 'name'), fc.oneof(fc.constantFrom('a', 'b', 't', 'tab', 'subflow', 'subflow:a', 'group', 'switch', 'function', 'link in'), fc.jsonValue(), fc.constant([['a', 'b']]), fc.constant([{ wires: [{ id: 'a', port: 1e9 }] }, null, 1]))), { maxLength: 6 });
  fc.assert(fc.property(garbage, (elements) => tryIt(JSON.stringify(elements))));
  tryIt('[{"id": "__proto__", "type": "constructor", "__proto__": {"a": 1}, "wires": [["__proto__"]]}]');
});

const brought: Item[] = [
  tab('f', { label: 'Brought' }),
  node('a', [['b']], { z: 'f', lang: 'rhai', outputs: 1 }),
  node('b', [['c']], { z: 'f', func: 'return msg;' }),
  node('c', [], { z: 'f', type: 'ui_gauge' }),
  node('d', [], { z: 'f', type: 'swich' }),
  node('e', [], { z: 'f', type: 'mqtt in', broker: 'bk' }),
  { id: 'bk', type: 'mqtt-broker', name: 'B', credentials: {} },
  { id: 'a', type: 'debug' },
  { id: 'gc', type: 'global-config', env: [], modules: { 'node-red-dashboard': '3.6.0' } },
];

test('the report says what it is and how well it will do', () => {
  const plan = planImport(new FlowDoc([tab(), node('a'), { id: 'bk2', type: 'mqtt-broker', name: 'other' }]), brought, types);
  expect(plan.types).toEqual([
    { type: 'function', count: 2, support: 'partly', wrong: 1, near: [] },
    { type: 'mqtt in', count: 1, support: 'runs', wrong: 0, near: [] },
    { type: 'mqtt-broker', count: 1, support: 'runs', wrong: 0, near: [] },
    { type: 'swich', count: 1, support: 'not', wrong: 1, near: ['switch'] },
    { type: 'ui_gauge', count: 1, support: 'not', wrong: 1, near: [] },
  ]);
  expect(plan).toMatchObject({ unknownTypes: ['swich', 'ui_gauge'], javascript: ['b'], overlapping: ['a'], duplicates: ['a'], withoutSecrets: ['bk'], needsPlace: false });
  expect([...plan.modules]).toEqual([['node-red-dashboard', '3.6.0']]);
});

test('it is put in as was chosen', () => {
  const there = [tab(), node('a'), { id: 'bk', type: 'mqtt-broker', name: 'mine' }];
  const put = (items: readonly Item[], more: Partial<ImportChoices>): FlowDoc => {
    const doc = new FlowDoc(there);
    const plan = planImport(doc, items, types);
    doc.edit('Import', (edit) => void apply(edit, plan, { ...choices, ...more }));
    expect(dangling(doc.items())).toEqual([]);
    return doc;
  };
  const empty = new FlowDoc([]);
  empty.edit('Import', (edit) => void apply(edit, planImport(empty, brought, types), choices));
  expect(empty.items().map(({ id }) => id)).toEqual(['f', 'a', 'b', 'c', 'd', 'e', 'bk', 'gc']);
  expect(empty.items().slice(0, 6)).toEqual(brought.slice(0, 6));

  const copy = put(brought, {});
  expect(copy.size).toBe(3 + 7);
  expect(copy.get('a')).toEqual(node('a'));
  expect(copy.get('e')!.broker).toBe('bk');
  expect(copy.get('bk')!.name).toBe('mine');
  expect(put(brought, { shareConfigs: false }).items().filter(({ type }) => type === 'mqtt-broker')).toHaveLength(2);

  const replaced = put([node('a', [], { name: 'new' }), node('n', [['a']])], { overlapping: 'replace' });
  expect(replaced.items().map(({ id, name }) => [id, name])).toEqual([['t', undefined], ['a', 'new'], ['bk', 'mine'], ['n', 'n']]);
  expect(replaced.get('n')!.wires).toEqual([['a']]);

  const skipped = put([node('a', [], { name: 'new' }), node('n', [['a']])], { overlapping: 'skip' });
  expect(skipped.get('a')!.name).toBe('a');
  expect(skipped.get('n')!.wires).toEqual([['a']]);

  const placed = put([node('x', [], { z: 'gone' })], { place: '' });
  const made = placed.items().find(({ label }) => label === 'Imported')!;
  expect(placed.get('x')!.z).toBe(made.id);
});
