import { expect, test } from 'vitest';

import { aligned, newestOf, timeMark, within } from '../../src/dashboard/chart';
import { arcPath, ARCS, scaleOf, segmentOf, share } from '../../src/dashboard/gauge';
import { age, chosenPage, hashOf, laidOver, readable, shownText, widgetSpan, type PageLayout, type WidgetData } from '../../src/dashboard/model';
import { columnsOf, nextOrder, shownRows } from '../../src/dashboard/table';

const widget = (type: string, more: object = {}): WidgetData => ({ id: 'w', type, ...more });

test('a view is laid over what is known, and points are appended within the bounds', () => {
  const gauge = laidOver(widget('ui-gauge', { max: 10, value: 1 }), { value: 2, id: 'other' });
  expect(gauge).toEqual({ id: 'w', type: 'ui-gauge', max: 10, value: 2 });
  let chart = widget('ui-chart', { removeOlderPoints: 3, series: [{ name: 'a', x: [1, 2], y: [1, 2] }] });
  chart = laidOver(chart, { more: [{ name: 'a', x: [3, 4], y: [null, 4] }, { name: 'b', x: [3], y: [9] }] });
  expect(chart.series).toEqual([{ name: 'a', x: [2, 3, 4], y: [2, null, 4] }, { name: 'b', x: [3], y: [9] }]);
  expect(chart.more).toBeUndefined();
  expect(laidOver(chart, { series: [] }).series).toEqual([]);
});

test('rows are appended, and as many go as the gateway has let go', () => {
  const table = widget('ui-table', { rows: [{ a: 1 }, { a: 2 }], count: 2 });
  expect(laidOver(table, { more: [{ a: 3 }], count: 2 }).rows).toEqual([{ a: 2 }, { a: 3 }]);
  expect(laidOver(table, { rows: [], count: 0 }).rows).toEqual([]);
});

test('a page is found by its path, also one that is not among the tabs', () => {
  const page = (id: string, path: string, visible = true): PageLayout => ({ id, name: id, path, visible, disabled: false, groups: [] });
  const pages = [page('hidden', '/secret', false), page('one', '/one two'), page('two', '')];
  expect(chosenPage(pages, '')?.id).toBe('one');
  expect(chosenPage(pages, '#/secret')?.id).toBe('hidden');
  for (const one of pages) expect(chosenPage(pages, hashOf(one))?.id).toBe(one.id);
  expect(chosenPage(pages, '#/%E0%A4%A')?.id).toBe('one');
  expect(chosenPage([], '#/x')).toBeUndefined();
});

test('numbers, values and ages read as people read them', () => {
  expect([0.123456, 12.3456, 123.456, 12345.6, 0, 1e15].map((n) => readable(n, 'en'))).toEqual(['0.1235', '12.35', '123.5', '12,346', '0', '1E15']);
  // As it is written elsewhere.
  expect([1234.5, 0.5, 2.5e-8].map((n) => readable(n, 'de'))).toEqual(['1.235', '0,5', '2,5E-8']);
  expect([null, 'x', true, 1.5].map((value) => shownText(value, 'en'))).toEqual(['–', 'x', 'true', '1.5']);
  expect([-5, 12_000, 150_000, 7_300_000, 4e8].map(age)).toEqual([
    { n: 0, unit: 's' }, { n: 12, unit: 's' }, { n: 3, unit: 'min' }, { n: 2, unit: 'h' }, { n: 5, unit: 'd' },
  ]);
  expect([widgetSpan(0, 6), widgetSpan(3, 6), widgetSpan(9, 6), widgetSpan(undefined, 40)]).toEqual([6, 3, 6, 12]);
});

test('a gauge has its scale, also where a message has turned it round', () => {
  const scale = scaleOf(widget('ui-gauge', { min: 0, max: 100, segments: [{ from: 60, text: 'high' }, { from: -5, text: 'low' }, { from: 200 }] }));
  expect(scale.segments.map(({ from, to, text }) => [from, to, text])).toEqual([[0, 60, 'low'], [60, 100, 'high']]);
  expect([segmentOf(scale, 59)?.text, segmentOf(scale, 60)?.text, segmentOf(scale, 500)?.text]).toEqual(['low', 'high', 'high']);
  expect([share(scale, -1), share(scale, 25), share(scale, 101)]).toEqual([0, 0.25, 1]);
  expect(scaleOf(widget('ui-gauge', { min: 9, max: 1 }))).toMatchObject({ min: 9, max: 10 });
  expect(arcPath(ARCS['gauge-half'] ?? { start: 0, sweep: 0 }, 70, 0, 1)).toBe('M-70.00 -0.00A70 70 0 0 1 70.00 -0.00');
});

test('series share one list of places: a gap is a gap, and a missing point is none', () => {
  const series = [{ name: 'a', x: [3, 1], y: [30, 10] }, { name: 'b', x: [1, 2], y: [1, null] }];
  expect(aligned(series)).toEqual([[1, 2, 3], [10, undefined, 30], [1, null, undefined]]);
  expect(aligned([])).toEqual([[]]);
  const [one] = within(widget('ui-chart', { removeOlder: 1, removeOlderUnit: 1, series: [{ name: 'a', x: [0, 1500], y: [1, 2] }] }), 2000);
  expect(one).toEqual({ name: 'a', x: [1500], y: [2] });
  expect(newestOf({ name: 'b', x: [1, 2], y: [1, null] })).toBe(1);
  expect(timeMark(0, 1, 'en')).toMatch(/^\d\d:\d\d:\d\d$/);
  expect(timeMark(0, 60, 'en')).toMatch(/^\d\d:\d\d$/);
});

test('tables are sorted, searched, and have the columns that are wanted', () => {
  const rows = [{ a: 10, b: 'x' }, { a: 9, b: 'Y' }, { b: 'z', c: null }];
  const table = widget('ui-table', { autocols: true, rows });
  const columns = columnsOf(table);
  expect(columns.map(({ key }) => key)).toEqual(['a', 'b', 'c']);
  expect(columnsOf(widget('ui-table', { autocols: false, columns: [{ key: 'b', label: 'B' }, { key: '' }] }))).toEqual([{ key: 'b', title: 'B', align: '' }]);
  expect(shownRows(rows, columns, 'y', undefined)).toEqual([rows[1]]);
  expect(shownRows(rows, columns, '', { key: 'a', down: false })).toEqual([rows[1], rows[0], rows[2]]);
  const first = nextOrder(undefined, 'a');
  expect([first, nextOrder(first, 'a'), nextOrder(nextOrder(first, 'a'), 'a')]).toEqual([{ key: 'a', down: false }, { key: 'a', down: true }, undefined]);
});
