// What pointers do on the canvas: mouse, pen and fingers. Which gesture it is, is found out here; what each does is in a file of its own.

import type { Editor } from '../../state/editor.svelte';
import { canvasOf, type Canvas } from '../canvas.svelte';
import type { Point } from '../geometry';
import { Choice } from './choice';
import { Clicks } from './clicks';
import { Drag } from './drag';
import { Edge } from './edge';
import type { Gesture } from './gesture';
import { hitOf, isOwn, type Hit } from './hit';
import { Pan, wheel } from './pan';
import { LongPress, Pinch } from './touch';
import { aim, finishWire, Wiring } from './wiring';

/** A pointer that is down and has not moved yet. */
interface Press {
  readonly hit: Hit;
  readonly wasChosen: boolean;
}

/** Where ports can be hit, they cover each other: the one that is nearest is meant. */
function nearest(hit: Hit, canvas: Canvas, at: Point): Hit {
  if (hit.kind !== 'port') return hit;
  const { id, side } = hit.port;
  return { kind: 'port', port: { id, side, n: canvas.scene.nearestPort(id, side, canvas.toDocument(at)) } };
}

/** Pixels that a hand trembles. */
const STILL = { mouse: 4, touch: 9 };
const STAYS: Point = { x: 0, y: 0 };

export class Gestures {
  #editor: Editor;
  #canvas: Canvas;
  #clicks: Clicks;
  #edge: Edge;
  #longPress = new LongPress();
  #pointers = new Map<number, Point>();
  #start: Point = STAYS;
  #last: Point = STAYS;
  #press: Press | undefined;
  #gesture: Gesture | undefined;
  /** A finger has rested: its menu comes when it is lifted, for one that opened before would be closed by that. */
  #menu: { readonly hit: Hit; readonly at: Point } | undefined;
  /** While the space bar is held, the mouse takes the canvas along. */
  spaceHeld = false;

  constructor(editor: Editor) {
    this.#editor = editor;
    this.#canvas = canvasOf(editor);
    this.#clicks = new Clicks(editor);
    this.#edge = new Edge(this.#canvas);
  }

  down(event: PointerEvent): void {
    if (isOwn(event)) return;
    const canvas = this.#canvas;
    const at = { x: event.clientX, y: event.clientY };
    this.#pointers.set(event.pointerId, at);
    canvas.menu = undefined;
    canvas.watched = undefined;
    if (this.#pointers.size === 2) return this.#pinch(event);
    if (this.#pointers.size > 2) return;
    this.#start = at;
    this.#last = at;
    canvas.asked = undefined;
    if (canvas.pending?.sticky) {
      aim(canvas, at);
      finishWire(this.#editor);
      return this.#is(undefined);
    }
    canvas.pending = undefined;
    const hit = nearest(hitOf(event.target), canvas, at);
    if (event.button === 1 || (event.button === 0 && this.spaceHeld)) {
      event.preventDefault();
      this.#takes(event);
      return this.#is(new Pan(canvas));
    }
    this.#is(undefined);
    if (event.button === 2) return this.#clicks.chooseForMenu(hit);
    this.#press = { hit, wasChosen: this.#clicks.press(hit, event) };
    if (event.pointerType !== 'mouse') this.#longPress.begin(() => this.#pressedLong(hit, at));
  }

  move(event: PointerEvent): void {
    const canvas = this.#canvas;
    const at = { x: event.clientX, y: event.clientY };
    canvas.pointer = canvas.toDocument(at);
    if (canvas.pending?.sticky && !canvas.pending.byKeys && !canvas.asked) aim(canvas, at);
    if (!this.#pointers.has(event.pointerId)) return;
    this.#pointers.set(event.pointerId, at);
    if (this.#press) {
      const still = event.pointerType === 'mouse' ? STILL.mouse : STILL.touch;
      if (Math.hypot(at.x - this.#start.x, at.y - this.#start.y) < still) return;
      this.#begin(this.#press.hit, event);
    }
    const by = { x: at.x - this.#last.x, y: at.y - this.#last.y };
    this.#last = at;
    if (!this.#gesture) return;
    this.#editor.live.moves();
    this.#gesture.follow(at, by, event.altKey);
    this.#edge.watch(this.#gesture, at, event.altKey);
  }

  up(event: PointerEvent): void {
    if (!this.#pointers.delete(event.pointerId)) return;
    const [press, gesture, menu] = [this.#press, this.#gesture, this.#menu];
    this.#stop();
    if (gesture instanceof Pinch) {
      // The other finger goes on as a hand that takes the canvas along.
      const [rest] = this.#pointers.values();
      if (rest) this.#last = rest;
      return this.#is(rest && new Pan(this.#canvas));
    }
    this.#is(undefined);
    if (press) this.#clicks.click(press.hit, press.wasChosen, event);
    if (menu) this.openMenu(menu.hit, menu.at);
    gesture?.letGo?.({ x: event.clientX, y: event.clientY });
  }

  /** Whatever is going on does not happen. */
  cancel(): void {
    this.#stop();
    this.#pointers.clear();
    this.#is(undefined);
  }

  wheel(event: WheelEvent): void {
    if (!isOwn(event)) wheel(event, this.#canvas);
  }

  openMenu(hit: Hit, at: Point): void {
    this.#canvas.pointer = this.#canvas.toDocument(at);
    this.#canvas.menu = { at, on: hit.kind === 'port' ? 'node' : hit.kind };
  }

  /** From here on this is what the hand does, and nothing else. */
  #is(gesture: Gesture | undefined): void {
    this.#press = undefined;
    this.#menu = undefined;
    this.#gesture = gesture;
    this.#canvas.held = gesture?.held ?? '';
  }

  /** From here on the pointer is ours, also outside of the canvas. */
  #takes(event: PointerEvent): void {
    this.#canvas.element?.setPointerCapture(event.pointerId);
  }

  #begin(hit: Hit, event: PointerEvent): void {
    this.#longPress.end();
    this.#takes(event);
    this.#canvas.watched = undefined;
    const gesture = this.#gestureOf(hit, event);
    if (gesture) this.#is(gesture);
  }

  #gestureOf(hit: Hit, event: PointerEvent): Gesture | undefined {
    const canvas = this.#canvas;
    if (!canvas.canEdit && hit.kind !== 'empty') return new Pan(canvas);
    if (hit.kind === 'port') return new Wiring(this.#editor, hit.port, this.#start, event.shiftKey);
    if (hit.kind === 'node' || hit.kind === 'group') return Drag.of(this.#editor, hit.id, this.#start);
    if (event.pointerType !== 'mouse' || hit.kind === 'wire') return new Pan(canvas);
    return new Choice(this.#editor, this.#start, event.shiftKey);
  }

  #pressedLong(hit: Hit, at: Point): void {
    if (!this.#press) return;
    this.#is(undefined);
    if (hit.kind === 'wire') {
      this.#editor.selection.clear();
      this.#editor.selection.wires.add(hit.key);
      this.#canvas.watched = { key: hit.key, at: this.#canvas.toDocument(at) };
      return;
    }
    this.#clicks.chooseForMenu(hit);
    this.#menu = { hit, at };
  }

  #pinch(event: PointerEvent): void {
    this.#stop();
    this.#canvas.cancel();
    this.#takes(event);
    this.#is(new Pinch(this.#canvas, this.#pointers));
  }

  #stop(): void {
    this.#longPress.end();
    this.#edge.leave();
  }
}
