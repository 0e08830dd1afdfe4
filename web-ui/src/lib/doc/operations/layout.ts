// The one file that knows dagre; it is loaded when somebody tidies.

import dagre from '@dagrejs/dagre';

export interface LaidOut {
  readonly id: string;
  readonly w: number;
  readonly h: number;
}

/** Centres, from left to right along the wires, the whole with its corner at 0, 0. */
export function layered(nodes: readonly LaidOut[], wires: readonly { from: string; to: string }[], between: { ranks: number; nodes: number }): Map<string, { x: number; y: number }> {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: 'LR', ranksep: between.ranks, nodesep: between.nodes, edgesep: 20 });
  graph.setDefaultEdgeLabel(() => ({}));
  // By numbers: whatever an id is called, dagre keeps its nodes in plain objects.
  const numbers = new Map(nodes.map(({ id }, n) => [id, String(n)]));
  for (const { id, w, h } of nodes) graph.setNode(numbers.get(id)!, { width: w, height: h });
  for (const { from, to } of wires) graph.setEdge(numbers.get(from)!, numbers.get(to)!);
  dagre.layout(graph);
  return new Map(nodes.map(({ id }) => {
    const { x, y } = graph.node(numbers.get(id)!) as { x: number; y: number };
    return [id, { x, y }];
  }));
}
