// Amounts, sizes and times as people read them, in their language.

import { amount, currentLanguage, t } from '../i18n/i18n.svelte';

export { amount };

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

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
const makers = new Map<string, Intl.DateTimeFormat>();

/** As it is written in a language. English has many ways, some with the month first: there it is that of ISO 8601, which nobody misreads. */
function written(date: Date, parts: 'date' | 'time' | 'thousandths'): string {
  if (Number.isNaN(date.getTime())) return '?';
  const language = currentLanguage();
  if (language === 'en') {
    if (parts === 'date') return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
    const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
    return parts === 'thousandths' ? `${time}.${two(date.getMilliseconds(), 3)}` : time;
  }
  const key = `${language} ${parts}`;
  let maker = makers.get(key);
  if (!maker) {
    const time = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;
    const how = parts === 'date' ? ({ year: 'numeric', month: '2-digit', day: '2-digit' } as const) : parts === 'time' ? time : ({ ...time, fractionalSecondDigits: 3 } as const);
    makers.set(key, (maker = new Intl.DateTimeFormat(language, how)));
  }
  return maker.format(date);
}

/** 14:02:11, with thousandths where they matter; in the time zone of the person. */
export const timeOfDay = (ms: number, thousandths = false): string => written(new Date(ms), thousandths ? 'thousandths' : 'time');

/** 2026-11-26 14:02:11, or 26.11.2026 14:02:11. */
export function dateAndTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? '?' : `${written(date, 'date')} ${written(date, 'time')}`;
}

/** Only the time of what was today by the clock `now`. */
export const when = (ms: number, now: number): string => (new Date(ms).toDateString() === new Date(now).toDateString() ? timeOfDay(ms) : dateAndTime(ms));
