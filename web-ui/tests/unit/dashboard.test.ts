import { expect, test } from 'vitest';

import { newestOf, timeMark, within } from '../../src/dashboard/chart';
import { arcPath, ARCS, scaleOf, segmentOf, share } from '../../src/dashboard/gauge';
import { areaPath, dotsPath, inOrder, linePath, marks, nearest, rangeOf, runs, scaled, spread, timeMarks } from '../../src/dashboard/lines';
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

test('points go from left to right, and a line is broken by a gap', () => {
  const points = inOrder({ name: 'a', x: [3, 1, 2, 4, 5], y: [30, 10, null, 40, null] });
  expect(points).toEqual([[1, 10], [2, null], [3, 30], [4, 40], [5, null]]);
  const all = runs(points, scaled({ from: 1, to: 5 }, 80), (value) => 50 - value);
  expect(all).toEqual([[[0, 40]], [[40, 20], [60, 10]]]);
  expect(linePath(all)).toBe('M0 40M40 20L60 10');
  expect(linePath(all, true)).toBe('M0 40M40 20H60V10');
  expect(areaPath(all.slice(1), 50)).toBe('M40 20L60 10V50H40Z');
  expect(dotsPath(all)).toBe('M0 40h0M40 20h0M60 10h0');
  expect([nearest(points, 2.2), nearest(points, 9), nearest([[1, null]], 1)]).toEqual([[3, 30], [4, 40], undefined]);
  expect([runs([], Number, Number), linePath([]), areaPath([], 1)]).toEqual([[], '', '']);
});

test('an axis has round marks, few enough for its length', () => {
  expect(marks({ from: 0, to: 100 }, 6)).toEqual({ at: [0, 20, 40, 60, 80, 100], apart: 20 });
  expect(marks({ from: -0.32, to: 0.31 }, 5).at).toEqual([-0.2, 0, 0.2]);
  const zone = process.env.TZ;
  process.env.TZ = 'Europe/Berlin';
  const hour = 3_600_000;
  const noon = Date.UTC(2026, 9, 24, 10);
  expect(timeMarks({ from: noon + 1, to: noon + 4 * hour }, 5)).toEqual({ at: [1, 2, 3, 4].map((n) => noon + n * hour), apart: hour });
  // Midnight stays midnight, also where the clocks are put back.
  const days = timeMarks({ from: noon, to: noon + 96 * hour }, 5);
  expect(days.at.map((place) => new Date(place).getHours())).toEqual([0, 0, 0, 0]);
  expect(days.at[1]! - days.at[0]!).toBe(25 * hour);
  process.env.TZ = zone ?? '';
  for (const to of [1, 1e3, 1e6, 1e9, 1e12, 1e15, 1e300]) {
    expect(marks({ from: 0, to }, 5).at.length).toBeLessThanOrEqual(5);
    expect(timeMarks({ from: 0, to }, 5).at.length).toBeLessThanOrEqual(5);
  }
});

test('a scale has room around what is drawn, keeps its bounds, and bears every number', () => {
  expect(rangeOf([], 1)).toBeUndefined();
  expect(rangeOf([5], 1)).toEqual({ from: 4, to: 6 });
  expect(spread([0, 100])).toEqual({ from: -8, to: 108 });
  expect(spread([0, 100], 0, 50)).toEqual({ from: 0, to: 50 });
  expect([spread([]), spread([], 5), spread([7, 7])].every(({ from, to }) => to > from)).toBe(true);
  expect(spread([1], 9, 3).to).toBeGreaterThan(9);
  for (const range of [{ from: -1.7e308, to: 1.7e308 }, { from: 1e300, to: 1e300 }]) {
    expect(scaled(range, 100)(1e300)).toBe(50);
    expect(marks(range, 5).at.length).toBeLessThanOrEqual(5);
    expect(timeMarks(range, 5).at.length).toBeLessThanOrEqual(5);
  }
});

test('old points go, and times read as the axis wants them', () => {
  const [one] = within(widget('ui-chart', { removeOlder: 1, removeOlderUnit: 1, series: [{ name: 'a', x: [0, 1500], y: [1, 2] }] }), 2000);
  expect(one).toEqual({ name: 'a', x: [1500], y: [2] });
  expect(newestOf({ name: 'b', x: [1, 2], y: [1, null] })).toBe(1);
  expect(timeMark(0, 1, 'en')).toMatch(/^\d\d:\d\d:\d\d$/);
  expect(timeMark(0, 60, 'en')).toMatch(/^\d\d:\d\d$/);
  expect(timeMark(1e300, 1, 'en')).toBe('–');
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
