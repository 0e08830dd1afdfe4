// The canvas is taken along by a hand, or by a wheel.

import type { Canvas } from '../canvas.svelte';
import type { Point } from '../geometry';
import type { Gesture } from './gesture';

export class Pan implements Gesture {
  readonly held = 'pan';
  #canvas: Canvas;

  constructor(canvas: Canvas) {
    this.#canvas = canvas;
  }

  follow(_at: Point, by: Point): void {
    this.#canvas.pan(by.x, by.y);
  }
}

export function wheel(event: WheelEvent, canvas: Canvas): void {
  event.preventDefault();
  const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? canvas.height : 1;
  if (event.ctrlKey || event.metaKey) {
    const by = Math.max(-60, Math.min(60, event.deltaY * unit));
    canvas.zoomTo(canvas.look.zoom * Math.exp(-by * 0.006), canvas.inFrame({ x: event.clientX, y: event.clientY }));
  } else if (event.shiftKey && event.deltaX === 0) canvas.pan(-event.deltaY * unit, 0);
  else canvas.pan(-event.deltaX * unit, -event.deltaY * unit);
}
