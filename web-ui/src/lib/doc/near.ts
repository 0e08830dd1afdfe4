// Names that are near enough to be what was meant.

/** A name this long is no slip of a finger, and comparing it would take its time. */
const LONGEST = 100;

/** Less than this is not near. */
const NEAR = 0.7;

/** The nearest of these names, at most three. Nobody means the name of what they are about. */
export function nearest(name: string, among: Iterable<string>, except?: string): string[] {
  if (name === '' || name.length > LONGEST) return [];
  const wanted = name.toLowerCase();
  const near = new Map<string, number>();
  for (const other of among) {
    if (other === '' || other.length > LONGEST || other === except) continue;
    const score = likeness(wanted, other.toLowerCase());
    if (score >= NEAR) near.set(other, score);
  }
  const sorted = [...near].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));
  const best = sorted[0]?.[1] ?? 0;
  // Far behind the best one, nobody means it.
  return sorted.filter(([, score]) => best - score < 0.15).slice(0, 3).map(([other]) => other);
}

/** From 0 to 1. One slip in a short name counts as near; so does a part of a long one. What is far from near may count as 0. */
export function likeness(name: string, other: string): number {
  if (name === other) return 1;
  const longest = Math.max(name.length, other.length);
  const shorter = Math.min(name.length, other.length);
  const byPrefix = shorter >= 3 && (name.startsWith(other) || other.startsWith(name)) ? 0.72 + (0.2 * shorter) / longest : 0;
  const most = Math.max(1, Math.floor(longest * (1 - NEAR)));
  // As many letters more, as many edits at least.
  if (longest - shorter > most || longest >= WIDEST) return byPrefix;
  const edits = distance(name, other, most);
  return Math.max(1 - edits / longest, edits === 1 && longest >= 3 ? 0.8 : 0, byPrefix);
}

const WIDEST = 256;
/** Three rows of a table with one name across and the other down; they are used again and again. */
const rows: readonly [Uint8Array, Uint8Array, Uint8Array] = [new Uint8Array(WIDEST), new Uint8Array(WIDEST), new Uint8Array(WIDEST)];

/** Whether no more than one slip of the finger lies between two words, or two between long ones. */
export function isNear(a: string, b: string): boolean {
  const most = Math.max(a.length, b.length) > 5 ? 2 : 1;
  return Math.abs(a.length - b.length) <= most && distance(a, b, most) <= most;
}

/** Letters put in, taken out, changed, or two that changed places; more than `most` are not counted, but given as all. */
function distance(a: string, b: string, most: number): number {
  let [before, last, row] = rows;
  for (let j = 0; j <= b.length; j += 1) last[j] = j;
  for (let i = 1; i <= a.length; i += 1) {
    row[0] = i;
    let least = i;
    for (let j = 1; j <= b.length; j += 1) {
      const changed = last[j - 1]! + (a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1);
      let edits = Math.min(changed, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a.charCodeAt(i - 1) === b.charCodeAt(j - 2) && a.charCodeAt(i - 2) === b.charCodeAt(j - 1)) edits = Math.min(edits, before[j - 2]! + 1);
      row[j] = edits;
      if (edits < least) least = edits;
    }
    // No way to the end is cheaper than what it leads over; one that leads over a row with two letters that change places costs as much.
    if (least > most) return Math.max(a.length, b.length);
    [before, last, row] = [last, row, before];
  }
  return last[b.length]!;
}
