// The document knows no language. Whoever asks it something brings what to say texts with, and what it refuses it can be told in any language.

export type Values = Readonly<Record<string, string | number>>;

/** Says an English text with `{names}` in the language of the person. */
export type Say = (text: string, values?: Values) => string;

/** A text to be said when it is shown: what is known of an item outlasts a change of the language. */
export type Text = (say: Say) => string;

export const english: Say = (text, values) => (values ? text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole)) : text);

/** Something that cannot be done with the document, and why. */
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
