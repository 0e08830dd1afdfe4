// One object of signals for a wire and a node: what draws it follows it, and nothing else is touched when it changes.

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

export class WireState implements WireSignal {
  rate = $state(0);
  passed = $state(0);
  #changes = $state(0);
  #beat: Beat;
  /** Rates by beat, in a circle: what nobody draws costs no list each half second. */
  #circle: Float32Array | undefined;
  #newest = 0;
  #followed = false;

  constructor(beat: Beat) {
    this.#beat = beat;
  }

  get history(): readonly number[] {
    void this.#changes;
    this.#followed ||= $effect.tracking();
    const circle = this.#circle;
    if (!circle) return [];
    const now = this.#beat.count;
    return Array.from({ length: HISTORY }, (_, n) => {
      const at = now - HISTORY + 1 + n;
      return at > this.#newest || at <= this.#newest - HISTORY || at < 0 ? 0 : (circle[at % HISTORY] ?? 0);
    });
  }

  count(passed: number, seconds: number): void {
    if (passed === 0 && this.rate === 0) {
      // A history that somebody looks at moves on until it is empty.
      if (this.#followed && this.#beat.count - this.#newest <= HISTORY) this.#changes += 1;
      return;
    }
    this.rate = smooth(this.rate, passed / seconds);
    this.passed += passed;
    this.#circle ??= new Float32Array(HISTORY);
    const now = this.#beat.count;
    for (let at = Math.max(this.#newest + 1, now - HISTORY + 1); at < now; at += 1) this.#circle[at % HISTORY] = 0;
    this.#circle[now % HISTORY] = passed / seconds;
    this.#newest = now;
    this.#changes += 1;
  }

  /** Nothing is known of it any more. */
  still(): void {
    if (this.rate > 0) this.rate = 0;
  }
}

export class NodeState implements NodeSignal {
  received = $state(0);
  sent = $state(0);
  errors = $state(0);
  rateIn = $state(0);
  rateOut = $state(0);
  status = $state.raw<NodeSignal['status']>();
  timing = $state.raw<NodeSignal['timing']>();
  queue = $state.raw<QueueState | undefined>();
  backlog = $state.raw<Schemas['Backlog'] | undefined>();

  count(received: number, sent: number, errors: number, seconds: number): void {
    this.received += received;
    this.sent += sent;
    this.errors += errors;
    this.rateIn = smooth(this.rateIn, received / seconds);
    this.rateOut = smooth(this.rateOut, sent / seconds);
  }

  /** Nothing has happened in the last span. */
  rest(): void {
    if (this.rateIn > 0) this.rateIn = smooth(this.rateIn, 0);
    if (this.rateOut > 0) this.rateOut = smooth(this.rateOut, 0);
  }

  /** Nothing is known of it any more; the badge and the backlog stay, for they are the last that was known. */
  still(): void {
    if (this.rateIn > 0) this.rateIn = 0;
    if (this.rateOut > 0) this.rateOut = 0;
    this.timing = undefined;
    this.queue = undefined;
  }
}
