import type { Canvas } from '../canvas.svelte';
import type { Point } from '../geometry';
import type { Gesture } from './gesture';

/** So near to the edge the canvas begins to move, and so many pixels with each frame at the most. */
const EDGE = 28;
const FASTEST = 9;

const speed = (at: number, least: number, most: number): number =>
  at < least + EDGE ? Math.min(1, (least + EDGE - at) / EDGE) * FASTEST : at > most - EDGE ? -Math.min(1, (at - most + EDGE) / EDGE) * FASTEST : 0;

/** Held at the edge, what is dragged goes on to where nothing is seen yet. */
export class Edge {
  #canvas: Canvas;
  #frame = 0;

  constructor(canvas: Canvas) {
    this.#canvas = canvas;
  }

  watch(gesture: Gesture | undefined, at: Point, isFree: boolean): void {
    this.leave();
    const frame = this.#canvas.element?.getBoundingClientRect();
    if (!frame || !gesture?.goesOn) return;
    const by = { x: speed(at.x, frame.left, frame.right), y: speed(at.y, frame.top, frame.bottom) };
    if (by.x === 0 && by.y === 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#canvas.pan(by.x, by.y);
      gesture.carried?.(by);
      gesture.follow(at, { x: 0, y: 0 }, isFree);
      this.watch(gesture, at, isFree);
    });
  }

  leave(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }
}
