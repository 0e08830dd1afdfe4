import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { NodeTypes, type NodeType } from '../../src/lib/api/node-types';
import { FlowDoc } from '../../src/lib/doc/flow-doc';
import type { Item } from '../../src/lib/doc/item';
import { Problems } from '../../src/lib/live/problems.svelte';
import type { LiveApi, Told } from '../../src/lib/live/types';

const hearers = new Map<string, (told: Told) => void>();
const tell = (told: Told) => hearers.get(told.type)?.(told);
const live = {
  now: () => 77,
  want: () => () => undefined,
  on: (type: string, hear: (told: Told) => void) => {
    hearers.set(type, hear);
    return () => undefined;
  },
} as unknown as LiveApi;

const type = (name: string): NodeType => ({ type: name, category: 'function', summary: '', help: '', inputs: 1, outputs: 1, fields: [] });
const types = new NodeTypes([type('debug'), type('change')]);
const items: Item[] = [
  { id: 't', type: 'tab', label: 'T' },
  { id: 'a', type: 'debug', z: 't', x: 1, y: 1, wires: [['gone']] },
];
const nowhere = { severity: 'error', code: 'wire-to-nowhere', pointer: '/1/wires/0/0', node: 'a', message: 'by the gateway' };

let asked: { path: string; body: unknown; signal: AbortSignal | undefined }[];
let answers: Record<string, unknown>;
let doc: FlowDoc;
let mayDeploy: boolean;

beforeEach(() => {
  vi.useFakeTimers();
  hearers.clear();
  asked = [];
  answers = { '/api/v1/validate': { ok: false, problems: [nowhere], text: '' }, '/api/v1/problems': { flows: [nowhere], nodes: [], store: null } };
  mayDeploy = true;
  vi.stubGlobal('location', { origin: 'http://gateway' });
  vi.stubGlobal('fetch', (url: URL, init: RequestInit) => {
    asked.push({ path: url.pathname, body: init.body ? JSON.parse(String(init.body)) : undefined, signal: init.signal ?? undefined });
    return Promise.resolve(Response.json(answers[url.pathname]));
  });
  doc = new FlowDoc(items);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('since when the other side of a node is away counts from when it was told', async () => {
  answers['/api/v1/problems'] = { flows: [], nodes: [{ id: 'a', node: 'a', state: 'away', why: 'refused', errors: 0, away_ms: 70 }], store: null };
  const problems = make();
  await vi.advanceTimersByTimeAsync(10);
  expect(problems.awaySince('a')).toBe(7);
  tell({ type: 'problems', nodes: [{ id: 'a', node: 'a', state: 'stopped', why: 'no', errors: 1 }] });
  expect(problems.awaySince('a')).toBeUndefined();
  tell({ type: 'problems', nodes: [{ id: 'a', node: 'a', state: 'away', why: 'refused', errors: 1, away_ms: 0 }] });
  expect(problems.awaySince('a')).toBe(77);
});

const make = () => new Problems({ live, draft: { doc }, session: { may: () => mayDeploy }, types });
const validated = () => asked.filter(({ path }) => path === '/api/v1/validate');

test('what the page and the gateway both find stands once, in the words of the gateway', async () => {
  const problems = make();
  await vi.advanceTimersByTimeAsync(250);
  expect(problems.all.map(({ code, node, pointer }) => [code, node, pointer])).toEqual([['wire-to-nowhere', 'a', '/wires/0/0']]);
  expect(problems.all[0]?.message).not.toBe('by the gateway');
  await vi.advanceTimersByTimeAsync(700);
  expect(problems.all).toHaveLength(1);
  expect(problems.all[0]).toMatchObject({ message: 'by the gateway', pointer: '/wires/0/0', from: 'draft' });
  expect(problems.of('a')).toHaveLength(1);
  expect(problems.of('t')).toEqual([]);
});

test('the gateway is asked once for many edits, and only by those who may deploy', async () => {
  make();
  for (let n = 0; n < 5; n += 1) {
    doc.edit('Move', (edit) => edit.set('a', { x: n + 10 }));
    await vi.advanceTimersByTimeAsync(300);
  }
  await vi.advanceTimersByTimeAsync(1_000);
  expect(validated()).toHaveLength(1);
  expect((validated()[0]?.body as Item[])[1]?.x).toBe(14);
  mayDeploy = false;
  const viewer = make();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(validated()).toHaveLength(1);
  expect(viewer.all.map(({ code }) => code)).toEqual(['wire-to-nowhere']);
});

test('a node that was deleted has no problems any more, before the gateway says so', async () => {
  const problems = make();
  await vi.advanceTimersByTimeAsync(1_000);
  doc.edit('Delete', (edit) => edit.remove('a'));
  await vi.advanceTimersByTimeAsync(250);
  expect(problems.all).toEqual([]);
});

test('what runs is told once, and a loss as it happens', async () => {
  answers['/api/v1/validate'] = { ok: true, problems: [], text: '' };
  answers['/api/v1/problems'] = { flows: [], nodes: [], store: 'it is full' };
  doc.edit('Heal', (edit) => edit.set('a', { wires: [[]] }));
  const problems = make();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(problems.all).toMatchObject([{ code: 'store', from: 'running' }]);
  tell({ type: 'trouble', node: 'inst-a', name: 'debug', kind: 'error', count: 1, text: 'no' });
  expect(problems.all.map(({ code }) => code)).toEqual(['store', 'error']);
  tell({ type: 'problems', nodes: [{ id: 'inst-a', node: 'debug', state: 'errors', errors: 3, last_error: 'no' }] });
  tell({ type: 'trouble', node: 'inst-a', name: 'debug', kind: 'lost', count: 2, text: 'the queue was full' });
  tell({ type: 'trouble', node: 'inst-a', name: 'debug', kind: 'lost', count: 3, text: 'the queue was full' });
  expect(problems.of('a').map(({ code, at }) => [code, at])).toEqual([['errors', 77], ['lost', 77]]);
  expect(problems.of('a')[1]?.message).toContain('5');
  expect(problems.running('inst-a')).toMatchObject({ errors: 3 });
  tell({ type: 'problems', nodes: [] });
  tell({ type: 'deploy', number: 2 });
  tell({ type: 'problems', nodes: [] });
  expect(problems.of('a')).toEqual([]);
});
