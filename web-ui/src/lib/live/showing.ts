// When new figures are shown: at once, but while something moves on the screen they wait until it rests, for two seconds at most. What a thousand nodes and
// wires are told twice a second would be a jerk each time.

export interface Shown {
  /** Nobody has ever drawn what is not followed: there is nothing to do for it. */
  readonly isFollowed: boolean;
  show(): void;
}

/** Milliseconds without a movement after which something rests. */
const REST = 150;
const LONGEST = 2_000;

export class Showing {
  #waiting = new Set<Shown>();
  #since = 0;
  #look: ReturnType<typeof setTimeout> | undefined;
  #movedAt = -Infinity;

  /** Something moves on the screen now. */
  moves(): void {
    this.#movedAt = performance.now();
  }

  /** These have new figures. */
  take(changed: Iterable<Shown>): void {
    if (this.#waiting.size === 0) this.#since = performance.now();
    for (const shown of changed) if (shown.isFollowed) this.#waiting.add(shown);
    if (this.#look === undefined) this.#showUnlessMoving();
  }

  #showUnlessMoving(): void {
    const now = performance.now();
    const isMoving = now - this.#movedAt < REST && now - this.#since < LONGEST;
    this.#look = isMoving ? setTimeout(() => this.#showUnlessMoving(), REST) : undefined;
    if (isMoving) return;
    for (const shown of this.#waiting) shown.show();
    this.#waiting.clear();
  }
}
