// How figures become widths: by their logarithm, for rates differ by a factor of a thousand.

import type { QueueState } from '../live/types';

const THIN = 1.8;
const WIDE = 9;

export const widthOf = (rate: number): number => (rate <= 0 ? THIN : Math.min(WIDE, Math.round((THIN + 1 + 1.8 * Math.log10(1 + rate)) * 4) / 4));

/** What counts as full where a queue says no capacity: a tenth of it is reached at once, all of it slowly. */
const MANY = 100_000;

/** How full a queue is, 0 to 1; what holds anything at all can be seen. */
export function fillOf({ depth, capacity }: QueueState): number {
  if (depth <= 0) return 0;
  const part = capacity && capacity > 0 ? depth / capacity : Math.log10(1 + depth) / Math.log10(1 + MANY);
  return Math.min(1, Math.max(0.04, Math.round(part * 100) / 100));
}
