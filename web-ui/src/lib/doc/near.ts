// Names that are near enough to be what was meant.

/** A name this long is no slip of a finger, and comparing it would take its time. */
const LONGEST = 100;

/** The nearest of these names, at most three. */
export function nearest(name: string, among: Iterable<string>): string[] {
  if (name === '' || name.length > LONGEST) return [];
  const wanted = name.toLowerCase();
  const near: { score: number; other: string }[] = [];
  for (const other of new Set(among)) {
    if (other === '' || other.length > LONGEST) continue;
    const score = likeness(wanted, other.toLowerCase());
    if (score >= 0.7) near.push({ score, other });
  }
  near.sort((a, b) => b.score - a.score || (a.other < b.other ? -1 : 1));
  const best = near[0]?.score ?? 0;
  // Far behind the best one, nobody means it.
  return near.filter(({ score }) => best - score < 0.15).slice(0, 3).map(({ other }) => other);
}

/** From 0 to 1. One slip in a short name counts as near; so does a part of a long one. */
export function likeness(name: string, other: string): number {
  if (name === other) return 1;
  const longest = Math.max(name.length, other.length);
  const shorter = Math.min(name.length, other.length);
  const byPrefix = shorter >= 3 && (name.startsWith(other) || other.startsWith(name)) ? 0.72 + (0.2 * shorter) / longest : 0;
  // As many letters more, as many edits at least.
  if (1 - (longest - shorter) / longest < 0.7 && longest - shorter > 1) return byPrefix;
  const edits = distance(name, other);
  return Math.max(1 - edits / longest, edits === 1 && longest >= 3 ? 0.8 : 0, byPrefix);
}

/** Whether no more than one slip of the finger lies between two words, or two between long ones. */
export function isNear(a: string, b: string): boolean {
  const most = Math.max(a.length, b.length) > 5 ? 2 : 1;
  return Math.abs(a.length - b.length) <= most && distance(a, b) <= most;
}

/** Letters put in, taken out, changed, or two that changed places. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(changed, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, before[j - 2]! + 1);
      row.push(least);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
