import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { DebugList, MOST_BYTES, MOST_ROWS } from '../../src/lib/live/debug-list.svelte';
import { documentId } from '../../src/lib/live/document-id';
import { MOST_TAPS, Taps } from '../../src/lib/live/taps.svelte';
import type { LiveApi, Told, Wants } from '../../src/lib/live/types';
import { valueOf } from '../../src/lib/live/values';
import { joined, linesOf, preview, textOf } from '../../src/lib/ui/tree';

const wanted = new Set<Wants>();
const hearers = new Map<string, ((told: Told) => void)[]>();
const tell = (told: Told) => hearers.get(told.type)?.forEach((hear) => hear(told));
const live = {
  now: () => 1_000,
  want: (wants: Wants) => {
    wanted.add(wants);
    return () => wanted.delete(wants);
  },
  on: (type: string, hear: (told: Told) => void) => {
    hearers.set(type, [...(hearers.get(type) ?? []), hear]);
    return () => undefined;
  },
} as unknown as LiveApi;
let taps: Taps;
let list: DebugList;

beforeEach(() => {
  vi.useFakeTimers();
  wanted.clear();
  hearers.clear();
  taps = new Taps(live);
  list = new DebugList(live, taps);
});
afterEach(() => vi.useRealTimers());

const debug = (msg: string, more: object = {}) => tell({ type: 'debug', shown: { id: 'd', z: 't', msg, format: 'string[1]', ...more } });

test('debug messages are wanted while somebody looks and a moment longer, and the gap is told', () => {
  const hide = list.watch();
  expect([...wanted]).toEqual([{ debug: true }]);
  debug('a');
  hide();
  vi.advanceTimersByTime(30_000);
  expect(wanted.size).toBe(1);
  debug('b');
  vi.advanceTimersByTime(31_000);
  expect(wanted.size).toBe(0);
  debug('not wanted');
  list.watch();
  vi.advanceTimersByTime(200);
  expect(list.rows.map((row) => row.kind)).toEqual(['message', 'message', 'unwatched']);
});

test('a pause leaves out and counts, and a lost connection is a line', () => {
  list.watch();
  debug('a', { level: 20 });
  list.pause(true);
  debug('b');
  debug('c');
  expect(list.leftOut).toBe(2);
  list.pause(false);
  tell({ type: 'back', from_ms: 5, to_ms: 9, restarted: false });
  debug('d');
  tell({ type: 'skipped', nodes: { d: 3, e: 4 } });
  vi.advanceTimersByTime(200);
  expect(list.rows.map((row) => row.kind)).toEqual(['error', 'away', 'message']);
  expect(list.rows[1]).toMatchObject({ at: 5, until: 9 });
  expect(list.skipped).toBe(7);
  list.clear();
  expect(list.rows).toEqual([]);
});

test('neither rows nor bytes grow without end, and what has gone is counted', () => {
  list.watch();
  for (let n = 0; n < 3 * MOST_ROWS; n += 1) debug(`${n}`);
  vi.advanceTimersByTime(200);
  expect(list.rows).toHaveLength(MOST_ROWS);
  expect(list.gone).toBe(2 * MOST_ROWS);
  expect(list.rows.at(-1)?.value).toBe('2999');
  for (let n = 0; n < 40; n += 1) debug('x'.repeat(500_000));
  vi.advanceTimersByTime(200);
  expect(list.bytes).toBeLessThanOrEqual(MOST_BYTES);
  expect(list.rows.length).toBeGreaterThan(1);
  expect(list.bytes).toBe(list.rows.reduce((sum, row) => sum + row.bytes, 0));
});

