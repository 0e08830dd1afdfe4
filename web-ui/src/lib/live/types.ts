// What the rest of the editor knows of the live socket. `live.svelte.ts` has it; docs/api.md says what goes over it.

import type { Wire } from '../doc/item';
import type { Schemas } from '../api/client';

export type Connection = 'connecting' | 'open' | 'lost' | 'refused' | 'closed';

/** Why there is no connection, as far as that is known: the gateway said that it stops, or that too many watch it. */
export type LostWhy = '' | 'stopping' | 'busy' | 'offline';

/** What somebody wants to be told. What all parts of the editor want is put together and said once. */
export interface Wants {
  flows?: readonly string[];
  nodes?: readonly string[];
  metrics?: boolean;
  statuses?: boolean;
  debug?: boolean;
  problems?: boolean;
  backlogs?: boolean;
  queues?: boolean;
  timings?: boolean;
  dashboard?: boolean;
  taps?: readonly string[];
  wireTaps?: readonly Wire[];
  /** Which flow this person looks at, for the others. */
  at?: string;
}

/** A wire as it is now. Properties are signals: reading one in a template follows it. */
export interface WireSignal {
  /** Messages a second, smoothed. */
  readonly rate: number;
  /** Since the page was opened. */
  readonly passed: number;
  /** The rates of the last minute, the oldest first; empty where nothing has ever passed. */
  readonly history: readonly number[];
}

export interface NodeSignal {
  readonly received: number;
  readonly sent: number;
  readonly errors: number;
  /** A second, smoothed. */
  readonly rateIn: number;
  readonly rateOut: number;
  /** Node-RED's badge: `{fill, shape, text}`; undefined without one. */
  readonly status: { readonly fill?: string; readonly shape?: string; readonly text?: string } | undefined;
  /** Microseconds that handling a message took: median and 95th percentile. Only while timings are wanted. */
  readonly timing: { readonly p50: number; readonly p95: number; readonly samples: number } | undefined;
  /** Only nodes that have a queue. */
  readonly queue: QueueState | undefined;
  /** Only sinks with an outbox. */
  readonly backlog: Schemas['Backlog'] | undefined;
}

/** Where messages wait: docs/api.md says what each figure means for each kind. */
export interface QueueState {
  readonly kind?: 'outbox' | 'inbox' | 'held' | 'lane' | 'in_flight';
  readonly depth: number;
  readonly capacity?: number;
  readonly bytes?: number;
  /** The share of the last span in which senders were held up: 0 to 1. */
  readonly blocked?: number;
  readonly dropped?: number;
  readonly spilling?: boolean;
}

/** Somebody else who has this editor open. */
export interface Person {
  readonly id: string;
  readonly name: string;
  /** Since when, by the gateway's clock. */
  readonly since_ms?: number;
  /** The flow that they look at. */
  readonly at?: string;
}

/** Messages of the socket by their `type`. */
export type Told = { readonly type: string; readonly [property: string]: unknown };

/** The connection is there again: told as `back`. `restarted`: the gateway was started anew in between. */
export interface Back extends Told {
  readonly type: 'back';
  readonly from_ms: number;
  readonly to_ms: number;
  readonly restarted: boolean;
  readonly deploy: Schemas['LiveDeploy'] | undefined;
}

export interface LiveApi {
  readonly connection: Connection;
  /** When the connection was lost: the gateway's wall clock, milliseconds. */
  readonly lostSince: number | undefined;
  readonly lostWhy: LostWhy;
  /** Who else looks. Empty where the gateway does not say. */
  readonly people: readonly Person[];
  /** The gateway's clock: ages are told by it, for that of a browser may be wrong. */
  now(): number;
  /** From now on this is wanted too, until the function that it gives is called. */
  want(wants: Wants): () => void;
  /**
   * Is told messages of one type as they come. Besides those of docs/api.md there are `lost`, `back` (`Back`), and `refused`:
   * whoever was logged in is so no more. A `deploy` that was missed while the connection was lost is told after `back`.
   */
  on(type: string, hear: (told: Told) => void): () => void;
  wire(wire: Wire): WireSignal;
  node(id: string): NodeSignal;
  /** All wires that had messages lately, without making signals for the rest: for the overlay. */
  busyWires(): Iterable<{ readonly key: string; readonly rate: number }>;
  /** Something moves on the screen: new figures are shown when it rests. */
  moves(): void;
  start(): void;
  stop(): void;
}
