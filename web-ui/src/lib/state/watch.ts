// What is known of a probation: the gateway tells it to everybody who looks.

import type { Schemas } from '../api/client';

/** A revision on probation. */
export interface Watch {
  readonly number: number;
  readonly who: string;
  readonly isMine: boolean;
  /** By the clock of the gateway, as this page knows it. */
  readonly endsMs?: number;
  readonly needsWord?: boolean;
  readonly isConfirmed?: boolean;
}

/** How far it is. What is left is told, so that a clock of the gateway that is set meanwhile changes nothing. */
export function progressOf(probation: Schemas['Probation'] | null | undefined, now: number): Pick<Watch, 'endsMs' | 'needsWord' | 'isConfirmed'> {
  if (!probation) return {};
  return { endsMs: now + probation.left_ms, needsWord: probation.needs_word, isConfirmed: probation.confirmed };
}
