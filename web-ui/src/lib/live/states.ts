// All wires and nodes as they are now, and how what the gateway tells gets into them.

import type { Schemas } from '../api/client';
import { wireKey, type Wire } from '../doc/item';
import { newcomer } from './newcomers.svelte';
import { Showing } from './showing';
import { NodeState, WireState, type Beat, type Figures } from './signals.svelte';
import type { NodeSignal, QueueState, Told } from './types';

/** What nobody has asked for is kept up to so many: a gateway has far fewer. */
const MOST = 50_000;

type Counted = readonly [received: number, sent: number, errors: number];
type Timed = readonly [p50: number, p95: number, samples: number];

export class States {
  #wires = new Map<string, WireState>();
  #nodes = new Map<string, NodeState>();
  #beat: Beat = { count: 0 };
  readonly showing = new Showing();

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
    else if (told.type === 'status') this.#each<NonNullable<NodeSignal['status']>>(told.nodes, (node, status) => (node.status = isEmpty(status) ? undefined : status));
    else if (told.type === 'backlogs') this.#backlogs((told.outboxes ?? []) as readonly Schemas['Backlog'][]);
    else if (told.type === 'queues') this.#each<QueueState | null>(told.nodes, (node, queue) => (node.queue = queue ?? undefined));
    else if (told.type === 'deploy') this.#deployed();
  }

  #counted(told: Told): void {
    this.#beat.count += 1;
    const seconds = Math.max(0.05, (Number(told.span_ms) || 500) / 1_000);
    const changed = new Set<Figures>();
    const nodes = (told.nodes ?? {}) as Record<string, Counted>;
    this.#each<Counted>(nodes, (node, counted) => {
      node.count(...counted, seconds);
      changed.add(node);
    });
    for (const [id, state] of this.#nodes) if (!Object.hasOwn(nodes, id) && state.rest()) changed.add(state);
    // A node that has handled nothing lately is not in it, and keeps what it had.
    this.#each<Timed>(told.timings, (node, [p50, p95, samples]) => {
      node.time({ p50, p95, samples });
      changed.add(node);
    });
    const seen = new Set<string>();
    for (const wire of (told.wires ?? []) as readonly (Wire & { passed: number })[]) {
      const key = wireKey(wire);
      if (!this.#wires.has(key) && this.#wires.size >= MOST) continue;
      seen.add(key);
      const state = this.wire(wire);
      if (state.count(wire.passed, seconds)) changed.add(state);
    }
    for (const [key, state] of this.#wires) if (!seen.has(key) && state.count(0, seconds)) changed.add(state);
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

const isEmpty = (status: object | null): boolean => status === null || Object.keys(status).length === 0;
