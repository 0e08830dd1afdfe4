// The canvas as its parts share it: what part of the flow is seen, and what a gesture is about at this moment. Nothing of it is in the document.

import type { Editor } from '../state/editor.svelte';
import type { Wire } from '../doc/item';
import { UNIT } from '../doc/size';
import { around, grown, middle, px, type Box, type Point } from './geometry';
import type { Entry } from './catalogue';
import { Scene, type Placed, type PlacedWire } from './scene.svelte';

export interface Look {
  readonly x: number;
  readonly y: number;
  /** Pixels of the page for a unit of the document: `UNIT` at 100 %. */
  readonly zoom: number;
}

/** One port of a node: a wire begins or ends there. */
export interface Port {
  readonly id: string;
  readonly side: 'in' | 'out';
  readonly n: number;
}

/** A wire that is being drawn. */
export interface Pending {
  readonly from: Port;
  readonly to: Point;
  /** What it would be connected with, were it let go now. */
  readonly over: Port | undefined;
  /** It was begun by a tap or by a key: it stays until something is chosen. */
  readonly sticky: boolean;
  readonly byKeys: boolean;
  /** Wires that are taken along from another port, rather than a new one. */
  readonly taken?: readonly Wire[];
}

export interface Asked {
  readonly at: Point;
  readonly from?: Port;
  readonly wire?: PlacedWire;
}

export const LEAST_ZOOM = 0.1 * UNIT;
export const MOST_ZOOM = 2.5 * UNIT;
export type Held = '' | 'pan' | 'drag' | 'lasso' | 'connect';

/** Below it nodes are plain boxes: nothing on them could be read. */
const PLAIN_BELOW = 0.35 * UNIT;
const CULL_STEP = 320;
const NONE: ReadonlySet<string> = new Set();

export class Canvas {
  readonly editor: Editor;
  readonly scene: Scene;
  element: HTMLElement | undefined;
  #look = $state.raw<Look>({ x: 0, y: 0, zoom: UNIT });
  /** Set when it changes, and not derived: with each pixel that is panned every node and wire would be asked whether it has to be drawn anew. */
  isPlain = $state(false);
  width = $state(900);
  height = $state(600);

  /** What is dragged, and how far: in the document only when it is let go. */
  dragged = $state.raw<ReadonlySet<string>>(NONE);
  draggedBy = $state.raw<Point>({ x: 0, y: 0 });
  pending = $state.raw<Pending | undefined>();
  lasso = $state.raw<Box | undefined>();
  /** A wire that a node would be put into, were it let go now. */
  target = $state('');
  /** The wire whose card is shown, and where in the document. */
  watched = $state.raw<{ readonly key: string; readonly at: Point } | undefined>();
  asked = $state.raw<Asked | undefined>();
  /** In pixels of the page; `on` is what it was opened on. */
  menu = $state.raw<{ readonly at: Point; readonly on: 'empty' | 'node' | 'wire' | 'group' } | undefined>();
  /** What is on its way from the palette, in pixels of the page. */
  carried = $state.raw<{ readonly entry: Entry; readonly at: Point } | undefined>();
  /** A text that is pasted by hand, where the page may not read the clipboard. */
  pastes = $state(false);
  /** The flow whose name is written anew, in its tab. */
  naming = $state('');
  /** Where the pointer was last, in the document: what is pasted comes there. */
  pointer: Point | undefined;
  focused = $state('');
  /** Escape has left the nodes: the next Tab leaves the flow. */
  leaving = false;
  /** For those who do not see it: what has just happened. */
  said = $state('');
  /** What a hand does with the canvas at this moment. */
  held = $state<Held>('');
  #looks = new Map<string, Look>();
  #gliding = 0;

  constructor(editor: Editor) {
    this.editor = editor;
    this.scene = new Scene(editor, () => this.seenBox, () => this.dragged);
  }

  get look(): Look {
    return this.#look;
  }

  set look(look: Look) {
    this.#look = look;
    this.editor.live.moves();
    if (look.zoom < PLAIN_BELOW !== this.isPlain) this.isPlain = !this.isPlain;
  }

  /** Read-only is who may not deploy: looking and choosing is all there is. */
  get canEdit(): boolean {
    return this.editor.session.may('deploy');
  }

