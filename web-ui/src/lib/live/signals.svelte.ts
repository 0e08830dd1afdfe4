// One object for a wire and a node: what draws it follows it, and nothing else is touched when it changes. Figures are kept at once and shown when
// `Showing` says so. All figures of one object are one signal: a thousand wires are told twice a second, and each signal that is set costs.

import type { Schemas } from '../api/client';
import type { NodeSignal, QueueState, WireSignal } from './types';

/** How much of a new rate counts: rates that jump cannot be read. */
const FRESH = 0.4;
/** A minute, at two a second. */
export const HISTORY = 120;

const smooth = (before: number, now: number): number => {
  const rate = before + FRESH * (now - before);
  return rate < 0.01 ? 0 : rate;
};

/** Counts the messages with figures: a wire at rest is in none of them, and its history goes on all the same. */
export interface Beat {
  count: number;
}

export abstract class Figures {
  #shown = $state(0);
  /** Somebody draws it, or has done so. */
  isFollowed = false;

  /** Whoever reads a figure is run again when new ones are shown. */
  protected follow(): void {
    void this.#shown;
    this.isFollowed ||= $effect.tracking();
  }

  show(): void {
    this.#shown += 1;
  }
}

export class WireState extends Figures implements WireSignal {
  #rate = 0;
  #passed = 0;
  #beat: Beat;
  /** Rates by beat, in a circle: what nobody draws costs no list each half second. */
  #circle: Float32Array | undefined;
  #newest = 0;

  constructor(beat: Beat) {
    super();
    this.#beat = beat;
  }

  get rate(): number {
    this.follow();
    return this.#rate;
  }

  /** For what draws all wires with each frame, and follows none. */
  get rateNow(): number {
    return this.#rate;
  }

  get passed(): number {
    this.follow();
    return this.#passed;
  }

  get history(): readonly number[] {
    this.follow();
    const circle = this.#circle;
    if (!circle) return [];
    const now = this.#beat.count;
    return Array.from({ length: HISTORY }, (_, n) => {
      const at = now - HISTORY + 1 + n;
      return at > this.#newest || at <= this.#newest - HISTORY || at < 0 ? 0 : (circle[at % HISTORY] ?? 0);
    });
  }

  /** Tells whether there is something new to be shown. */
  count(passed: number, seconds: number): boolean {
    // A history moves on until it is empty.
    if (passed === 0 && this.#rate === 0) return this.#circle !== undefined && this.#beat.count - this.#newest <= HISTORY;
    this.#rate = smooth(this.#rate, passed / seconds);
    this.#passed += passed;
    this.#circle ??= new Float32Array(HISTORY);
    const now = this.#beat.count;
    for (let at = Math.max(this.#newest + 1, now - HISTORY + 1); at < now; at += 1) this.#circle[at % HISTORY] = 0;
    this.#circle[now % HISTORY] = passed / seconds;
    this.#newest = now;
    return true;
  }

  /** Nothing is known of it any more. */
  still(): void {
    if (this.#rate === 0) return;
    this.#rate = 0;
    this.show();
  }
}

export class NodeState extends Figures implements NodeSignal {
  #received = 0;
  #sent = 0;
  #errors = 0;
  #rateIn = 0;
  #rateOut = 0;
  #timing: NodeSignal['timing'];
  status = $state.raw<NodeSignal['status']>();
  queue = $state.raw<QueueState | undefined>();
  backlog = $state.raw<Schemas['Backlog'] | undefined>();

  get received(): number {
    this.follow();
    return this.#received;
  }

  get sent(): number {
    this.follow();
    return this.#sent;
  }

  get errors(): number {
    this.follow();
    return this.#errors;
  }

  get rateIn(): number {
    this.follow();
    return this.#rateIn;
  }

  get rateOut(): number {
    this.follow();
    return this.#rateOut;
  }

  get timing(): NodeSignal['timing'] {
    this.follow();
    return this.#timing;
  }

  count(received: number, sent: number, errors: number, seconds: number): void {
    this.#received += received;
    this.#sent += sent;
    this.#errors += errors;
    this.#rateIn = smooth(this.#rateIn, received / seconds);
    this.#rateOut = smooth(this.#rateOut, sent / seconds);
  }

  time(timing: NonNullable<NodeSignal['timing']>): void {
    this.#timing = timing;
  }

  /** Nothing has happened in the last span. Tells whether there is something new to be shown. */
  rest(): boolean {
    if (this.#rateIn === 0 && this.#rateOut === 0) return false;
    this.#rateIn = smooth(this.#rateIn, 0);
    this.#rateOut = smooth(this.#rateOut, 0);
    return true;
  }

  /** Nobody wants times any more. */
  untimed(): void {
    if (!this.#timing) return;
    this.#timing = undefined;
    this.show();
  }

  /** Nothing is known of it any more; the badge and the backlog stay, for they are the last that was known. */
  still(): void {
    this.#rateIn = 0;
    this.#rateOut = 0;
    this.#timing = undefined;
    this.queue = undefined;
    this.show();
  }
}
