// Texts stand in the code in English and are their own keys; other languages are loaded when they are wanted.
// A test looks that each text of the code is there in each language.

import type { Find } from './packed';

const loaders: Readonly<Record<string, () => Promise<{ default: Find }>>> = { de: () => import('./german') };
const asWritten: Find = () => undefined;

export const LANGUAGES: readonly { readonly code: string; readonly name: string }[] = [
  { code: 'en', name: 'English' },
  { code: 'de', name: 'Deutsch' },
];

let find = $state.raw(asWritten);
let language = $state('en');

export type Params = Readonly<Record<string, string | number>>;

/** The text in the language of the person; `{name}` is replaced by the parameter of that name. */
export function t(text: string, params?: Params): string {
  const found = find(text) ?? text;
  return params ? found.replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole)) : found;
}

/** One or many: `tn(3, '1 message', '{n} messages')`. English and German both have two forms, and zero is many. */
export const tn = (n: number, one: string, many: string, params?: Params): string => t(n === 1 ? one : many, { n: amount(n, 1), ...params });

/** As with `toLocaleString`, and a maker is kept for each way: they are slow to make. */
const makers = new Map<string, Intl.NumberFormat>();

/** A number as it is written in the language of the person. Not for names such as that of a revision or a port. */
export function amount(value: number, digits = 0): string {
  const key = `${language} ${digits}`;
  let maker = makers.get(key);
  if (!maker) makers.set(key, (maker = new Intl.NumberFormat(language, { maximumFractionDigits: digits })));
  return maker.format(value);
}

export const currentLanguage = (): string => language;

/** Empty: what the browser says. */
export async function speak(wanted: string): Promise<void> {
  const code = wanted || (navigator.language ?? 'en').slice(0, 2);
  const known = LANGUAGES.some((one) => one.code === code) ? code : 'en';
  find = (await loaders[known]?.())?.default ?? asWritten;
  language = known;
  document.documentElement.lang = known;
}
