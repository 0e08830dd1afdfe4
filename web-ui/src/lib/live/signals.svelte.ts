// One object of signals for a wire and a node: what draws it follows it, and nothing else is touched when it changes.

import type { Schemas } from '../api/client';
import type { NodeSignal, QueueState, WireSignal } from './types';

/** How much of a new rate counts: rates that jump cannot be read. */
const FRESH = 0.4;
const HISTORY = 120;

const smooth = (before: number, now: number): number => {
  const rate = before + FRESH * (now - before);
  return rate < 0.01 ? 0 : rate;
};

export class WireState implements WireSignal {
  rate = $state(0);
  passed = $state(0);
  history = $state.raw<readonly number[]>([]);

  count(passed: number, seconds: number): void {
    if (passed === 0 && this.rate === 0) return;
    this.rate = smooth(this.rate, passed / seconds);
    this.passed += passed;
    this.history = [...this.history, passed / seconds].slice(-HISTORY);
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
}
