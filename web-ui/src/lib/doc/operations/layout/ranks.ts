// Which column each node comes into: behind all that it gets messages from, and not farther than it has to be.

export type Edge = readonly [from: number, to: number];

/** The edges without those to a node itself and without doubles, turned round where they close a circle. */
export function withoutCircles(count: number, edges: readonly Edge[]): Edge[] {
  const out = neighbours(count, edges, 0);
  const state = new Uint8Array(count);
  const found = new Map<number, Edge>();
  const keep = (from: number, to: number): void => void found.set(from * count + to, [from, to]);
  const fed = new Uint8Array(count);
  for (const [from, to] of edges) if (from !== to) fed[to] = 1;
  // From where messages begin first, so that what is turned round is what leads back.
  const starts = Array.from({ length: count }, (_, node) => node).sort((a, b) => fed[a]! - fed[b]!);
  for (const start of starts) {
    if (state[start] !== 0) continue;
    // Not by calls in calls: a chain may have thousands of nodes.
    const path: { node: number; next: number }[] = [{ node: start, next: 0 }];
    state[start] = 1;
    while (path.length > 0) {
      const top = path.at(-1)!;
      const to = out[top.node]![top.next++];
      if (to === undefined) {
        state[top.node] = 2;
        path.pop();
      } else if (state[to] === 1) {
        if (to !== top.node) keep(to, top.node);
      } else {
        keep(top.node, to);
        if (state[to] === 0) {
          state[to] = 1;
          path.push({ node: to, next: 0 });
        }
      }
    }
  }
  return [...found.values()];
}

/** Of each node, the nodes at the other ends: where it sends to (0), or what sends to it (1). */
export function neighbours(count: number, edges: readonly Edge[], end: 0 | 1): number[][] {
  const found: number[][] = Array.from({ length: count }, () => []);
  for (const edge of edges) found[edge[end]]!.push(edge[end === 0 ? 1 : 0]);
  return found;
}

const TURNS = 6;
const MOST_JOINS = 400;

/** The column of each node, for edges without circles. */
export function ranksOf(count: number, edges: readonly Edge[]): number[] {
  const [out, into] = [neighbours(count, edges, 0), neighbours(count, edges, 1)];
  const waiting = into.map((list) => list.length);
  const order = waiting.flatMap((left, node) => (left === 0 ? [node] : []));
  const ranks = new Array<number>(count).fill(0);
  // What is found on the way is gone through too.
  for (const node of order) {
    for (const to of out[node]!) {
      ranks[to] = Math.max(ranks[to]!, ranks[node]! + 1);
      if (--waiting[to]! === 0) order.push(to);
    }
  }
  // A node goes as far right as it can where that makes no wire longer on the whole, the last first, so that a chain goes with
  // its end; and then back where it has more wires on its left. Each turn can make room for another.
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (const node of turn % 2 === 0 ? [...order].reverse() : order) {
      const [after, before] = [out[node]!, into[node]!];
      if (turn % 2 === 0 && after.length > 0 && after.length >= before.length) ranks[node] = least(after.map((to) => ranks[to]!)) - 1;
      else if (turn % 2 === 1 && before.length > after.length) ranks[node] = most(before.map((from) => ranks[from]!)) + 1;
    }
  }
  joined(ranks, edges);
  const first = least(ranks);
  return ranks.map((rank) => rank - first);
}

/**
 * What hangs together by wires from a column to the next is moved as one, to where its other wires are shorter, until it meets
 * what it is wired to. Each time two become one, so this has an end.
 */
function joined(ranks: number[], edges: readonly Edge[]): void {
  const slack = ([from, to]: Edge): number => ranks[to]! - ranks[from]! - 1;
  for (let turn = 0; turn < MOST_JOINS; turn += 1) {
    const part = partOfEach(ranks.length, edges.filter((edge) => slack(edge) === 0));
    const pulls = new Map<number, { net: number; right: number; left: number }>();
    const pullOf = (node: number) => pulls.get(part[node]!) ?? { net: 0, right: Infinity, left: Infinity };
    for (const edge of edges) {
      const [from, to] = edge;
      if (part[from] === part[to]) continue;
      const [a, b] = [pullOf(from), pullOf(to)];
      pulls.set(part[from]!, { net: a.net + 1, right: Math.min(a.right, slack(edge)), left: a.left });
      pulls.set(part[to]!, { net: b.net - 1, right: b.right, left: Math.min(b.left, slack(edge)) });
    }
    let chosen: number | undefined;
    for (const [one, { net }] of pulls) if (chosen === undefined || Math.abs(net) > Math.abs(pulls.get(chosen)!.net)) chosen = one;
    if (chosen === undefined) return;
    const { net, right, left } = pulls.get(chosen)!;
    const step = (net > 0 && right < Infinity) || left === Infinity ? right : -left;
    ranks.forEach((rank, node) => {
      if (part[node] === chosen) ranks[node] = rank + step;
    });
  }
}

/** For each node a number that is the same for all that are wired together. */
export function partOfEach(count: number, edges: readonly Edge[]): number[] {
  const [out, into] = [neighbours(count, edges, 0), neighbours(count, edges, 1)];
  const part = new Array<number>(count).fill(-1);
  for (let start = 0; start < count; start += 1) {
    if (part[start] !== -1) continue;
    part[start] = start;
    const found = [start];
    // What is found on the way is gone through too.
    for (const node of found) {
      for (const other of [...out[node]!, ...into[node]!]) {
        if (part[other] !== -1) continue;
        part[other] = start;
        found.push(other);
      }
    }
  }
  return part;
}

const least = (numbers: readonly number[]): number => numbers.reduce((a, b) => Math.min(a, b));
const most = (numbers: readonly number[]): number => numbers.reduce((a, b) => Math.max(a, b));
