// The one file that knows dagre; it is loaded when somebody tidies.

import dagre from '@dagrejs/dagre';

import { quick } from './quick-layout';
import { ranksOf, type Lead } from './ranks';

export interface LaidOut {
  readonly id: string;
  readonly w: number;
  readonly h: number;
}

interface Between {
  readonly ranks: number;
  readonly nodes: number;
}

type Centres = readonly { readonly x: number; readonly y: number }[];

/** Nodes, wires, and the columns that wires cross: beyond this dagre takes more than about a second. */
const MOST_CAREFUL = 1_800;

/** Centres, from left to right along the wires, the whole with its corner at 0, 0. What is too much for a careful layout gets a quick one. */
export function layered(nodes: readonly LaidOut[], wires: readonly { from: string; to: string }[], between: Between): { readonly centres: ReadonlyMap<string, Centres[number]>; readonly isQuick: boolean } {
  // By numbers: whatever an id is called, dagre keeps its nodes in plain objects.
  const numbers = new Map(nodes.map(({ id }, n) => [id, n]));
  const leads = wires.map(({ from, to }): Lead => ({ from: numbers.get(from)!, to: numbers.get(to)! }));
  const ranks = ranksOf(nodes.length, leads);
  const crossed = leads.reduce((sum, { from, to }) => sum + Math.max(0, Math.abs(ranks[to]! - ranks[from]!) - 1), 0);
  const isQuick = nodes.length + leads.length + crossed > MOST_CAREFUL;
  const centres = isQuick ? quick(nodes, leads, between, ranks) : careful(nodes, leads, between);
  return { centres: new Map(nodes.map(({ id }, n) => [id, centres[n]!])), isQuick };
}

function careful(nodes: readonly LaidOut[], wires: readonly Lead[], between: Between): Centres {
  const graph = new dagre.graphlib.Graph();
  // `greedy` turns round as few wires of rings as can be, as `ranksOf` has reckoned.
  graph.setGraph({ rankdir: 'LR', ranksep: between.ranks, nodesep: between.nodes, edgesep: 20, acyclicer: 'greedy' });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const [n, { w, h }] of nodes.entries()) graph.setNode(String(n), { width: w, height: h });
  for (const { from, to } of wires) graph.setEdge(String(from), String(to));
  dagre.layout(graph);
  return nodes.map((_, n) => {
    const { x, y } = graph.node(String(n)) as { x: number; y: number };
    return { x, y };
  });
}
