import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { Item } from '../../src/lib/doc/item';
import type { LiveApi, Told } from '../../src/lib/live/types';
import { Deploys } from '../../src/lib/state/deploys.svelte';
import { Draft } from '../../src/lib/state/draft.svelte';
import { Notices } from '../../src/lib/state/notices.svelte';
import { Session } from '../../src/lib/state/session.svelte';

const node = (id: string, more: Record<string, unknown> = {}): Item => ({ id, type: 'inject', z: 't', x: 1, y: 1, wires: [], ...more });
const first: Item[] = [{ id: 't', type: 'tab', label: 'T' }, node('a')];
const revision = (number: number, more: Record<string, unknown> = {}) => ({ number, rev: `r${number}`, who: 'bob', via: 'api', why: '', wall_ms: 1_000, standing: 'good', ...more });

/** A gateway of which a test says what it answers. */
class Gateway {
  flows = { flows: first as unknown[], rev: 'r1', number: 1 };
  revisions = [revision(1)];
  onDeploy: (url: URL) => void = () => undefined;
  deploy: () => { status: number; body: unknown } | undefined = () => undefined;

  answer(url: URL, method: string): { status: number; body: unknown } | undefined {
    const path = url.pathname.replace('/api/v1', '');
    if (path === '/flows') return { status: 200, body: this.flows };
    if (path === '/deploy' && method === 'POST') {
      this.onDeploy(url);
      return this.deploy();
    }
    if (path === '/revisions') return { status: 200, body: { current: this.flows.number, revisions: this.revisions } };
    const one = this.revisions.find(({ number }) => path === `/revisions/${number}`);
    return one ? { status: 200, body: one } : { status: 404, body: { code: 'not_found', message: 'no' } };
  }
}

let gateway: Gateway;
let hear: Map<string, (told: Told) => void>;
let draft: Draft;
let notices: Notices;
let deploys: Deploys;
const order = { type: 'nodes', why: 'for a test', probation: 30, confirm: false } as const;

