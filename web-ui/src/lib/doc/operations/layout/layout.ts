// Places along the wires: columns from left to right, few crossings, short wires (Sugiyama's way). What is not wired
// together is laid out apart, one below the other.

import { ordered } from './order';
import { placed, type Pull } from './places';
import { neighbours, partOfEach, ranksOf, withoutCircles, type Edge } from './ranks';

export interface LaidOut {
  readonly id: string;
  readonly w: number;
  readonly h: number;
}

interface Between {
  readonly ranks: number;
  readonly nodes: number;
}

/** Between wires that pass a column, and what is next to them. */
const BETWEEN_WIRES = 20;
/** A wire that passes columns has a place in each; where there would be more of them than this, the longest go without. */
const MOST_PASSING = 4_000;

/** Centres, from left to right along the wires, the whole with its corner at 0, 0. */
export function layered(nodes: readonly LaidOut[], wires: readonly { from: string; to: string }[], between: Between): Map<string, { x: number; y: number }> {
  const numbers = new Map(nodes.map(({ id }, n) => [id, n]));
  const edges = withoutCircles(nodes.length, wires.map(({ from, to }): Edge => [numbers.get(from)!, numbers.get(to)!]));
  const found = new Map<string, { x: number; y: number }>();
  let top = 0;
  for (const part of partsOf(nodes.length, edges)) {
    const at = new Map(part.map((node, n) => [node, n]));
    const inside = edges.filter(([from]) => at.has(from)).map(([from, to]): Edge => [at.get(from)!, at.get(to)!]);
    const boxes = part.map((node) => nodes[node]!);
    const centres = layPart(boxes, inside, between);
    const upper = Math.min(...centres.map(({ y }, n) => y - boxes[n]!.h / 2));
    centres.forEach(({ x, y }, n) => found.set(boxes[n]!.id, { x, y: y - upper + top }));
    top += Math.max(...centres.map(({ y }, n) => y + boxes[n]!.h / 2)) - upper + between.nodes;
  }
  return found;
}

/** What is wired together, in the order of the first of each. */
function partsOf(count: number, edges: readonly Edge[]): number[][] {
  const parts = new Map<number, number[]>();
  partOfEach(count, edges).forEach((part, node) => {
    const known = parts.get(part);
    if (known) known.push(node);
    else parts.set(part, [node]);
  });
  return [...parts.values()];
}

function layPart(boxes: readonly LaidOut[], edges: readonly Edge[], between: Between): { x: number; y: number }[] {
  const ranks = ranksOf(boxes.length, edges);
  const links = withPassing(ranks, edges);
  const [out, into] = [neighbours(ranks.length, links, 0), neighbours(ranks.length, links, 1)];
  const columns = ordered(columnsOf(ranks, out, into), out, into);
  const passes = (node: number): boolean => node >= boxes.length;
  const pull = (node: number, other: number): Pull => ({ node: other, weight: passes(node) && passes(other) ? 8 : passes(node) || passes(other) ? 2 : 1 });
  const half = (node: number): number => (boxes[node]?.h ?? 0) / 2;
  const room = (node: number): number => (passes(node) ? BETWEEN_WIRES : between.nodes) / 2;
  const y = placed(
    columns,
    into.map((list, node) => list.map((other) => pull(node, other))),
    out.map((list, node) => list.map((other) => pull(node, other))),
    (upper, lower) => half(upper) + room(upper) + room(lower) + half(lower),
  );
  const x: number[] = [];
  let left = 0;
  for (const column of columns) {
    const width = Math.max(...column.map((node) => boxes[node]?.w ?? 0));
    for (const node of column) x[node] = left + width / 2;
    left += width + between.ranks;
  }
  return boxes.map((_, node) => ({ x: x[node]!, y: y[node]! }));
}

/** Links from column to column: a wire to a later one gets a place in each between, which is appended to the ranks. */
function withPassing(ranks: number[], edges: readonly Edge[]): Edge[] {
  const links: Edge[] = [];
  let passing = 0;
  const length = ([from, to]: Edge): number => ranks[to]! - ranks[from]!;
  for (const edge of [...edges].sort((a, b) => length(a) - length(b))) {
    passing += length(edge) - 1;
    if (passing > MOST_PASSING) break;
    let [from] = edge;
    for (let rank = ranks[from]! + 1; rank < ranks[edge[1]]!; rank += 1) {
      ranks.push(rank);
      links.push([from, ranks.length - 1]);
      from = ranks.length - 1;
    }
    links.push([from, edge[1]]);
  }
  return links;
}

/** To begin with: in the order in which the wires lead to them, so that what belongs together is together. */
function columnsOf(ranks: readonly number[], out: readonly (readonly number[])[], into: readonly (readonly number[])[]): number[][] {
  const columns: number[][] = [];
  const seen = new Set<number>();
  const starts = ranks.map((_, node) => node).sort((a, b) => ranks[a]! - ranks[b]! || a - b);
  for (const start of starts) {
    const waiting = [start];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (seen.has(node)) continue;
      seen.add(node);
      (columns[ranks[node]!] ??= []).push(node);
      // The last one is taken first.
      waiting.push(...[...into[node]!].reverse(), ...[...out[node]!].reverse());
    }
  }
  return columns;
}
