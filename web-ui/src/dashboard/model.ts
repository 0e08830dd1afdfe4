// What the dashboard shows, without a browser: how views of the gateway are laid over each other, and how values read.

/** A widget as the gateway tells of it: its properties and its state, one beside the other. */
export type WidgetData = Readonly<Record<string, unknown>> & { readonly id: string; readonly type: string };

export interface GroupLayout {
  readonly id: string;
  readonly name: string;
  readonly width: number;
  readonly show_title: boolean;
  readonly visible: boolean;
  readonly disabled: boolean;
  readonly widgets: readonly WidgetData[];
}

export interface PageLayout {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly visible: boolean;
  readonly disabled: boolean;
  readonly groups: readonly GroupLayout[];
}

export interface DashboardLayout {
  readonly name: string;
  readonly pages: readonly PageLayout[];
  readonly now_ms: number;
  readonly may_operate: boolean;
}

export interface Series {
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
}

export type Row = Readonly<Record<string, unknown>>;

/** A chart has no more points in a series. */
const MOST_POINTS = 1_000;

export const textOf = (data: WidgetData, name: string): string => (typeof data[name] === 'string' ? data[name] : '');
export const flagOf = (data: WidgetData, name: string): boolean => data[name] === true;
export function numberOf(data: WidgetData, name: string): number | undefined {
  const value = data[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export const seriesOf = (data: WidgetData): readonly Series[] => (Array.isArray(data.series) ? (data.series as Series[]) : []);
export const rowsOf = (data: WidgetData): readonly Row[] => (Array.isArray(data.rows) ? (data.rows as Row[]) : []);

/** What is known of a widget with a view laid over it: `more` is appended, and what there is no room for goes. */
export function laidOver(data: WidgetData, view: Readonly<Record<string, unknown>>): WidgetData {
  const { more, ...properties } = view;
  const next: WidgetData = { ...data, ...properties, id: data.id };
  if (!Array.isArray(more)) return next;
  if (data.type === 'ui-table') {
    const rows = [...rowsOf(next), ...(more as Row[])];
    const count = numberOf(next, 'count') ?? rows.length;
    return { ...next, rows: rows.slice(Math.max(0, rows.length - count)) };
  }
  return { ...next, series: withPoints(next, more as Series[]) };
}

function withPoints(data: WidgetData, more: readonly Series[]): Series[] {
  const most = Math.min(numberOf(data, 'removeOlderPoints') || MOST_POINTS, MOST_POINTS);
  const series = seriesOf(data).map((one) => {
    const added = more.find(({ name }) => name === one.name);
    return added ? newest({ name: one.name, x: [...one.x, ...added.x], y: [...one.y, ...added.y] }, most) : one;
  });
  const known = new Set(series.map(({ name }) => name));
  return [...series, ...more.filter(({ name }) => !known.has(name))];
}

function newest({ name, x, y }: Series, most: number): Series {
  const from = Math.max(0, x.length - most);
  return { name, x: x.slice(from), y: y.slice(from) };
}

/** Which of the pages somebody asks for, by its path or id; the first one where there is no such page. */
export function chosenPage(pages: readonly PageLayout[], hash: string): PageLayout | undefined {
  const wanted = decoded(hash.replace(/^#\/?/, ''));
  const bare = (path: string): string => path.replace(/^\/+|\/+$/g, '');
  const found = wanted === '' ? undefined : pages.find(({ id, path }) => bare(path) === bare(wanted) || id === wanted);
  return found ?? pages.find(({ visible }) => visible) ?? pages[0];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The hash by which a page is found again. */
export const hashOf = ({ id, path }: PageLayout): string => `#/${(path.replace(/^\/+/, '') || id).split('/').map(encodeURIComponent).join('/')}`;

/** A number as it is read at a glance: no more digits than mean something. */
export function readable(value: number, language?: string): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e12 || size < 1e-6)) return maker(language, 3, 'scientific').format(value);
  return maker(language, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 4).format(value);
}

const makers = new Map<string, Intl.NumberFormat>();

/** They are slow to make, and a table asks for thousands of numbers. */
function maker(language: string | undefined, digits: number, notation: 'standard' | 'scientific' = 'standard'): Intl.NumberFormat {
  const key = `${language ?? ''} ${digits} ${notation}`;
  let made = makers.get(key);
  if (!made) makers.set(key, (made = new Intl.NumberFormat(language, { maximumFractionDigits: digits, notation })));
  return made;
}

/** Any value as one text. */
export function shownText(value: unknown, language?: string): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number') return readable(value, language);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A span as people say it, with its unit apart so that it can be translated. */
export function age(ms: number): { readonly n: number; readonly unit: 's' | 'min' | 'h' | 'd' } {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return { n: seconds, unit: 's' };
  if (seconds < 100 * 60) return { n: Math.round(seconds / 60), unit: 'min' };
  if (seconds < 48 * 3600) return { n: Math.round(seconds / 3600), unit: 'h' };
  return { n: Math.round(seconds / 86_400), unit: 'd' };
}

/** How many of the twelve columns of a wide screen a group takes. */
export const groupSpan = (width: number): number => Math.min(12, Math.max(1, Math.round(width)));

/** The columns that a widget takes of its group; 0 is all of them. */
export function widgetSpan(width: number | undefined, group: number): number {
  const columns = groupSpan(group);
  return !width || width < 1 ? columns : Math.min(columns, Math.round(width));
}
