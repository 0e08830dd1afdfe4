// What only fingers do: two of them zoom, and one that rests asks for a menu.

import type { Canvas } from '../canvas.svelte';
import type { Point } from '../geometry';
import type { Gesture } from './gesture';

const LONG_PRESS = 500;
const CLOSEST = 20;

export class Pinch implements Gesture {
  readonly held = 'pan';
  #canvas: Canvas;
  #pointers: ReadonlyMap<number, Point>;
  #apart: number;
  #zoom: number;
  #centre: Point;

  /** `pointers` are kept up to date by whoever gives them. */
  constructor(canvas: Canvas, pointers: ReadonlyMap<number, Point>) {
    this.#canvas = canvas;
    this.#pointers = pointers;
    const { apart, centre } = this.#now();
    this.#apart = Math.max(CLOSEST, apart);
    this.#centre = centre;
    this.#zoom = canvas.look.zoom;
  }

  follow(): void {
    const canvas = this.#canvas;
    const { apart, centre } = this.#now();
    canvas.pan(centre.x - this.#centre.x, centre.y - this.#centre.y);
    canvas.zoomTo((this.#zoom * apart) / this.#apart, canvas.inFrame(centre));
    this.#centre = centre;
  }

  #now(): { apart: number; centre: Point } {
    const [a, b] = [...this.#pointers.values()] as [Point, Point];
    return { apart: Math.hypot(a.x - b.x, a.y - b.y), centre: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 } };
  }
}

export class LongPress {
  #waiting: ReturnType<typeof setTimeout> | undefined;

  begin(perform: () => void): void {
    this.#waiting = setTimeout(perform, LONG_PRESS);
  }

  end(): void {
    clearTimeout(this.#waiting);
  }
}
