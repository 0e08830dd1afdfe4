// Which nodes stand in which column, from left to right along the wires.

export interface Lead {
  readonly from: number;
  readonly to: number;
}

/** Of nodes that are told by their numbers: the column of each. Wires that would close a ring lead back. */
export function ranksOf(count: number, wires: readonly Lead[]): number[] {
  const [onward, back] = [lists(count), lists(count)];
  for (const { from, to } of wires) {
    if (from === to) continue;
    onward[from]!.push(to);
    back[to]!.push(from);
  }
  const row = inRow(onward, back);
  const place = new Array<number>(count);
  row.forEach((node, n) => (place[node] = n));
  const isForward = (from: number, to: number): boolean => place[from]! < place[to]!;
  const ranks = new Array<number>(count).fill(0);
  for (const node of row) for (const to of onward[node]!) if (isForward(node, to)) ranks[to] = Math.max(ranks[to]!, ranks[node]! + 1);
  // All go as far to the right as makes no wire longer than it makes others shorter: so what leads to something late stands close to it.
  for (const node of row.reverse()) {
    const next = onward[node]!.filter((to) => isForward(node, to));
    const before = back[node]!.filter((from) => isForward(from, node));
    if (next.length > 0 && next.length >= before.length) ranks[node] = next.reduce((least, to) => Math.min(least, ranks[to]!), Infinity) - 1;
  }
  return ranks;
}

/**
 * All in one row, so that few wires lead back: what nothing leads to any more comes to the front, what leads nowhere to the end, and where
 * there are only rings left, what leads to more than leads to it (Eades, Lin and Smyth).
 */
function inRow(onward: readonly number[][], back: readonly number[][]): number[] {
  const count = onward.length;
  const [outs, ins] = [onward.map((ends) => ends.length), back.map((ends) => ends.length)];
  const isOut = new Array<boolean>(count).fill(false);
  const [front, end]: [number[], number[]] = [[], []];
  const [sources, sinks]: [number[], number[]] = [[], []];
  for (let n = 0; n < count; n += 1) {
    if (ins[n] === 0) sources.push(n);
    else if (outs[n] === 0) sinks.push(n);
  }
  const take = (node: number, into: number[]): void => {
    isOut[node] = true;
    into.push(node);
    for (const to of onward[node]!) if ((ins[to]! -= 1) === 0 && !isOut[to]) sources.push(to);
    for (const from of back[node]!) if ((outs[from]! -= 1) === 0 && !isOut[from]) sinks.push(from);
  };
  // From the first to the last: the next source is the one that has waited longest, so that the order of the document is kept.
  let next = 0;
  for (let left = count; left > 0; left = count - front.length - end.length) {
    if (next < sources.length) {
      const node = sources[next++]!;
      if (!isOut[node]) take(node, front);
      continue;
    }
    const sink = sinks.pop();
    if (sink !== undefined) {
      if (!isOut[sink]) take(sink, end);
      continue;
    }
    let best = -1;
    for (let n = 0; n < count; n += 1) if (!isOut[n] && (best < 0 || outs[n]! - ins[n]! > outs[best]! - ins[best]!)) best = n;
    take(best, front);
  }
  return [...front, ...end.reverse()];
}

const lists = (count: number): number[][] => Array.from({ length: count }, () => []);
