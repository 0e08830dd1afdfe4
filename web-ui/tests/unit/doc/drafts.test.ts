import 'fake-indexeddb/auto';
import { afterEach, expect, test, vi } from 'vitest';

import { forgetDraft, keepDraft, readDraft } from '../../../src/lib/doc/drafts';
import { FlowDoc } from '../../../src/lib/doc/flow-doc';
import { node, tab, types } from './helpers';

const whose = { origin: 'http://gateway', user: 'ada' };

afterEach(() => vi.unstubAllGlobals());

test('a draft is kept with its steps and without its secrets, and can be undone when it is read', async () => {
  const doc = new FlowDoc([tab(), { id: 'bk', type: 'mqtt-broker' }]);
  doc.edit('Add', (edit) => edit.put(node('a')));
  doc.edit('Change', (edit) => edit.set('bk', { credentials: { user: 'hidden' }, key: 'hidden' }));
  expect(await keepDraft(whose, { rev: 'r', number: 3, items: doc.items(), steps: doc.steps(100) }, types)).toEqual({ kept: true });
  const kept = await readDraft(whose);
  expect(JSON.stringify(kept)).not.toContain('hidden');
  expect(kept).toMatchObject({ rev: 'r', number: 3 });
  const again = new FlowDoc();
  again.load(kept!.items, kept!.steps);
  expect(again.nextUndo).toBe('Change');
  again.undo();
  again.undo();
  expect(again.items()).toEqual([tab(), { id: 'bk', type: 'mqtt-broker' }]);
  expect(await readDraft({ ...whose, user: 'vic' })).toBeUndefined();
  await forgetDraft(whose);
  expect(await readDraft(whose)).toBeUndefined();
});

test('only the newest steps are kept', async () => {
  const doc = new FlowDoc([node('a')]);
  for (let n = 0; n < 300; n += 1) doc.edit(`Move ${n}`, (edit) => edit.set('a', { x: n }));
  await keepDraft(whose, { rev: '', number: 0, items: doc.items(), steps: doc.steps(1_000) }, types);
  const kept = await readDraft(whose);
  expect(kept!.steps).toHaveLength(100);
  expect(kept!.steps.at(-1)!.label).toBe('Move 299');
});

test('where the browser keeps nothing it is said, and nothing fails', async () => {
  const draft = { rev: '', number: 0, items: [], steps: [] };
  vi.stubGlobal('indexedDB', undefined);
  expect(await keepDraft(whose, draft, types)).toMatchObject({ kept: false, why: expect.stringContaining('private window') });
  expect(await readDraft(whose)).toBeUndefined();
  await forgetDraft(whose);
  vi.stubGlobal('indexedDB', {
    open: () => {
      throw new DOMException('no', 'SecurityError');
    },
  });
  expect(await keepDraft(whose, draft, types)).toMatchObject({ kept: false });
  expect(await readDraft(whose)).toBeUndefined();
});