test('a tap is wanted while it is listed, not paused, or held; a ninth ends the first', () => {
  const wire = { from: 'a', port: 0, to: 'b' };
  list.watch();
  const tap = taps.watch('a', wire);
  const letGo = taps.hold('f');
  expect([...wanted]).toContainEqual({ wireTaps: [wire] });
  tell({ type: 'tap', node: 'a', wire, shown: { id: 'a', msg: '{"payload":1}', format: 'Object' } });
  tell({ type: 'tap', node: 'f', came_in: true, shown: { id: 'f', msg: '{"payload":{"t":2}}', format: 'Object' } });
  vi.advanceTimersByTime(200);
  // What is only held is for a form, and not in the panel.
  expect(list.rows).toHaveLength(1);
  expect(list.rows[0]?.has('payload')).toBe(true);
  expect(taps.recentAt('f')).toEqual([{ payload: { t: 2 } }]);
  letGo();
  letGo();
  expect(taps.recentAt('f')).toEqual([]);
  taps.pause(tap, true);
  expect([...wanted]).toEqual([{ debug: true }]);
  tell({ type: 'tap', node: 'a', wire, shown: { id: 'a', msg: '1', format: 'number' } });
  expect(tap.count).toBe(1);
  for (let n = 0; n < MOST_TAPS; n += 1) taps.watch(`n${n}`);
  expect(taps.list).toHaveLength(MOST_TAPS);
  expect(taps.isWatched('a', wire)).toBe(false);
  tell({ type: 'watching', not_allowed: [], unknown: ['n3'] });
  expect(taps.list.map((one) => one.trouble)).toEqual(['', '', '', 'not-running', '', '', '', '']);
});

test('a tap keeps the last 50 messages', () => {
  const tap = taps.watch('n');
  for (let n = 0; n < 80; n += 1) tell({ type: 'tap', node: 'n', shown: { id: 'n', msg: `${n}`, format: 'number' } });
  expect(taps.recentAt('n')).toEqual(Array.from({ length: 50 }, (_, n) => n + 30));
  expect(tap.count).toBe(80);
});

test('what is shown becomes a value again, and no number changes', () => {
  for (const [format, msg, value] of [
    ['number', '1.5', 1.5],
    ['number', '9007199254740993', { __enc__: true, type: 'number', data: '9007199254740993' }],
    ['boolean', 'true', true],
    ['null', '(undefined)', null],
    ['undefined', '(undefined)', undefined],
    ['string[3]', '1.5', '1.5'],
    ['array[2]', '[1,2]', [1, 2]],
    ['Object', '{"a":', '{"a":'],
    ['buffer[9]', '01ff', { __enc__: true, type: 'Buffer', data: [1, 255], length: 9 }],
  ] as const) {
    expect(valueOf({ format, msg }), msg).toEqual(value);
  }
});

test('a value is lines: opened where it was, long lists in parts, bytes in rows', () => {
  const value = { a: { 'b c': [1, 2] }, long: Array.from({ length: 250 }, (_, n) => n), cut: { __enc__: true, type: 'array', data: [1], length: 9 }, bytes: { type: 'Buffer', data: [104, 105, 0] } };
  const lines = linesOf(value, 'payload', new Set(['payload', 'payload.a', 'payload.a["b c"]', 'payload.long', 'payload.cut', 'payload.bytes']));
  const paths = lines.map((line) => line.path);
  expect(paths).toContain('payload.a["b c"][1]');
  expect(lines.filter((line) => line.path.startsWith('payload.long['))).toHaveLength(100);
  expect(lines.filter((line) => line.kind === 'more').map((line) => line.more)).toEqual([150, 8]);
  expect(lines.at(-1)?.value).toMatch(/^68 69 00 .*hi\.$/);
  expect(linesOf(value, 'payload', new Set())).toHaveLength(1);
  expect(joined('', 'x')).toBe('x');
  expect(preview(value, 60).length).toBeLessThan(90);
  expect(preview({ a: 'x'.repeat(10_000) }).length).toBeLessThan(160);
  expect(textOf(value.bytes)).toBe('686900');
});

test('a node in a subflow is found by the end of its id', () => {
  const doc = { has: (id: string) => ['sf-out', 'n'].includes(id) };
  expect(documentId(doc, 'sf-out')).toBe('sf-out');
  expect(documentId(doc, 'inst-sf-out')).toBe('sf-out');
  expect(documentId(doc, 'a-b-n')).toBe('n');
  expect(documentId(doc, 'unknown-x')).toBe('unknown-x');
});
