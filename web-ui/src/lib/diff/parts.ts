// What is otherwise within one line: by words and signs, so that a number in a long line can be seen.

import { compared, type Step } from './common';

export interface Part {
  readonly text: string;
  readonly kind: 'same' | 'changed' | 'left-out';
}

const MOST_STEPS = 250_000;
/** With less in common it is another line, and marks in it would only be in the way. */
const LEAST_COMMON = 0.4;
/** In longer lines, what stays the same is cut to this around a change. */
const LONG = 160;
const AROUND = 40;

/** Of a line of before and the one that it has become; nothing where they have little in common. */
export function parts(before: string, after: string): { readonly gone: readonly Part[]; readonly come: readonly Part[] } | undefined {
  const steps = compared(words(before), words(after), MOST_STEPS);
  const common = steps.reduce((sum, { kind, text }) => sum + (kind === 'same' ? text.trim().length : 0), 0);
  const length = Math.max(before.replace(/\s/g, '').length, after.replace(/\s/g, '').length);
  if (length > 0 && common / length < LEAST_COMMON) return undefined;
  return { gone: told(steps, 'gone'), come: told(steps, 'come') };
}

const words = (line: string): string[] => line.match(/[\p{L}\p{N}_]+|\s+|./gsu) ?? [];

/** One side of it, with neighbours that are alike put together. */
function told(steps: readonly Step[], side: 'gone' | 'come'): Part[] {
  const all: { text: string; kind: 'same' | 'changed' }[] = [];
  for (const { kind, text } of steps) {
    if (kind !== 'same' && kind !== side) continue;
    const as = kind === 'same' ? 'same' : 'changed';
    const last = all.at(-1);
    if (last?.kind === as) last.text += text;
    else all.push({ kind: as, text });
  }
  const isLong = all.reduce((sum, { text }) => sum + text.length, 0) > LONG;
  return isLong ? all.flatMap((part, n) => (part.kind === 'same' ? cut(part.text, n > 0, n < all.length - 1) : part)) : all;
}

/** What is near to a change, and how much is not: after one, before one, or between two. */
function cut(text: string, isAfter: boolean, isBefore: boolean): Part[] {
  const [from, to] = [isAfter ? AROUND : 0, isBefore ? AROUND : 0];
  if (text.length <= from + to + AROUND) return [{ kind: 'same', text }];
  const part = (kind: Part['kind'], piece: string): Part[] => (piece === '' ? [] : [{ kind, text: piece }]);
  return [...part('same', text.slice(0, from)), ...part('left-out', text.slice(from, text.length - to)), ...part('same', text.slice(text.length - to))];
}
