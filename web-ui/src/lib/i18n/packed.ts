// Texts of a language as the build packs them: without the English ones, which stand in the code already. Where a text is
// among them is told by a number made of the English one. `scripts/texts.ts` packs, at each build.

export type Find = (english: string) => string | undefined;

export interface Packed {
  /** With which no two texts have the same number. */
  readonly seed: number;
  /** The numbers from the smallest on, each as what it is more than the one before. */
  readonly steps: readonly number[];
  /** In the order of the numbers. */
  readonly texts: readonly string[];
}

const BITS = 20;

export function numberOf(text: string, seed: number): number {
  let number = seed;
  for (let n = 0; n < text.length; n += 1) number = Math.imul(number ^ text.charCodeAt(n), 0x01000193);
  // The upper bits: those have been mixed most.
  return Math.imul(number ^ (number >>> 15), 0x2c1b3c6d) >>> (32 - BITS);
}

export function pack(texts: Readonly<Record<string, string>>): Packed {
  const english = Object.keys(texts);
  for (let seed = 1; seed < 10_000; seed += 1) {
    const byNumber = new Map(english.map((text) => [numberOf(text, seed), texts[text]!]));
    if (byNumber.size < english.length) continue;
    const numbers = [...byNumber.keys()].sort((a, b) => a - b);
    return { seed, steps: numbers.map((number, n) => number - (numbers[n - 1] ?? 0)), texts: numbers.map((number) => byNumber.get(number)!) };
  }
  throw new Error(`${english.length} texts are too many for numbers of ${BITS} bits: take more in packed.ts`);
}

export function finder({ seed, steps, texts }: Packed): Find {
  const byNumber = new Map<number, string>();
  let number = 0;
  steps.forEach((step, n) => byNumber.set((number += step), texts[n]!));
  return (english) => byNumber.get(numberOf(english, seed));
}
