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
  expect(await keepDraft(whose, draft, types)).toEqual({ kept: false, why: 'nothing' });
  expect(await readDraft(whose)).toBeUndefined();
  await forgetDraft(whose);
  vi.stubGlobal('indexedDB', {
    open: () => {
      throw new DOMException('no', 'SecurityError');
    },
  });
  expect(await keepDraft(whose, draft, types)).toEqual({ kept: false, why: 'nothing' });
  expect(await readDraft(whose)).toBeUndefined();
});

/** Puts something where the draft is, as another version of the page may have done. */
function putRaw(value: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('tidegate', 1);
    request.onupgradeneeded = () => void request.result.createObjectStore('drafts');
    request.onerror = () => reject(new Error('it cannot be opened'));
    request.onsuccess = () => {
      const transaction = request.result.transaction('drafts', 'readwrite');
      transaction.objectStore('drafts').put(value, JSON.stringify([whose.origin, whose.user]));
      transaction.oncomplete = () => {
        request.result.close();
        resolve();
      };
    };
  });
}

test('of a draft that another version has kept, what can be used is', async () => {
  const good = { rev: 'r', number: 1, items: [tab(), node('a')], steps: [{ label: 'Add', parts: [[{ id: 'a', after: node('a'), at: 1 }]] }], at: 5 };
  await putRaw(good);
  expect((await readDraft(whose))!.steps).toHaveLength(1);
  const patch = good.steps[0]!.parts[0]![0]!;
  for (const steps of [undefined, 7, [null], [{ label: 'Old', patches: [] }], [{ label: 'x', parts: [] }], [{ label: 'x', parts: [[null]] }], [{ label: 'x', parts: [[{ ...patch, at: -1 }]] }], [{ label: 'x', parts: [[{ ...patch, id: 'other' }]] }], [{ label: 'x', parts: [[{ id: 'a', at: 0 }]] }]]) {
    await putRaw({ ...good, steps });
    const kept = (await readDraft(whose))!;
    expect(kept).toMatchObject({ rev: 'r', items: good.items, steps: [] });
    const doc = new FlowDoc();
    doc.load(kept.items, kept.steps);
    expect(doc.undo()).toBeUndefined();
  }
  for (const broken of [null, 'text', [], { ...good, rev: 1 }, { ...good, items: {} }, { ...good, items: [{ id: 'a' }] }, { ...good, items: [{ id: 7, type: 'debug' }] }, { ...good, at: undefined }]) {
    await putRaw(broken);
    expect(await readDraft(whose)).toBeUndefined();
  }
  await forgetDraft(whose);
});

test('where there is no room for steps, the draft is kept without them; where there is none at all, it is said', async () => {
  const doc = new FlowDoc([node('a')]);
  doc.edit('Move', (edit) => edit.set('a', { x: 7 }));
  const draft = { rev: 'r', number: 1, items: doc.items(), steps: doc.steps(10) };
  const put = IDBObjectStore.prototype.put;
  const full = (isFull: (value: { steps: unknown[] }) => boolean) =>
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, value: { steps: unknown[] }, key?: IDBValidKey) {
      if (isFull(value)) throw new DOMException('no room', 'QuotaExceededError');
      return put.call(this, value, key);
    });
  full(({ steps }) => steps.length > 0);
  expect(await keepDraft(whose, draft, types)).toEqual({ kept: true });
  expect(await readDraft(whose)).toMatchObject({ items: doc.items(), steps: [] });
  full(() => true);
  expect(await keepDraft(whose, draft, types)).toEqual({ kept: false, why: 'full' });
  vi.restoreAllMocks();
  await forgetDraft(whose);
});

test('a database that a newer version of the page has made is left alone', async () => {
  await new Promise<void>((resolve) => {
    const request = indexedDB.open('tidegate', 9);
    request.onupgradeneeded = () => undefined;
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
  });
  expect(await keepDraft(whose, { rev: '', number: 0, items: [], steps: [] }, types)).toEqual({ kept: false, why: 'newer' });
  expect(await readDraft(whose)).toBeUndefined();
});
