// What a chart shows: its series, their newest values, and how they are told apart.

import { numberOf, seriesOf, textOf, type Series, type WidgetData } from './model';

export const isOverTime = (data: WidgetData): boolean => textOf(data, 'xAxisType') !== 'linear';

/** The series without points that have become too old. */
export function within(data: WidgetData, now: number): readonly Series[] {
  const span = (numberOf(data, 'removeOlder') ?? 0) * (numberOf(data, 'removeOlderUnit') ?? 3600) * 1000;
  if (span <= 0 || !isOverTime(data)) return seriesOf(data);
  const fresh = ({ name, x, y }: Series): Series => {
    const kept = x.map((place, n) => [place, y[n] ?? null] as const).filter(([place]) => place >= now - span);
    return kept.length === x.length ? { name, x, y } : { name, x: kept.map(([place]) => place), y: kept.map(([, value]) => value) };
  };
  return seriesOf(data).map(fresh).filter(({ x }) => x.length > 0);
}

/** A time on an axis whose marks are so many seconds apart, in the zone of whoever looks. */
export function timeMark(seconds: number, apart: number, language?: string): string {
  const format: Intl.DateTimeFormatOptions =
    apart >= 86_400
      ? { day: 'numeric', month: 'short' }
      : { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', ...(apart < 60 ? { second: '2-digit' } : {}) };
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? '–' : new Intl.DateTimeFormat(language, format).format(date);
}

/** The newest value of a series, over gaps. */
export const newestOf = ({ y }: Series): number | undefined => y.findLast((value) => value !== null) ?? undefined;

/** How the lines of series are broken, so that they are told apart without their colours. */
export const DASHES: readonly (readonly number[])[] = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 2], [14, 4], [2, 6], [8, 3, 2, 3, 2, 3]];
