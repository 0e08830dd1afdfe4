// The columns and rows of a table as they are shown.

import { flagOf, rowsOf, shownText, type Row, type WidgetData } from './model';

export interface Column {
  readonly key: string;
  readonly title: string;
  readonly align: 'start' | 'center' | 'end' | '';
}

export interface Order {
  readonly key: string;
  readonly down: boolean;
}

const MOST_COLUMNS = 40;

export function columnsOf(data: WidgetData): readonly Column[] {
  const told = Array.isArray(data.columns) ? (data.columns as Partial<Column & { label: string }>[]) : [];
  const named = told
    .filter((column) => typeof column.key === 'string' && column.key !== '')
    .map(({ key = '', title, label, align }) => ({ key, title: title || label || key, align: align ?? '' }) as const);
  if (!flagOf(data, 'autocols') && named.length > 0) return named;
  const keys = new Set<string>();
  for (const row of rowsOf(data)) for (const key of Object.keys(row)) if (keys.size < MOST_COLUMNS) keys.add(key);
  return [...keys].map((key) => ({ key, title: key, align: '' }));
}

/** The rows in which the text stands, in the order that somebody has chosen. */
export function shownRows(rows: readonly Row[], columns: readonly Column[], search: string, order: Order | undefined, language?: string): readonly Row[] {
  const wanted = search.trim().toLocaleLowerCase();
  const found = wanted === '' ? rows : rows.filter((row) => columns.some(({ key }) => shownText(row[key], language).toLocaleLowerCase().includes(wanted)));
  if (!order) return found;
  const sorted = [...found].sort((a, b) => compared(a[order.key], b[order.key]));
  return order.down ? sorted.reverse() : sorted;
}

/** Numbers by their size, texts as people sort them, and what is not there at the end. */
function compared(a: unknown, b: unknown): number {
  const [none, other] = [a === null || a === undefined, b === null || b === undefined];
  if (none || other) return Number(none) - Number(other);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return shownText(a).localeCompare(shownText(b), undefined, { numeric: true });
}

/** What a press on a column makes of the order: up, down, and as it came. */
export const nextOrder = (order: Order | undefined, key: string): Order | undefined =>
  order?.key !== key ? { key, down: false } : order.down ? undefined : { key, down: true };
