// What somebody means by a few letters: the beginnings of words before letters in the midst of them.

const plain = (text: string): string => text.toLowerCase().normalize('NFD').replace(/\p{M}/gu, '');

/** How well a text goes with one word of a query; 0 when it does not. */
function score(text: string, word: string): number {
  const at = text.indexOf(word);
  if (at < 0) return 0;
  if (at === 0) return 3;
  return /[\s:.\-_/(]/.test(text[at - 1] ?? '') ? 2 : 1;
}

/** Those that have every word of the query somewhere, the best first; in their own order without a query. */
export function rank<T>(all: readonly T[], query: string, texts: (one: T) => readonly string[]): T[] {
  const words = plain(query).split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...all];
  const scored = all.map((one) => {
    // What it is called counts for more than what it is known by besides.
    const [name = '', ...more] = texts(one).map(plain);
    const each = words.map((word) => Math.max(score(name, word) * 4, ...more.map((text) => score(text, word))));
    return { one, points: each.includes(0) ? 0 : each.reduce((sum, points) => sum + points, 0) };
  });
  return scored.filter(({ points }) => points > 0).sort((a, b) => b.points - a.points).map(({ one }) => one);
}
