// Amounts, sizes and times as people read them, in their language.

import { currentLanguage, t } from '../i18n/i18n.svelte';

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** As with `toLocaleString`, and a maker is kept for each way: they are slow to make. */
const makers = new Map<string, Intl.NumberFormat>();

export function amount(value: number, digits = 0): string {
  const key = `${currentLanguage()} ${digits}`;
  let maker = makers.get(key);
  if (!maker) makers.set(key, (maker = new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: digits })));
  return maker.format(value);
}

/** 1,234 B, 12.3 KB: by thousands, as disks are sold. */
export function size(bytes: number): string {
  let [value, unit] = [Math.max(0, bytes), 0];
  while (value >= 1_000 && unit < UNITS.length - 1) [value, unit] = [value / 1_000, unit + 1];
  return `${amount(value, unit === 0 || value >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

/** Messages a second; small rates keep their digits. */
export const perSecond = (rate: number): string => t('{n}/s', { n: amount(rate, rate < 10 ? 1 : 0) });

/** How long, in its two largest units: "3 min", "2 h 5 min". */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return t('{n} s', { n: seconds });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t('{n} min', { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? t('{n} h', { n: hours }) : t('{h} h {m} min', { h: hours, m: minutes % 60 });
  const days = Math.floor(hours / 24);
  if (days > 60) return t('more than {n} days', { n: amount(Math.min(days, 100_000)) });
  return hours % 24 === 0 ? t('{n} d', { n: days }) : t('{d} d {h} h', { d: days, h: hours % 24 });
}

const two = (value: number, digits = 2): string => String(value).padStart(digits, '0');

/** 14:02:11, with thousandths where they matter; in the time zone of the person. */
export function timeOfDay(ms: number, thousandths = false): string {
  const date = new Date(ms);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return thousandths ? `${time}.${two(date.getMilliseconds(), 3)}` : time;
}

/** 2026-11-26 14:02:11: the same everywhere, so that it sorts and can be searched. */
export function dateAndTime(ms: number): string {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return '?';
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${timeOfDay(ms)}`;
}

/** Only the time of what was today by the clock `now`. */
export const when = (ms: number, now: number): string => (new Date(ms).toDateString() === new Date(now).toDateString() ? timeOfDay(ms) : dateAndTime(ms));
