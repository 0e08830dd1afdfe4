// The live fact of a node in a few signs: how many messages a second, and how long one takes.

import { amount } from '../i18n/i18n.svelte';
import type { NodeSignal } from '../live/types';

const digits = (n: number): string => amount(n, n >= 10 ? 0 : 1);

/** A count in at most four signs: 42, 1.2k, 3.4M. */
export function short(n: number): string {
  if (n >= 1e6) return `${digits(n / 1e6)}M`;
  if (n >= 1e3) return `${digits(n / 1e3)}k`;
  return n > 0 && n < 0.1 ? `<${digits(0.1)}` : digits(n);
}

/** Of microseconds. */
export function duration(us: number): string {
  if (us >= 1e6) return `${digits(us / 1e6)} s`;
  if (us >= 1e3) return `${digits(us / 1e3)} ms`;
  return `${Math.max(1, Math.round(us))} µs`;
}

export const rateOf = (rate: number): string => `${short(rate)}/s`;

/** Empty where nothing moves. */
export function factsOf(node: NodeSignal): string {
  const rate = Math.max(node.rateIn, node.rateOut);
  const parts = [rate > 0 ? rateOf(rate) : '', node.timing && rate > 0 ? duration(node.timing.p50) : ''];
  const queue = node.queue;
  if (queue && queue.depth > 0) parts.push(`▤ ${short(queue.depth)}`);
  return parts.filter(Boolean).join(', ');
}
