// How values and names of a document are said to a person: short, on one line.

import { text, type Item } from './item';

const SHOWN = 60;

export type Values = Readonly<Record<string, string | number>>;

/** Says an English text with `{names}` in the language of the person. Which that is, the document does not know: whoever asks it brings this. */
export type Say = (text: string, values?: Values) => string;

/** To be said when it is shown: what was found outlasts a change of the language. */
export type Text = (say: Say) => string;

export const english: Say = (text, values) => (values ? text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole)) : text);

/** Something that cannot be done with the document, and why, to be said in any language. */
export class Refusal extends Error {
  readonly text: string;
  readonly values: Values;

  constructor(text: string, values: Values = {}) {
    super(english(text, values));
    this.name = 'Refusal';
    this.text = text;
    this.values = values;
  }
}

/** Without quotes, for ids and types. */
export function plain(words: string): string {
  // Control characters are shown, for they would hide what stands there.
  const start = Array.from(words.slice(0, SHOWN * 2)).slice(0, SHOWN).join('');
  // eslint-disable-next-line no-control-regex
  const shown = start.replace(/[\u0000-\u001f\u007f-\u009f]/g, (letter) => `\\u{${letter.charCodeAt(0).toString(16)}}`);
  return words.length > start.length ? `${shown}...` : shown;
}

export const quoted = (words: string): string => `"${plain(words)}"`;

/** `switch "Alarm 312?" (a1b2)`. */
export function named(item: Item): string {
  const name = text(item, item.type === 'tab' ? 'label' : 'name');
  return `${plain(item.type)}${name ? ` ${quoted(name)}` : ''} (${plain(item.id)})`;
}

export function kindOfValue(value: unknown, say: Say): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return say('a list');
  return { string: say('text'), number: say('a number'), boolean: say('true or false') }[typeof value as string] ?? say('an object');
}

/** A value, cut short. */
export function shown(value: unknown, say: Say): string {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return say('a list of {n} items', { n: value.length });
  if (typeof value === 'object' && value !== null) return say('an object');
  return String(value);
}

/** `did you mean "a", "b" or "c"?` */
export function didYouMean(names: readonly string[], say: Say): string | undefined {
  const all = names.map(quoted);
  const last = all.pop();
  if (last === undefined) return undefined;
  return all.length > 0 ? say('did you mean {others} or {last}?', { others: all.join(', '), last }) : say('did you mean {name}?', { name: last });
}
