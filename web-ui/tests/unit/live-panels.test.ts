import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Asked } from '../../src/lib/live/asked.svelte';
import { size, span } from '../../src/lib/ui/amounts';
import { MOST_RECORDS, Reader } from '../../src/panels/logs/reader.svelte';
import { grouped, outboxOf, standingOf, timeToEmpty, timeToFull, type Backlog } from '../../src/panels/outboxes/outbox';

const backlog = (more: Partial<Backlog> = {}): Backlog => ({ node: 's', storing: false, passing: 0, parked: 0, messages: [0, 0, 0], bytes: 0, drain_rate: 0, fill_rate: 0, ...more });
const trouble = (state: 'away' | 'stopped') => ({ id: 's', node: 's', state, why: 'refused', errors: 0 });

/** A log of so many messages, every tenth with the key `k`, given in parts as the gateway gives them. */
let stored = 0;
let looked = 0;
let asked: URL[] = [];
let fails = false;

beforeEach(() => {
  [stored, looked, asked, fails] = [0, 1_000_000, [], false];
  vi.stubGlobal('location', { origin: 'http://gateway' });
  vi.stubGlobal('document', { visibilityState: 'visible' });
  vi.stubGlobal('fetch', (url: URL) => {
    asked.push(url);
    if (fails) return Promise.resolve(Response.json({ code: 'busy', message: 'too busy' }, { status: 503 }));
    if (url.pathname === '/api/v1/logs') return Promise.resolve(Response.json([{ name: 'a/b', first: 1, next: stored + 1 }]));
    const [from, limit, key] = [Number(url.searchParams.get('from') ?? 1), Number(url.searchParams.get('limit')), url.searchParams.get('key')];
    const records = [];
    let next = from;
    while (next <= stored && next < from + looked && records.length < limit) {
      if (!key || next % 10 === 0) records.push({ sequence: next, wall_ms: next, key: null, source: '', value: {} });
      next += 1;
    }
    return Promise.resolve(Response.json({ records, gaps: [], next, end: stored + 1 }));
  });
});
afterEach(() => vi.unstubAllGlobals());

test('a log is read page by page, from its end or its start, and no message is left out', async () => {
  stored = 250;
  const reader = new Reader('a/b');
  await reader.newest();
  expect(reader.records.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 100 }, (_, n) => n + 151));
  expect(reader.left).toBe(0);
  expect(asked.at(-1)?.pathname).toBe('/api/v1/logs/a%2Fb/records');
  stored = 260;
  await reader.on();
  expect(reader.records.at(-1)?.sequence).toBe(260);
  await reader.from({});
  while (reader.left > 0) await reader.on();
  expect(reader.records.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 260 }, (_, n) => n + 1));
});

test('a key that is rare is looked for through parts that hold nothing, and what is kept is bounded', async () => {
  [stored, looked] = [40, 4];
  const reader = new Reader('a/b');
  reader.key = 'k';
  await reader.from({});
  expect(reader.records.map(({ sequence }) => sequence)).toEqual([10]);
  [stored, looked, reader.key] = [3_000, 1_000_000, ''];
  await reader.from({});
  while (reader.left > 0) await reader.on();
  expect(reader.records).toHaveLength(MOST_RECORDS);
  expect(reader.records.at(-1)?.sequence).toBe(3_000);
  expect(reader.gone).toBe(2_000);
});

test('what was there stays where the gateway fails, and the reason is told', async () => {
  stored = 3;
  const reader = new Reader('a/b');
  await reader.newest();
  fails = true;
  await reader.on();
  expect(reader.trouble).toBe('too busy');
  expect(reader.records).toHaveLength(3);
  let answer: () => Promise<number> = () => Promise.resolve(1);
  const one = new Asked(() => answer());
  await one.again();
  answer = () => Promise.reject(new Error('no'));
  await one.again();
  expect([one.value, one.trouble, one.asking]).toEqual([1, 'no', false]);
  answer = () => Promise.resolve(2);
  await one.again();
  expect([one.value, one.trouble]).toEqual([2, '']);
});

test('what is followed is not asked for again while an answer is on its way, however long that takes', async () => {
  vi.useFakeTimers();
  try {
    const answers: ((value: number) => void)[] = [];
    const signals: AbortSignal[] = [];
    const one = new Asked((signal) => {
      signals.push(signal);
      return new Promise<number>((answer) => answers.push(answer));
    });
    const end = one.follow(3_000);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    answers[0]!(7);
    await vi.advanceTimersByTimeAsync(3_000);
    expect([one.value, answers.length]).toEqual([7, 2]);
    end();
    await vi.advanceTimersByTimeAsync(9_000);
    expect([signals.length, signals[1]?.aborted]).toEqual([2, true]);
  } finally {
    vi.useRealTimers();
  }
});

test('the standing of an outbox is told by what matters most', () => {
  expect(standingOf(backlog(), undefined)).toEqual({ tone: 'good', text: 'nothing waits' });
  expect(standingOf(backlog({ messages: [0, 5, 0], drain_rate: 12 }), undefined)).toEqual({ tone: 'good', text: 'sending, 12/s' });
  expect(standingOf(backlog({ messages: [0, 5, 0] }), trouble('away'))).toEqual({ tone: 'warn', text: 'waiting: refused' });
  expect(standingOf(backlog({ messages: [0, 5, 0], parked: 3 }), trouble('away')).tone).toBe('bad');
  expect(standingOf(backlog(), trouble('stopped'))).toEqual({ tone: 'bad', text: 'stopped: refused' });
});

test('times and sizes are told in the units that people use', () => {
  expect([0, 59_400, 61_000, 3_600_000, 7_500_000, 90_000_000, 86_400_000 * 400].map(span)).toEqual(['0 s', '59 s', '1 min', '1 h', '2 h 5 min', '1 d 1 h', 'more than 400 days']);
  expect([0, 999, 1_234, 123_456, 5e9].map(size)).toEqual(['0 B', '999 B', '1.2 KB', '123 KB', '5 GB']);
  expect(timeToEmpty(backlog({ seconds_to_empty: 90 }))).toBe('empty in 1 min');
  expect(timeToEmpty(backlog())).toBe('');
  expect(timeToFull(backlog({ hours_until_full: 40 }))).toBe('full in 1 d 16 h');
  expect(timeToFull(backlog({ hours_until_full: 1e9 }))).toBe('not full within a year');
});

test('the settings of an outbox are those of the node, and else those of its type', () => {
  const type = { type: 'x', category: '', summary: '', help: '', inputs: 1, outputs: 0, fields: [{ name: 'outbox', label: '', help: '', required: false, secret: false, kind: 'group' as const, fields: [{ name: 'mode', label: '', help: '', required: false, secret: false, kind: 'text' as const, default: 'offline' }, { name: 'max_bytes', label: '', help: '', required: false, secret: false, kind: 'integer' as const, default: 100 }] }] };
  expect(outboxOf({ id: 'a', type: 'x' }, type)).toEqual({ mode: 'offline', maxBytes: 100 });
  expect(outboxOf({ id: 'a', type: 'x', outbox: { mode: 'always', max_bytes: 7 } }, type)).toEqual({ mode: 'always', maxBytes: 7 });
  expect(outboxOf({ id: 'a', type: 'x', outbox: 'odd' }, undefined)).toEqual({ mode: '', maxBytes: undefined });
  expect([...grouped([1, 2, 3], (n) => (n % 2 ? 'odd' : 'even')).entries()]).toEqual([['odd', [1, 3]], ['even', [2]]]);
});
