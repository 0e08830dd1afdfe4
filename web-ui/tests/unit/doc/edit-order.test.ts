import fc from 'fast-check';
import { expect, test } from 'vitest';

import { FlowDoc } from '../../../src/lib/doc/flow-doc';
import { node, tab } from './helpers';

test('what is taken out stands where it stood when it is undone, also when it joined', () => {
  const items = [tab(), node('a'), node('b'), node('c'), node('d')];
  const doc = new FlowDoc(items);
  doc.edit('Delete', (edit) => ['b', 'c'].forEach((id) => edit.remove(id)), 'x');
  doc.edit('Delete', (edit) => edit.remove('t'), 'x');
  doc.edit('Add', (edit) => edit.put(node('n'), 0), 'x');
  expect(doc.items().map(({ id }) => id)).toEqual(['n', 'a', 'd']);
  doc.undo();
  expect(doc.items()).toEqual(items);
  doc.redo();
  expect(doc.items().map(({ id }) => id)).toEqual(['n', 'a', 'd']);
});

test('an item may get another place in the document', () => {
  const items = ['a', 'b', 'c', 'd'].map((id) => tab(id));
  const doc = new FlowDoc(items);
  doc.edit('Move', (edit) => edit.put(doc.get('a')!, 2));
  expect(doc.items().map(({ id }) => id)).toEqual(['b', 'c', 'a', 'd']);
  doc.undo();
  expect(doc.items()).toEqual(items);
});

test('any edits, undone, give the document of before, and done again that of after', () => {
  const act = fc.record({ what: fc.constantFrom('put', 'at', 'remove', 'set'), id: fc.integer({ min: 0, max: 9 }), at: fc.integer({ min: 0, max: 12 }), joins: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(fc.array(act, { minLength: 1, maxLength: 5 }), { maxLength: 12 }), (steps) => {
      const items = [0, 1, 2, 3, 4].map((n) => node(String(n)));
      const doc = new FlowDoc(items);
      for (const acts of steps) {
        doc.edit(
          'Any',
          (edit) => {
            for (const { what, id, at } of acts) {
              if (what === 'put') edit.put(node(String(id), [], { x: at }));
              else if (what === 'at') edit.put(edit.get(String(id)) ?? node(String(id)), at);
              else if (what === 'remove') edit.remove(String(id));
              else edit.set(String(id), { y: at });
            }
          },
          acts[0]!.joins,
        );
      }
      const after = doc.items();
      while (doc.undo());
      expect(doc.items()).toEqual(items);
      expect(doc.on('t')).toEqual(items);
      while (doc.redo());
      expect(doc.items()).toEqual(after);
    }),
  );
});
