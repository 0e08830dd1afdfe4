// All wires and nodes as they are now, and how what the gateway tells gets into them.

import type { Schemas } from '../api/client';
import { wireKey, type Wire } from '../doc/item';
import { newcomer } from './newcomers.svelte';
import { Showing } from './showing';
import { NodeState, WireState, type Beat, type Figures } from './signals.svelte';
import type { NodeSignal, QueueState, Told } from './types';

/** What nobody has asked for is kept up to so many: a gateway has far fewer. */
const MOST = 50_000;

/** Counters are told without names: the number of a node or wire is its place in here. */
interface Numbered {
  readonly nodes: readonly (NodeState | undefined)[];
  readonly wires: readonly (WireState | undefined)[];
}

export class States {
  #wires = new Map<string, WireState>();
  #nodes = new Map<string, NodeState>();
  #beat: Beat = { count: 0 };
  readonly showing = new Showing();
  #numbered: Numbered = { nodes: [], wires: [] };

  wire(wire: Wire): WireState {
    const key = wireKey(wire);
    let state = this.#wires.get(key);
    if (!state) this.#wires.set(key, (state = newcomer(new WireState(this.#beat))));
    return state;
  }

  node(id: string): NodeState {
    let state = this.#nodes.get(id);
    if (!state) this.#nodes.set(id, (state = newcomer(new NodeState())));
    return state;
  }

  *busyWires(): Iterable<{ key: string; rate: number }> {
    for (const [key, state] of this.#wires) if (state.rateNow > 0) yield { key, rate: state.rateNow };
  }

  /** Figures come no more: what moved stands still. */
  still(): void {
    for (const state of this.#wires.values()) state.still();
    for (const state of this.#nodes.values()) state.still();
  }

  hear(told: Told): void {
    if (told.type === 'metrics') this.#counted(told);
    else if (told.type === 'legend') this.#named(told);
    else if (told.type === 'status') this.#each<NonNullable<NodeSignal['status']>>(told.nodes, (node, status) => (node.status = isEmpty(status) ? undefined : status));
    else if (told.type === 'backlogs') this.#backlogs((told.outboxes ?? []) as readonly Schemas['Backlog'][]);
    else if (told.type === 'queues') this.#each<QueueState | null>(told.nodes, (node, queue) => (node.queue = queue ?? undefined));
    else if (told.type === 'deploy') this.#deployed();
  }

  #named(told: Told): void {
    const names = (told.nodes ?? []) as readonly string[];
    const nodes = names.map((id) => (this.#has(id) ? this.node(id) : undefined));
    const wires = ((told.wires ?? []) as readonly (readonly [number, number, number])[]).map(([from, port, to]) => {
      const wire = { from: names[from] ?? '', port, to: names[to] ?? '' };
      return this.#wires.has(wireKey(wire)) || this.#wires.size < MOST ? this.wire(wire) : undefined;
    });
    this.#numbered = { nodes, wires };
  }

  #counted(told: Told): void {
    this.#beat.count += 1;
    const seconds = Math.max(0.05, (Number(told.span_ms) || 500) / 1_000);
    const changed = new Set<Figures>();
    const { nodes, wires } = this.#numbered;
    const counted = new Set<NodeState | WireState>();
    for (const [number = -1, received = 0, sent = 0, errors = 0] of groups(told.nodes, 4)) {
      const node = nodes[number];
      if (!node) continue;
      counted.add(node);
      node.count(received, sent, errors, seconds);
      changed.add(node);
    }
    for (const state of this.#nodes.values()) if (!counted.has(state) && state.rest()) changed.add(state);
    // A node that has handled nothing lately is not in it, and keeps what it had. They come in tenths of a microsecond.
    for (const [number = -1, p50 = 0, p95 = 0, samples = 0] of groups(told.timings, 4)) {
      const node = nodes[number];
      if (!node) continue;
      node.time({ p50: p50 / 10, p95: p95 / 10, samples });
      changed.add(node);
    }
    for (const [number = -1, passed = 0] of groups(told.wires, 2)) {
      const wire = wires[number];
      if (!wire) continue;
      counted.add(wire);
      if (wire.count(passed, seconds)) changed.add(wire);
    }
    for (const state of this.#wires.values()) if (!counted.has(state) && state.count(0, seconds)) changed.add(state);
    this.showing.take(changed);
  }

  /** Nobody wants times any more. */
  untimed(): void {
    for (const state of this.#nodes.values()) state.untimed();
  }

  /** All queues are told anew, and only those that there are now. */
  #deployed(): void {
    for (const state of this.#nodes.values()) if (state.queue) state.queue = undefined;
  }

  /** All outboxes each time: one that is not there has none any more. */
  #backlogs(outboxes: readonly Schemas['Backlog'][]): void {
    const byNode = new Map(outboxes.map((backlog) => [backlog.node, backlog]));
    for (const [id, backlog] of byNode) if (this.#has(id)) this.node(id).backlog = backlog;
    for (const [id, state] of this.#nodes) if (state.backlog && !byNode.has(id)) state.backlog = undefined;
  }

  #each<Value>(nodes: unknown, take: (node: NodeState, value: Value) => void): void {
    for (const [id, value] of Object.entries((nodes ?? {}) as Record<string, Value>)) if (this.#has(id)) take(this.node(id), value);
  }

  #has(id: string): boolean {
    return this.#nodes.has(id) || this.#nodes.size < MOST;
  }
}

/** A list of figures, so many at a time. */
function* groups(figures: unknown, size: number): Iterable<readonly number[]> {
  const all = Array.isArray(figures) ? (figures as number[]) : [];
  for (let at = 0; at + size <= all.length; at += size) yield all.slice(at, at + size);
}

const isEmpty = (status: object | null): boolean => status === null || Object.keys(status).length === 0;
