// Messages have integers of 64 bits, and a number of this language is exact up to 2^53 only. What is shown of messages is read
// by these: an integer that is larger becomes the gateway's own mark for numbers that JSON cannot say, with all its digits.

const CANDIDATE = /\d{16}/;
/** A text, so that nothing in it is taken for a number, or a number. */
const PIECES = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const INTEGER = /^-?\d{16,}$/;

export interface ExactNumber {
  readonly __enc__: true;
  readonly type: 'number';
  readonly data: string;
}

const isLarge = (digits: string): boolean => INTEGER.test(digits) && !Number.isSafeInteger(Number(digits));

export const exactNumber = (digits: string): ExactNumber => ({ __enc__: true, type: 'number', data: digits });

/** The value of a JSON text. */
export function readExactly(text: string): unknown {
  // Most have none, and cost nothing more.
  return JSON.parse(CANDIDATE.test(text) ? text.replace(PIECES, (piece) => (isLarge(piece) ? JSON.stringify(exactNumber(piece)) : piece)) : text);
}

/** What `readExactly` reads, as JSON again. */
export function writeExactly(value: unknown, indent?: number): string {
  const numbers: string[] = [];
  // No text of a message has this in it, for it is another one each time.
  const place = `exact-${Math.random()}-`;
  const text = JSON.stringify(value, (_, part: unknown) => (isExact(part) ? `${place}${numbers.push(part.data) - 1}` : part), indent) ?? '';
  return numbers.length === 0 ? text : text.replace(new RegExp(`"${place.replace('.', '\\.')}(\\d+)"`, 'g'), (whole, n: string) => numbers[Number(n)] ?? whole);
}

function isExact(value: unknown): value is ExactNumber {
  const mark = value as Partial<ExactNumber> | null;
  return typeof value === 'object' && mark?.__enc__ === true && mark.type === 'number' && isLarge(String(mark.data));
}
