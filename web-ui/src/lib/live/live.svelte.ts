// The live socket: one connection for the whole page. It says what all parts together want, and hands out what it is told.

import { wireKey, type Wire } from '../doc/item';
import type { Connection, LiveApi, Told, Wants } from './types';
import { NodeState, WireState } from './signals.svelte';

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

export class Live implements LiveApi {
  connection = $state<Connection>('closed');
  lostSince = $state<number | undefined>();
  #socket: WebSocket | undefined;
  #wanted = new Set<Wants>();
  #saying = false;
  #hearers = new Map<string, Set<(told: Told) => void>>();
  #wires = new Map<string, WireState>();
  #nodes = new Map<string, NodeState>();
  #ahead = 0;
  #tries = 0;
  #again: ReturnType<typeof setTimeout> | undefined;

  now(): number {
    return Date.now() + this.#ahead;
  }

  start(): void {
    if (this.#socket || this.#again) return;
    this.#open();
  }

  stop(): void {
    clearTimeout(this.#again);
    this.#again = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.connection = 'closed';
  }

  want(wants: Wants): () => void {
    this.#wanted.add(wants);
    this.#say();
    return () => {
      this.#wanted.delete(wants);
      this.#say();
    };
  }

  on(type: string, hear: (told: Told) => void): () => void {
    const hearers = this.#hearers.get(type) ?? new Set();
    this.#hearers.set(type, hearers.add(hear));
    return () => hearers.delete(hear);
  }

  wire(wire: Wire): WireState {
    const key = wireKey(wire);
    let state = this.#wires.get(key);
    if (!state) this.#wires.set(key, (state = new WireState()));
    return state;
  }

  node(id: string): NodeState {
    let state = this.#nodes.get(id);
    if (!state) this.#nodes.set(id, (state = new NodeState()));
    return state;
  }

  *busyWires(): Iterable<{ key: string; rate: number }> {
    for (const [key, state] of this.#wires) if (state.rate > 0) yield { key, rate: state.rate };
  }

  #open(): void {
    this.connection = this.#tries === 0 ? 'connecting' : 'lost';
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/live`);
    this.#socket = socket;
    socket.onmessage = (event) => this.#heard(JSON.parse(String(event.data)) as Told);
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.lostSince ??= this.now();
      this.connection = 'lost';
      // Not all at once, when a gateway with many watchers comes back.
      const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#tries) * (0.75 + Math.random() / 2);
      this.#tries += 1;
      this.#again = setTimeout(() => {
        this.#again = undefined;
        this.#open();
      }, wait);
    };
  }

  #heard(told: Told): void {
    if (told.type === 'hello') {
      this.#tries = 0;
      this.connection = 'open';
      this.lostSince = undefined;
      if (typeof told.now_ms === 'number') this.#ahead = told.now_ms - Date.now();
      this.#say();
    }
    if (told.type === 'metrics') this.#counted(told);
    if (told.type === 'status') {
      for (const [id, status] of Object.entries(told.nodes as Record<string, NodeState['status']>)) {
        this.node(id).status = status && Object.keys(status).length > 0 ? status : undefined;
      }
    }
    for (const hear of this.#hearers.get(told.type) ?? []) hear(told);
  }

  #counted(told: Told): void {
    const seconds = Math.max(0.05, Number(told.span_ms) / 1000);
    const nodes = told.nodes as Record<string, [number, number, number]>;
    for (const [id, counted] of Object.entries(nodes)) this.node(id).count(...counted, seconds);
    for (const [id, state] of this.#nodes) if (!(id in nodes)) state.rest();
    const seen = new Set<string>();
    for (const { from, port, to, passed } of told.wires as (Wire & { passed: number })[]) {
      const key = wireKey({ from, port, to });
      seen.add(key);
      this.wire({ from, port, to }).count(passed, seconds);
    }
    for (const [key, state] of this.#wires) if (!seen.has(key)) state.count(0, seconds);
  }

  /** Once for all that changes in one turn. */
  #say(): void {
    if (this.#saying) return;
    this.#saying = true;
    queueMicrotask(() => {
      this.#saying = false;
      if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(together(this.#wanted)));
    });
  }
}

/** What all want, as one. Flows and nodes add up; whoever names none of both wants all. */
export function together(all: Iterable<Wants>): Record<string, unknown> {
  const flags = ['metrics', 'statuses', 'debug', 'problems', 'backlogs', 'queues', 'timings', 'dashboard'] as const;
  const said: Record<string, unknown> = { type: 'watch' };
  const flows = new Set<string>();
  const nodes = new Set<string>();
  const taps = new Set<string>();
  const wireTaps = new Map<string, Wire>();
  for (const wants of all) {
    for (const flag of flags) if (wants[flag]) said[flag] = true;
    wants.flows?.forEach((flow) => flows.add(flow));
    wants.nodes?.forEach((node) => nodes.add(node));
    wants.taps?.forEach((node) => taps.add(node));
    wants.wireTaps?.forEach((wire) => wireTaps.set(wireKey(wire), wire));
    if (wants.at !== undefined) said.at = wants.at;
  }
  if (flows.size > 0) said.flows = [...flows];
  if (nodes.size > 0) said.nodes = [...nodes];
  if (taps.size > 0) said.taps = [...taps];
  if (wireTaps.size > 0) said.wire_taps = [...wireTaps.values()];
  return said;
}
