// A flow of a size that people do not draw but machines make: the same each time. And figures for it, as a gateway would tell them.

import type { Flow } from '../e2e/support/gateway';

export const NODES = 1_000;
export const WIRES = 1_291;
const ACROSS = 25;

export interface LargeFlow {
  readonly flow: Flow;
  readonly wires: readonly { readonly from: string; readonly port: number; readonly to: string }[];
}

export function largeFlow(nodes = NODES, wires = WIRES): LargeFlow {
  const leads: Set<string>[] = Array.from({ length: nodes }, () => new Set());
  const id = (n: number): string => `n${n}`;
  let count = 0;
  const connect = (from: number, to: number): void => {
    if (to >= nodes || from === to || count === wires || leads[from]!.has(id(to))) return;
    leads[from]!.add(id(to));
    count += 1;
  };
  // Rows that go from left to right, the end of each into the next.
  for (let n = 0; n + 1 < nodes; n++) connect(n, n + 1);
  // And wires between rows, near and far.
  for (let n = 0; count < wires; n = (n + 7) % nodes) connect(n, n + ACROSS + (n % 11));
  const flow = [
    { id: 'large', type: 'tab', label: 'Large' },
    ...leads.map((to, n) => ({
      id: id(n),
      type: 'change',
      z: 'large',
      name: `Step ${n}`,
      rules: [{ t: 'set', p: 'step', pt: 'msg', to: String(n), tot: 'num' }],
      x: 200 + (n % ACROSS) * 220,
      y: 80 + Math.floor(n / ACROSS) * 80,
      wires: [[...to]],
    })),
  ];
  return { flow, wires: leads.flatMap((to, n) => [...to].map((end) => ({ from: id(n), port: 0, to: end }))) };
}

/** What the numbers in `metrics` stand for. */
export function legend({ flow, wires }: LargeFlow): Record<string, unknown> {
  const nodes = flow.filter(({ type }) => type !== 'tab').map(({ id }) => String(id));
  const numbers = new Map(nodes.map((id, n) => [id, n]));
  return { type: 'legend', nodes, wires: wires.map(({ from, port, to }) => [numbers.get(from), port, numbers.get(to)]) };
}

/** What the live socket tells every half second: four in five wires are busy, each at a rate of its own that is never quite the same. */
export function metrics({ wires }: LargeFlow, turn: number): Record<string, unknown> {
  const busy = wires.flatMap(({ to }, n) => (n % 5 === 0 ? [] : [{ n, to, passed: Math.round((1 + ((n * 37) % 500)) * (0.9 + ((n + turn) % 5) * 0.05)) }]));
  // The number of a node is in its name.
  const nodes = new Map(busy.map(({ to, passed }) => [Number(to.slice(1)), passed]));
  return { type: 'metrics', span_ms: 500, nodes: [...nodes].flatMap(([number, passed]) => [number, passed, passed, 0]), wires: busy.flatMap(({ n, passed }) => [n, passed]) };
}
