// In which order the nodes of a column stand below each other, so that few wires cross.

/** A column's nodes from above; wires lead only from a column to the next. */
export type Columns = readonly (readonly number[])[];

/** How often nothing may have become better before that is all. */
const PATIENCE = 4;
const TURNS = 24;

export function ordered(columns: Columns, out: readonly (readonly number[])[], into: readonly (readonly number[])[]): Columns {
  let now: Columns = columns;
  let best = { columns: now, crossings: crossingsOf(now, out) };
  for (let turn = 0, idle = 0; turn < TURNS && idle < PATIENCE && best.crossings > 0; turn += 1) {
    now = swept(now, turn % 2 === 0 ? into : out, turn % 2 === 0, turn % 4 >= 2);
    const crossings = crossingsOf(now, out);
    idle = crossings < best.crossings ? 0 : idle + 1;
    if (crossings < best.crossings) best = { columns: now, crossings };
  }
  return best.columns;
}

/** Each column by the middle of what its nodes have in the column before it, on the way in one direction. */
function swept(columns: Columns, towards: readonly (readonly number[])[], forward: boolean, turned: boolean): Columns {
  const next = columns.map((column) => [...column]);
  const place = new Map<number, number>();
  const numbers = next.map((_, n) => n);
  for (const n of forward ? numbers : numbers.reverse()) {
    const column = next[n]!;
    const middles = new Map(column.map((node, at) => [node, middle(towards[node]!.map((other) => place.get(other) ?? 0)) ?? at]));
    // Where two are equal, some turns take the other one first: that gets out of places where no single step helps.
    const equal = turned ? -1 : 1;
    const before = new Map(column.map((node, at) => [node, at]));
    column.sort((a, b) => middles.get(a)! - middles.get(b)! || equal * (before.get(a)! - before.get(b)!));
    column.forEach((node, at) => place.set(node, at));
  }
  return next;
}

const middle = (places: readonly number[]): number | undefined => (places.length === 0 ? undefined : places.reduce((sum, place) => sum + place, 0) / places.length);

export function crossingsOf(columns: Columns, out: readonly (readonly number[])[]): number {
  let sum = 0;
  for (let n = 0; n + 1 < columns.length; n += 1) {
    const next = columns[n + 1]!;
    const place = new Map(next.map((node, at) => [node, at]));
    const ends = columns[n]!.flatMap((node) => out[node]!.map((to) => place.get(to)!).sort((a, b) => a - b));
    // Of those before, how many end below: counted in a tree of sums (Fenwick).
    const sums = new Int32Array(next.length + 1);
    ends.forEach((end, before) => {
      let notBelow = 0;
      for (let at = end + 1; at > 0; at -= at & -at) notBelow += sums[at]!;
      sum += before - notBelow;
      for (let at = end + 1; at <= next.length; at += at & -at) sums[at]! += 1;
    });
  }
  return sum;
}
