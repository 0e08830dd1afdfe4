import { expect, test } from 'vitest';

import { FlowDoc } from '../../src/lib/doc/flow-doc';
import type { Item } from '../../src/lib/doc/item';

const items: Item[] = [
  { id: 't', type: 'tab', label: 'T' },
  { id: 'a', type: 'inject', z: 't', x: 1, y: 1, wires: [['b', 'c']] },
  { id: 'b', type: 'debug', z: 't', x: 2, y: 2, wires: [] },
  { id: 'c', type: 'debug', z: 't', x: 3, y: 3, wires: [] },
];

test('everything that is edited is undone and done again, in its place', () => {
  const doc = new FlowDoc(items);
  doc.edit('Delete', (edit) => {
    edit.remove('b');
    edit.set('a', { wires: [['c']], name: 'new' });
  });
  doc.edit('Add', (edit) => edit.put({ id: 'd', type: 'debug', z: 't', x: 4, y: 4, wires: [] }));
  const after = doc.items();
  expect(after.map((item) => item.id)).toEqual(['t', 'a', 'c', 'd']);
  expect(doc.incoming('b')).toEqual([]);
  expect(doc.nextUndo).toBe('Add');
  doc.undo();
  doc.undo();
  expect(doc.items()).toEqual(items);
  expect(doc.incoming('b')).toEqual([{ from: 'a', port: 0, to: 'b' }]);
  doc.redo();
  doc.redo();
  expect(doc.items()).toEqual(after);
});

test('edits that join are one step, and an edit that changes nothing is none', () => {
  const doc = new FlowDoc(items);
  doc.edit('Move', (edit) => edit.set('a', { x: 10 }), 'move');
  doc.edit('Move', (edit) => edit.set('a', { x: 20 }), 'move');
  doc.edit('Move', (edit) => edit.set('b', { x: 30 }), 'move');
  expect(doc.edit('Nothing', (edit) => edit.set('a', { x: 20 }))).toBeUndefined();
  doc.undo();
  expect(doc.items()).toEqual(items);
  doc.redo();
  doc.endJoin();
  doc.edit('Move', (edit) => edit.set('a', { x: 40 }), 'move');
  doc.undo();
  expect(doc.get('a')?.x).toBe(20);
});

test('an edit that fails has changed nothing', () => {
  const doc = new FlowDoc(items);
  expect(() =>
    doc.edit('Fail', (edit) => {
      edit.remove('a');
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(doc.items()).toEqual(items);
  expect(doc.nextUndo).toBeUndefined();
});