  // In steps, so that what is drawn changes now and then and not with each pixel.
  readonly #steps = $derived.by(() => {
    const { x, y, zoom } = this.look;
    const step = CULL_STEP / zoom;
    const left = Math.floor(-x / zoom / step - 0.5);
    const top = Math.floor(-y / zoom / step - 0.5);
    return `${left} ${top} ${Math.ceil(this.width / CULL_STEP) + 2} ${Math.ceil(this.height / CULL_STEP) + 2} ${step}`;
  });

  /** The part of the document of which everything is drawn: what is seen and a bit around it. */
  readonly seenBox: Box = $derived.by(() => {
    const [left = 0, top = 0, across = 0, down = 0, step = 1] = this.#steps.split(' ').map(Number);
    return { x: left * step, y: top * step, w: across * step, h: down * step };
  });

  /** A point of the page, as one of the frame of the canvas. */
  inFrame(client: Point): Point {
    const frame = this.element?.getBoundingClientRect();
    return { x: client.x - (frame?.left ?? 0), y: client.y - (frame?.top ?? 0) };
  }

  toDocument(client: Point): Point {
    return this.fromFrame(this.inFrame(client));
  }

  fromFrame(at: Point): Point {
    return { x: (at.x - this.look.x) / this.look.zoom, y: (at.y - this.look.y) / this.look.zoom };
  }

  toFrame(at: Point): Point {
    return { x: at.x * this.look.zoom + this.look.x, y: at.y * this.look.zoom + this.look.y };
  }

  get centre(): Point {
    return this.fromFrame({ x: this.width / 2, y: this.height / 2 });
  }

  pan(dx: number, dy: number): void {
    this.#stopGliding();
    this.look = { ...this.look, x: this.look.x + dx, y: this.look.y + dy };
  }

  /** Zooms so that what is at this point of the frame stays there. */
  zoomTo(zoom: number, at: Point = { x: this.width / 2, y: this.height / 2 }): void {
    this.#stopGliding();
    const next = Math.max(LEAST_ZOOM, Math.min(MOST_ZOOM, zoom));
    const fixed = this.fromFrame(at);
    this.look = { zoom: next, x: at.x - fixed.x * next, y: at.y - fixed.y * next };
  }

  fit(box: Box | undefined = this.scene.bounds, most = UNIT): void {
    if (!box) return;
    const wide = grown(box, 40);
    const zoom = Math.max(LEAST_ZOOM, Math.min(most, this.width / wide.w, this.height / wide.h));
    const at = middle(wide);
    this.#glideTo({ zoom, x: this.width / 2 - at.x * zoom, y: this.height / 2 - at.y * zoom });
  }

  /** Brings a box into view, and moves nothing when it is there already. */
  reveal(box: Box, centred = false): void {
    const [from, to] = [this.toFrame(box), this.toFrame({ x: box.x + box.w, y: box.y + box.h })];
    const edge = 24;
    const isSeen = from.x >= edge && from.y >= edge && to.x <= this.width - edge && to.y <= this.height - edge;
    if (isSeen) return;
    const zoom = centred ? Math.max(this.look.zoom, 0.6 * UNIT) : this.look.zoom;
    const at = middle(box);
    this.#glideTo({ zoom, x: this.width / 2 - at.x * zoom, y: this.height / 2 - at.y * zoom });
  }

  /** Where each flow was looked at last is kept, as long as the page. */
  leave(flow: string): void {
    if (flow) this.#looks.set(flow, this.look);
  }

  /** Begins to look at a flow: where one was last, else so that its beginning can be read. */
  enter(flow: string): void {
    this.#stopGliding();
    const before = this.#looks.get(flow);
    const box = this.scene.bounds;
    if (before) this.look = before;
    else if (!box) this.look = { x: 0, y: 0, zoom: UNIT };
    else {
      const fits = Math.min(this.width / (box.w + 80), this.height / (box.h + 80));
      const isWhole = fits >= 0.7 * UNIT;
      const zoom = isWhole ? Math.min(UNIT, fits) : UNIT;
      // What fits stands in the middle; of what does not, the beginning is seen.
      const x = isWhole ? (this.width - box.w * zoom) / 2 - box.x * zoom : 40 - box.x * zoom;
      const y = isWhole ? (this.height - box.h * zoom) / 2 - box.y * zoom : 40 - box.y * zoom;
      this.look = { x, y, zoom };
    }
  }

  /** How far something is dragged at this moment. */
  shiftOf(id: string): Point | undefined {
    return this.dragged.has(id) ? this.draggedBy : undefined;
  }

  /** The boxes of what is chosen. */
  get chosen(): Placed[] {
    return [...this.editor.selection.items].map((id) => this.scene.byId.get(id)).filter((placed) => placed !== undefined);
  }

  get chosenBounds(): Box | undefined {
    const { selection } = this.editor;
    return around([...this.chosen, ...this.scene.groups.filter((group) => selection.items.has(group.id))].map((one) => one.box));
  }

  say(text: string): void {
    this.said = text;
  }

  /** What a hand was about to do does not happen: all is drawn where the document has it. */
  letGo(): void {
    this.dragged = NONE;
    this.lasso = undefined;
    this.pending = undefined;
    this.target = '';
  }

  /** Everything that is about to happen does not. Tells whether there was something. */
  cancel(): boolean {
    const was = this.pending !== undefined || this.lasso !== undefined || this.asked !== undefined || this.menu !== undefined || this.watched !== undefined || this.dragged.size > 0;
    this.letGo();
    this.asked = undefined;
    this.menu = undefined;
    this.watched = undefined;
    return was;
  }

  #glideTo(to: Look): void {
    this.#stopGliding();
    if (matchMedia('(prefers-reduced-motion: reduce)').matches || document.hidden) {
      this.look = to;
      return;
    }
    const from = this.look;
    const begun = performance.now();
    const step = (now: number): void => {
      const t = Math.min(1, (now - begun) / 180);
      const part = 1 - (1 - t) ** 3;
      const between = (a: number, b: number): number => a + (b - a) * part;
      this.look = t === 1 ? to : { x: between(from.x, to.x), y: between(from.y, to.y), zoom: between(from.zoom, to.zoom) };
      this.#gliding = t === 1 ? 0 : requestAnimationFrame(step);
    };
    this.#gliding = requestAnimationFrame(step);
  }

  #stopGliding(): void {
    if (this.#gliding) cancelAnimationFrame(this.#gliding);
    this.#gliding = 0;
  }
}

/**
 * For what is dragged, and for nothing else: the browser goes over everything that has a transform of its own with each frame, whatever moves.
 * Things stand where they are by `left` and `top`.
 */
export const shiftedBy = (shift: Point | undefined): string | undefined => shift && `translate(${px(shift.x)}px, ${px(shift.y)}px)`;

const canvases = new WeakMap<Editor, Canvas>();

/** The canvas of an editor: there is one, whether it is shown or not. */
export function canvasOf(editor: Editor): Canvas {
  let canvas = canvases.get(editor);
  if (!canvas) canvases.set(editor, (canvas = new Canvas(editor)));
  return canvas;
}
