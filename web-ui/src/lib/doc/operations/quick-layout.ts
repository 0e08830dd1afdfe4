// Places for flows whose wires cross so much that a careful layout would take minutes: columns along the wires, and in each what
// belongs together as near to it as there is room.

import type { LaidOut } from './layout';
import { ranksOf, type Lead } from './ranks';

const SWEEPS = 6;

interface Spot {
  readonly h: number;
  /** The middle, from the top. */
  y: number;
  readonly beside: Spot[];
}

/** Centres, the whole with its corner at 0, 0. */
export function quick(nodes: readonly LaidOut[], wires: readonly Lead[], between: { readonly ranks: number; readonly nodes: number }, ranks = ranksOf(nodes.length, wires)): { x: number; y: number }[] {
  const spots = nodes.map(({ h }): Spot => ({ h, y: 0, beside: [] }));
  for (const { from, to } of wires) {
    if (from === to) continue;
    spots[from]!.beside.push(spots[to]!);
    spots[to]!.beside.push(spots[from]!);
  }
  const first = ranks.reduce((least, rank) => Math.min(least, rank), Infinity);
  const columns: Spot[][] = [];
  const widths: number[] = [];
  nodes.forEach(({ w }, n) => {
    const at = ranks[n]! - first;
    (columns[at] ??= []).push(spots[n]!);
    widths[at] = Math.max(widths[at] ?? 0, w);
  });
  // A column that nothing stands in takes no room.
  const filled = [...columns.keys()].filter((at) => columns[at] !== undefined);
  for (const at of filled) stack(columns[at]!, between.nodes);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const at of sweep % 2 === 0 ? filled : filled.toReversed()) columns[at] = settle(columns[at]!, between.nodes);
  }
  const lefts: number[] = [];
  let left = 0;
  for (const at of filled) {
    lefts[at] = left;
    left += widths[at]! + between.ranks;
  }
  const top = spots.reduce((least, { y, h }) => Math.min(least, y - h / 2), Infinity);
  return spots.map(({ y }, n) => {
    const at = ranks[n]! - first;
    return { x: lefts[at]! + widths[at]! / 2, y: y - top };
  });
}

/** One below the other. */
function stack(column: readonly Spot[], between: number): void {
  let y = 0;
  for (const spot of column) {
    spot.y = y + spot.h / 2;
    y += spot.h + between;
  }
}

/** Each goes to the middle of what it is wired to, as near as the others leave room; in the order of where they want to be. */
function settle(column: readonly Spot[], between: number): Spot[] {
  const wanted = column.map((spot) => ({ spot, y: spot.beside.length === 0 ? spot.y : spot.beside.reduce((sum, { y }) => sum + y, 0) / spot.beside.length }));
  wanted.sort((a, b) => a.y - b.y || a.spot.y - b.spot.y);
  // Rows that want the same room are put together, with their middle where all of them want to be on average.
  const blocks: { readonly from: number; sum: number; count: number; h: number }[] = [];
  wanted.forEach(({ spot, y }, n) => {
    blocks.push({ from: n, sum: y - spot.h / 2, count: 1, h: spot.h + between });
    for (let last = blocks.at(-1)!, before = blocks.at(-2); before && before.sum / before.count + before.h > last.sum / last.count; last = blocks.at(-1)!, before = blocks.at(-2)) {
      blocks.pop();
      before.sum += last.sum - last.count * before.h;
      before.count += last.count;
      before.h += last.h;
    }
  });
  for (const [n, block] of blocks.entries()) {
    let y = block.sum / block.count;
    const end = blocks[n + 1]?.from ?? wanted.length;
    for (let at = block.from; at < end; at += 1) {
      const { spot } = wanted[at]!;
      spot.y = y + spot.h / 2;
      y += spot.h + between;
    }
  }
  return wanted.map(({ spot }) => spot);
}