beforeEach(() => {
  vi.useFakeTimers();
  gateway = new Gateway();
  hear = new Map();
  vi.stubGlobal('location', { origin: 'http://gateway' });
  vi.stubGlobal('fetch', async (url: URL, { method = 'GET' }: RequestInit) => {
    const told = gateway.answer(url, method);
    if (!told) throw new TypeError('no network');
    return new Response(JSON.stringify(told.body), { status: told.status });
  });
  draft = new Draft();
  notices = new Notices();
  const session = new Session();
  session.who = { name: 'ada', kind: 'session', may: ['deploy'] };
  const live = { connection: 'open', now: () => 0, on: (type: string, act: (told: Told) => void) => hear.set(type, act) } as unknown as LiveApi;
  deploys = new Deploys(draft, live, notices, session);
  draft.begin({ items: first, rev: 'r1', number: 1 });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const told = async (news: Record<string, unknown>) => {
  hear.get('deploy')?.({ type: 'deploy', ...news });
  await vi.advanceTimersByTimeAsync(10);
};
const rename = (id: string, name: string) => draft.edit('Rename', (edit) => edit.set(id, { name }));

test('what is not deployed is counted, and undoing it makes the draft clean again', () => {
  expect(deploys.changed).toEqual([]);
  rename('a', 'x');
  draft.edit('Add', (edit) => edit.put(node('b')));
  expect([...deploys.changed].sort()).toEqual(['a', 'b']);
  expect(deploys.isLayoutOnly).toBe(false);
  draft.doc.undo();
  draft.doc.undo();
  expect(deploys.changed).toEqual([]);
  draft.edit('Move', (edit) => edit.set('a', { x: 40 }));
  expect(deploys.isLayoutOnly).toBe(true);
});

test('a clean draft follows what somebody else deploys, and that can be undone', async () => {
  gateway.flows = { flows: [first[0], node('a', { name: 'theirs' }), node('b')], rev: 'r2', number: 2 };
  gateway.revisions.unshift(revision(2));
  await told({ number: 2, rev: 'r2', standing: 'good' });
  expect(draft.doc.get('a')?.name).toBe('theirs');
  expect(draft.isDirty).toBe(false);
  expect(deploys.theirs).toBeUndefined();
  draft.doc.undo();
  expect(draft.doc.items()).toEqual(first);
});

test('a draft with changes is left alone, and says whose revision came', async () => {
  rename('a', 'mine');
  gateway.flows = { flows: [...first, node('b')], rev: 'r2', number: 2 };
  gateway.revisions.unshift(revision(2, { why: 'theirs' }));
  await told({ number: 2, rev: 'r2', standing: 'good' });
  expect(draft.doc.get('a')?.name).toBe('mine');
  expect(deploys.theirs).toMatchObject({ number: 2, who: 'bob', why: 'theirs' });
  deploys.mergeInto(deploys.theirs!, [first[0]!, node('a', { name: 'mine' }), node('b')]);
  expect(deploys.theirs).toBeUndefined();
  expect(draft.base.rev).toBe('r2');
  expect(deploys.changed).toEqual(['a']);
});

test('what comes while somebody puts two together is not taken for seen', async () => {
  rename('a', 'mine');
  const come = async (number: number, ...flows: Item[]): Promise<void> => {
    gateway.flows = { flows, rev: `r${number}`, number };
    gateway.revisions.unshift(revision(number));
    await told({ number, rev: `r${number}`, standing: 'good' });
  };
  await come(2, ...first, node('b'));
  const seen = deploys.theirs!;
  await come(3, ...first, node('b'), node('c'));
  deploys.mergeInto(seen, [first[0]!, node('a', { name: 'mine' }), node('b')]);
  expect(draft.base.rev).toBe('r2');
  expect(deploys.theirs).toMatchObject({ rev: 'r3' });
});

test('what was done before a deploy can be undone after it, and done again', async () => {
  rename('a', 'one');
  rename('a', 'two');
  gateway.deploy = () => {
    gateway.flows = { flows: draft.doc.items(), rev: 'r2', number: 2 };
    gateway.revisions.unshift(revision(2, { who: 'ada' }));
    return { status: 200, body: { revision: gateway.revisions[0], refused: [], lost: 0 } };
  };
  await deploys.deploy(order);
  expect(draft.isDirty).toBe(false);
  draft.doc.undo();
  expect([draft.doc.get('a')?.name, draft.isDirty, draft.isChanged('a')]).toEqual(['one', true, true]);
  draft.doc.redo();
  expect([draft.doc.get('a')?.name, draft.isDirty, draft.isChanged('a')]).toEqual(['two', false, false]);
  draft.doc.undo();
  draft.doc.undo();
  expect(draft.doc.items()).toEqual(first);
});

test('a deploy is watched, and when it is taken back the draft stays as it was', async () => {
  rename('a', 'bad');
  const sent = draft.doc.items();
  gateway.deploy = () => {
    gateway.flows = { flows: sent, rev: 'r2', number: 2 };
    gateway.revisions.unshift(revision(2, { who: 'ada', standing: 'probation' }));
    return { status: 200, body: { revision: gateway.revisions[0], refused: [], lost: 0 } };
  };
  await deploys.deploy(order);
  expect(draft.isDirty).toBe(false);
  expect(deploys.watch).toMatchObject({ number: 2, isMine: true, endsMs: 31_000, needsWord: false });
  gateway.flows = { flows: first, rev: 'r1', number: 1 };
  await told({ number: 1, rev: 'r1', standing: 'good', reason: 'revision 2 did not get healthy' });
  expect(deploys.watch).toBeUndefined();
  expect(deploys.takenBack).toMatchObject({ number: 2, to: 1, reason: 'revision 2 did not get healthy' });
  expect(draft.doc.get('a')?.name).toBe('bad');
  expect(draft.isDirty).toBe(true);
});

test('how far the probation of somebody else is comes from the gateway, and a page that is loaded later knows it too', async () => {
  gateway.flows = { flows: first, rev: 'r2', number: 2 };
  gateway.revisions.unshift(revision(2, { standing: 'probation' }));
  const probation = { left_ms: 20_000, ends_ms: 999_999_999, needs_word: true, confirmed: false };
  await told({ number: 2, rev: 'r2', standing: 'probation', probation });
  // What is left counts from the clock of the gateway as this page knows it.
  expect(deploys.watch).toEqual({ number: 2, who: 'bob', isMine: false, endsMs: 20_000, needsWord: true, isConfirmed: false });
  await told({ number: 2, rev: 'r2', standing: 'probation', probation: { ...probation, left_ms: 12_000, confirmed: true } });
  expect(deploys.watch).toMatchObject({ endsMs: 12_000, isConfirmed: true, isMine: false });
  await told({ number: 2, rev: 'r2', standing: 'good' });
  expect(deploys.watch).toBeUndefined();
});

test('a name goes along with a deploy, and none where there is none', async () => {
  const queries: string[] = [];
  gateway.onDeploy = (url) => queries.push(url.searchParams.get('name') ?? '-');
  gateway.deploy = () => ({ status: 200, body: { revision: revision(2), refused: [], lost: 0 } });
  await deploys.deploy({ ...order, name: 'Summer' });
  await deploys.deploy({ ...order, name: '' });
  expect(queries).toEqual(['Summer', '-']);
});

test('a secret that was deployed does not stay in the draft', async () => {
  rename('a', 'with a secret');
  draft.edit('Secret', (edit) => edit.set('a', { credentials: { password: 'x' } }));
  gateway.deploy = () => {
    gateway.flows = { flows: [first[0], node('a', { name: 'with a secret' })], rev: 'r2', number: 2 };
    return { status: 200, body: { revision: revision(2), refused: [], lost: 0 } };
  };
  await deploys.deploy(order);
  expect(draft.doc.get('a')).not.toHaveProperty('credentials');
  expect(draft.isDirty).toBe(false);
});

test('when the answer is lost it is looked up whether the deploy has arrived', async () => {
  rename('a', 'x');
  const sent = draft.doc.items();
  gateway.deploy = () => {
    gateway.flows = { flows: sent, rev: 'r2', number: 2 };
    gateway.revisions.unshift(revision(2, { who: 'ada', why: 'for a test', standing: 'probation' }));
    return undefined;
  };
  await expect(deploys.deploy(order)).rejects.toThrow('cannot be reached');
  expect(deploys.unknown).toBeDefined();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(deploys.unknown).toBeUndefined();
  expect(draft.isDirty).toBe(false);
  expect(deploys.watch?.number).toBe(2);
  expect(notices.all.at(-1)?.text).toContain('has arrived');
});

test('a deploy that has not arrived is told as such, after it had time to', async () => {
  rename('a', 'x');
  await expect(deploys.deploy(order)).rejects.toThrow('cannot be reached');
  await vi.advanceTimersByTimeAsync(5_000);
  expect(deploys.unknown).toBeDefined();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(deploys.unknown).toBeUndefined();
  expect(notices.all.at(-1)?.text).toContain('has not arrived');
  expect(draft.isDirty).toBe(true);
});

test('a conflict leaves the draft and learns what is there now', async () => {
  rename('a', 'x');
  gateway.deploy = () => {
    gateway.flows = { flows: [...first, node('b')], rev: 'r2', number: 2 };
    gateway.revisions.unshift(revision(2));
    return { status: 409, body: { code: 'version_mismatch', message: 'changed by bob' } };
  };
  await expect(deploys.deploy(order)).rejects.toThrow('changed by bob');
  expect(deploys.theirs).toMatchObject({ number: 2, who: 'bob' });
  expect(draft.doc.get('a')?.name).toBe('x');
});

test('an answer that is here before its news is no deploy that was taken back', async () => {
  await told({ number: 1, rev: 'r1', standing: 'good' });
  rename('a', 'mine');
  gateway.deploy = () => {
    gateway.flows = { flows: [...draft.doc.items()], rev: 'r2', number: 2 };
    gateway.revisions = [revision(1), revision(2, { who: 'ada', standing: 'probation', wall_ms: 5_000 })];
    return { status: 200, body: { revision: gateway.revisions[1], refused: [], lost: 0 } };
  };
  await deploys.deploy({ ...order, confirm: true });
  await vi.advanceTimersByTimeAsync(10);
  expect(deploys.takenBack).toBeUndefined();
  expect(deploys.watch).toMatchObject({ number: 2, needsWord: true });
  // It is late, and still says what was before.
  await told({ number: 1, rev: 'r1', standing: 'good' });
  expect(deploys.takenBack).toBeUndefined();
  expect(deploys.watch).toMatchObject({ number: 2, needsWord: true });
  await told({ number: 2, rev: 'r2', standing: 'probation' });
  expect(deploys.watch?.number).toBe(2);
});

test('of news that come while others are followed the last word counts', async () => {
  gateway.flows = { flows: [...first, node('theirs')], rev: 'r2', number: 2 };
  gateway.revisions = [revision(1), revision(2, { standing: 'probation' })];
  hear.get('deploy')?.({ type: 'deploy', number: 2, rev: 'r2', standing: 'probation' });
  hear.get('deploy')?.({ type: 'deploy', number: 2, rev: 'r2', standing: 'good' });
  await vi.advanceTimersByTimeAsync(10);
  expect(draft.base.rev).toBe('r2');
  expect(deploys.watch).toBeUndefined();
});

test('a page in the place of an answer is told as such, and the deploy is looked up', async () => {
  rename('a', 'mine');
  vi.stubGlobal('fetch', async (url: URL, { method = 'GET' }: RequestInit) => {
    if (method === 'POST') return new Response('<!doctype html><title>Log in to the hotel</title>', { status: 200 });
    const told = gateway.answer(url, method)!;
    return new Response(JSON.stringify(told.body), { status: told.status });
  });
  await expect(deploys.deploy(order)).rejects.toThrow('something else has answered in the place of the gateway');
  expect(deploys.unknown).toBeDefined();
});
