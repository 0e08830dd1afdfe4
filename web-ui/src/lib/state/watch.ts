// What this browser knows of a probation.

const KEPT = 'tidegate.probation';

/** A revision on probation. What is not known of one that somebody else has deployed is left out. */
export interface Watch {
  readonly number: number;
  readonly who: string;
  readonly isMine: boolean;
  readonly endsMs?: number;
  readonly needsWord?: boolean;
  readonly isConfirmed?: boolean;
}

/** A page that is loaded again still knows how long the probation lasts. */
export function keep(watch: Watch | undefined): void {
  try {
    if (watch) localStorage.setItem(KEPT, JSON.stringify(watch));
    else localStorage.removeItem(KEPT);
  } catch {
    // Then it does not.
  }
}

/** What is known of the probation of a revision. */
export function kept(number: number): Watch | undefined {
  try {
    const watch = JSON.parse(localStorage.getItem(KEPT) ?? 'null') as Watch | null;
    return watch?.number === number ? watch : undefined;
  } catch {
    return undefined;
  }
}
