// How far below each other the nodes of a column stand: as near as may be to what they are wired to, in their order, and
// never nearer to each other than they may.

import type { Columns } from './order';

export interface Pull {
  readonly node: number;
  /** Wires that go through several columns pull more, so that they are straight. */
  readonly weight: number;
}

const TURNS = 16;

/** Middles, from above. `apart` is the least distance between the middles of two that follow each other. */
export function placed(columns: Columns, before: readonly (readonly Pull[])[], after: readonly (readonly Pull[])[], apart: (upper: number, lower: number) => number): number[] {
  const y = new Array<number>(before.length).fill(0);
  // How far each would be from the first of its column, if all stood as near as they may.
  const offsets = columns.map((column) => {
    let sum = 0;
    return column.map((node, n) => (sum += n === 0 ? 0 : apart(column[n - 1]!, node)));
  });
  columns.forEach((column, n) => column.forEach((node, at) => (y[node] = offsets[n]![at]! - offsets[n]!.at(-1)! / 2)));
  for (let turn = 0; turn < TURNS; turn += 1) {
    const both = turn >= TURNS / 2;
    const numbers = columns.map((_, n) => n);
    if (turn % 2 === 1) numbers.reverse();
    for (const n of numbers) {
      const column = columns[n]!;
      const wanted = column.map((node) => wantedBy(y, both ? [...before[node]!, ...after[node]!] : (turn % 2 === 0 ? before : after)[node]!, y[node]!));
      const at = rising(wanted.map(({ at, weight }, k) => ({ at: at - offsets[n]![k]!, weight })));
      column.forEach((node, k) => (y[node] = at[k]! + offsets[n]![k]!));
    }
  }
  return y;
}

interface Wanted {
  readonly at: number;
  readonly weight: number;
}

function wantedBy(y: readonly number[], pulls: readonly Pull[], now: number): Wanted {
  const weight = pulls.reduce((sum, pull) => sum + pull.weight, 0);
  return weight === 0 ? { at: now, weight: 0.1 } : { at: pulls.reduce((sum, pull) => sum + pull.weight * y[pull.node]!, 0) / weight, weight };
}

/** The places nearest to those wanted of which none is less than the one before: neighbours that would be meet in between. */
export function rising(wanted: readonly Wanted[]): number[] {
  const groups: { at: number; weight: number; count: number }[] = [];
  for (const { at, weight } of wanted) {
    let group = { at, weight, count: 1 };
    for (let above = groups.at(-1); above && above.at > group.at; above = groups.at(-1)) {
      groups.pop();
      const sum = above.weight + group.weight;
      group = { at: (above.at * above.weight + group.at * group.weight) / sum, weight: sum, count: above.count + group.count };
    }
    groups.push(group);
  }
  return groups.flatMap(({ at, count }) => new Array<number>(count).fill(at));
}
