// Where the lines of a chart go: its scales, the marks on its axes, and the paths. Places are in px, from the top left corner.

import type { Series } from './model';

export interface Range {
  readonly from: number;
  readonly to: number;
}

const SECOND = 1000;
const DAY = 86_400 * SECOND;
/** How far marks of time may be apart. Longer ones are a number of days. */
const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200].map((seconds) => seconds * SECOND);
const DAYS = [1, 2, 7, 14, 30, 90, 180, 365];

/** The points from left to right, whatever the order in which they have come. */
export function inOrder({ x, y }: Series): (readonly [number, number | null])[] {
  return x.map((place, n) => [place, y[n] ?? null] as const).sort(([a], [b]) => a - b);
}

/** What all series lie between; `alone` is the room around a single place. */
export function rangeOf(places: Iterable<number>, alone: number): Range | undefined {
  let [from, to] = [Infinity, -Infinity];
  for (const place of places) [from, to] = [Math.min(from, place), Math.max(to, place)];
  if (from > to) return undefined;
  return from === to ? { from: from - alone, to: to + alone } : { from, to };
}

/** Of values: with some air above and below where no bound is given, also where all of them are the same. */
export function spread(values: Iterable<number>, low?: number, high?: number): Range {
  const found = rangeOf(values, 0) ?? { from: low ?? (high === undefined ? 0 : high - 1), to: high ?? (low ?? 0) + 1 };
  const [min, max] = [low ?? found.from, high ?? found.to];
  const air = Math.abs(max - min) * 0.08 || Math.abs(max) * 0.1 || 1;
  const [from, to] = [low ?? min - air, high ?? max + air];
  return to > from ? { from, to } : { from, to: from + air };
}

export interface Marks {
  readonly at: readonly number[];
  readonly apart: number;
}

/** Round numbers in a range, at most so many. */
export function marks({ from, to }: Range, most: number): Marks {
  const rough = (to - from) / Math.max(1, most - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const apart = [1, 2, 5, 10].map((n) => n * power).find((step) => step >= rough * (1 - 1e-9)) ?? 10 * power;
  const first = Math.ceil(from / apart - 1e-9);
  // Multiplied, not added up: sums of tenths drift.
  const at = Array.from({ length: Math.max(0, Math.min(most, Math.floor(to / apart + 1e-9) - first + 1)) }, (_, n) => (first + n) * apart);
  return { at, apart };
}

/** Round times in a range, in the zone of whoever looks. */
export function timeMarks({ from, to }: Range, most: number): Marks {
  const rough = (to - from) / Math.max(1, most - 1);
  const apart = TIMES.find((step) => step >= rough);
  if (apart !== undefined) {
    const zone = new Date(from).getTimezoneOffset() * 60 * SECOND;
    const at = [];
    for (let place = Math.ceil((from - zone) / apart) * apart + zone; place <= to && at.length < most; place += apart) at.push(place);
    return { at, apart };
  }
  const days = DAYS.find((count) => count * DAY >= rough) ?? Math.ceil(rough / DAY);
  const day = new Date(from);
  day.setHours(0, 0, 0, 0);
  if (day.getTime() < from) day.setDate(day.getDate() + 1);
  const at = [];
  // Day by day of the calendar: one of them is an hour longer.
  for (; day.getTime() <= to && at.length < most; day.setDate(day.getDate() + days)) at.push(day.getTime());
  return { at, apart: days * DAY };
}

/** Turns places of a range into px. Where numbers are too large to be told apart, all is in the middle. */
export function scaled({ from, to }: Range, px: number): (place: number) => number {
  const span = to - from;
  return span > 0 && Number.isFinite(span) ? (place) => ((place - from) / span) * px : () => px / 2;
}

type Point = readonly [x: number, y: number];

/** What is between two gaps is one run. */
export function runs(points: readonly (readonly [number, number | null])[], x: (place: number) => number, y: (value: number) => number): Point[][] {
  const found: Point[][] = [[]];
  for (const [place, value] of points) {
    if (value !== null) found.at(-1)!.push([x(place), y(value)]);
    else if (found.at(-1)!.length > 0) found.push([]);
  }
  return found.filter((run) => run.length > 0);
}

const px = (place: number): string => String(Math.round(place * 10) / 10);
const pair = ([x, y]: Point): string => `${px(x)} ${px(y)}`;

/** A line through the runs; in steps, each value holds until the next. */
export const linePath = (all: readonly (readonly Point[])[], steps = false): string =>
  all.map((run) => run.map((point, n) => (n === 0 ? `M${pair(point)}` : steps ? `H${px(point[0])}V${px(point[1])}` : `L${pair(point)}`)).join('')).join('');

/** What is between the line and a floor. */
export const areaPath = (all: readonly (readonly Point[])[], floor: number, steps = false): string =>
  all.map((run) => `${linePath([run], steps)}V${px(floor)}H${px(run[0]![0])}Z`).join('');

/** A dot for each point, drawn by round ends of lines without a length. */
export const dotsPath = (all: readonly (readonly Point[])[]): string => all.flatMap((run) => run.map((point) => `M${pair(point)}h0`)).join('');

/** Which of the points is the nearest to a place. */
export function nearest(points: readonly (readonly [number, number | null])[], place: number): readonly [number, number] | undefined {
  let best: readonly [number, number] | undefined;
  for (const [at, value] of points) {
    if (value !== null && (!best || Math.abs(at - place) < Math.abs(best[0] - place))) best = [at, value];
  }
  return best;
}
