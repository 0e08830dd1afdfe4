import type { Held } from '../canvas.svelte';
import type { Point } from '../geometry';

/** One thing that a hand does, from when it begins to when it is let go. Points are in pixels of the page. */
export interface Gesture {
  readonly held: Held;
  /** Held at the edge of the canvas, it goes on to where nothing is seen yet. */
  readonly goesOn?: boolean;
  /** The pointer is there now, and `by` further than before. `isFree`: nothing is snapped to the grid. */
  follow(at: Point, by: Point, isFree: boolean): void;
  /** The canvas has been taken along below it. */
  carried?(by: Point): void;
  letGo?(at: Point): void;
}
