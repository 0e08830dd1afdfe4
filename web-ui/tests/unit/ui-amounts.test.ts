// Numbers, sizes and times as they are written in each language.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, expect, test, vi } from 'vitest';

import { duration, short } from '../../src/lib/canvas/facts';
import { speak, tn } from '../../src/lib/i18n/i18n.svelte';
import { amount, dateAndTime, perSecond, size, span, timeOfDay } from '../../src/lib/ui/amounts';

vi.stubGlobal('document', { documentElement: {} });
afterEach(() => speak('en'));
const at = new Date(2026, 10, 6, 4, 2, 11, 45).getTime();

test('in English', async () => {
  await speak('en');
  expect([amount(1234.5), amount(1234.56, 1), size(12_345), size(999), perSecond(2.25)]).toEqual(['1,235', '1,234.6', '12.3 KB', '999 B', '2.3/s']);
  expect([dateAndTime(at), timeOfDay(at), timeOfDay(at, true)]).toEqual(['2026-11-06 04:02:11', '04:02:11', '04:02:11.045']);
  expect([short(0.05), short(42), short(1_250), short(3_400_000), duration(1_500)]).toEqual(['<0.1', '42', '1.3k', '3.4M', '1.5 ms']);
  expect([0, 1, 2, 12_345].map((n) => tn(n, '1 node', '{n} nodes'))).toEqual(['0 nodes', '1 node', '2 nodes', '12,345 nodes']);
});

test('in German', async () => {
  await speak('de');
  expect([amount(1234.5), amount(1234.56, 1), size(12_345), perSecond(2.25)]).toEqual(['1.235', '1.234,6', '12,3 KB', '2,3/s']);
  expect([dateAndTime(at), timeOfDay(at), timeOfDay(at, true)]).toEqual(['06.11.2026 04:02:11', '04:02:11', '04:02:11,045']);
  expect([short(0.05), short(1_250), duration(1_500)]).toEqual(['<0,1', '1,3k', '1,5 ms']);
  expect([0, 1, 2, 12_345].map((n) => tn(n, '1 node', '{n} nodes'))).toEqual(['0 Knoten', '1 Knoten', '2 Knoten', '12.345 Knoten']);
  expect([span(59_000), span(3 * 3_600_000), span(400 * 86_400_000)]).toEqual(['59 s', '3 h', 'mehr als 400 Tage']);
});

test('a time that is none is told so', () => {
  expect([dateAndTime(Number.NaN), timeOfDay(Infinity)]).toEqual(['?', '?']);
});

test('no English text has two German ones: which is shown would be chance', async () => {
  const folder = new URL('../../src/lib/i18n/de', import.meta.url).pathname;
  const known = new Map<string, string>();
  for (const name of readdirSync(folder)) {
    for (const [text, german] of Object.entries(((await import(join(folder, name))) as { default: Record<string, string> }).default)) {
      expect(known.get(text) ?? german, text).toBe(german);
      known.set(text, german);
    }
  }
});
