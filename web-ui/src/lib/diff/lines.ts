// What is otherwise between two texts, line by line.

import { compared, type Step } from './common';
import { parts, type Part } from './parts';

export interface Line {
  readonly kind: 'same' | 'gone' | 'come';
  readonly text: string;
  /** It stands elsewhere, and is the same there. */
  readonly moved?: true;
  /** What of it is otherwise than in the line that it was, or has become. */
  readonly parts?: readonly Part[];
}

/** Lines that are the same on both sides, far from any change. */
export interface LeftOut {
  readonly kind: 'left-out';
  readonly lines: readonly Line[];
}

/** Larger texts are told as gone and come as a whole: finding what is common would take too long. */
const MOST_STEPS = 4_000_000;
/** So many lines that are the same are shown around a change. */
const AROUND = 3;
/** A bracket that stands elsewhere has not been moved. */
const SHORTEST_MOVED = 4;
/** Lines that are looked into word by word. */
const MOST_LOOKED_INTO = 200;

/** With what has moved, what is otherwise within a line, and what is far from any change left out. */
export function lines(before: string, after: string): (Line | LeftOut)[] {
  return shortened(withParts(withMoves(compared(split(before), split(after), MOST_STEPS))));
}

/** Nothing has no line, not even an empty one. */
function split(text: string): string[] {
  return text === '' ? [] : text.split('\n');
}

/** What has gone in one place and has come in another, where there is only one of it. */
function withMoves(steps: readonly Step[]): Line[] {
  const places = new Map<string, { gone: number; come: number }>();
  for (const { kind, text } of steps) {
    if (kind === 'same' || text.trim().length < SHORTEST_MOVED) continue;
    const counted = places.get(text) ?? { gone: 0, come: 0 };
    counted[kind] += 1;
    places.set(text, counted);
  }
  return steps.map((step) => {
    const counted = step.kind === 'same' ? undefined : places.get(step.text);
    return counted?.gone === 1 && counted.come === 1 ? { ...step, moved: true } : step;
  });
}

/** Of lines that have gone and lines that have come in their place, the first belongs to the first. What has moved is in neither row. */
function withParts(all: readonly Line[]): Line[] {
  const told = [...all];
  let looked = 0;
  for (let at = 0; at < told.length && looked < MOST_LOOKED_INTO; ) {
    const row = (kind: Line['kind']): number[] => {
      const found: number[] = [];
      for (; told[at]?.kind === kind; at += 1) if (!told[at]!.moved) found.push(at);
      return found;
    };
    row('same');
    const [gone, come] = [row('gone'), row('come')];
    for (let n = 0; n < Math.min(gone.length, come.length) && looked < MOST_LOOKED_INTO; n += 1, looked += 1) {
      const [before, after] = [told[gone[n]!]!, told[come[n]!]!];
      const found = parts(before.text, after.text);
      if (!found) continue;
      told[gone[n]!] = { ...before, parts: found.gone };
      told[come[n]!] = { ...after, parts: found.come };
    }
  }
  return told;
}

function shortened(all: readonly Line[]): (Line | LeftOut)[] {
  const isNear = all.map(() => false);
  all.forEach(({ kind }, n) => {
    if (kind !== 'same') isNear.fill(true, Math.max(0, n - AROUND), n + AROUND + 1);
  });
  const told: (Line | LeftOut)[] = [];
  let skipped: Line[] = [];
  const skip = (): void => {
    // One line takes no more room than the words that it is left out.
    if (skipped.length === 1) told.push(...skipped);
    else if (skipped.length > 0) told.push({ kind: 'left-out', lines: skipped });
    skipped = [];
  };
  all.forEach((line, n) => {
    if (!isNear[n]) {
      skipped.push(line);
      return;
    }
    skip();
    told.push(line);
  });
  skip();
  return told;
}
