// What pointers do on the canvas: mouse, pen and fingers. One gesture at a time; the document changes when it is let go.

import { withMembers } from '../doc/operations/members';
import type { Editor } from '../state/editor.svelte';
import { canvasOf, type Canvas, type Port } from './canvas.svelte';
import { connectPorts, groupAt, GRID, hasWires, inspect, moveChosen, reroute, rewire, wireUnder } from './commands';
import { boxOf, encloses, grown, holds, middle, overlap, type Box, type Point } from './geometry';
import type { PlacedWire } from './scene.svelte';

export type Hit =
  | { readonly kind: 'empty' }
  | { readonly kind: 'node' | 'group'; readonly id: string }
  | { readonly kind: 'wire'; readonly key: string }
  | { readonly kind: 'port'; readonly port: Port };

type Mode =
  | { readonly is: 'idle' }
  | { readonly is: 'pressed'; readonly hit: Hit; readonly wasChosen: boolean }
  | { readonly is: 'pan' }
  | { readonly is: 'drag'; readonly anchor: Box; readonly ids: readonly string[]; readonly alone: string | undefined }
  | { readonly is: 'lasso'; readonly from: Point; readonly kept: ReadonlySet<string> }
  | { readonly is: 'connect' }
  | { readonly is: 'pinch'; readonly apart: number; readonly zoom: number }
  | { readonly is: 'held'; readonly hit: Hit; readonly at: Point }
  | { readonly is: 'done' };

const LONG_PRESS = 500;
const DOUBLE = 350;
/** Pixels that a hand trembles. */
const STILL = { mouse: 4, touch: 9 };
const EDGE = 28;

const nameOf = (hit: Hit): string => (hit.kind === 'wire' ? hit.key : hit.kind === 'port' ? `${hit.port.id} ${hit.port.side} ${hit.port.n}` : hit.kind === 'empty' ? '' : hit.id);

export function hitOf(target: EventTarget | null): Hit {
  const element = target instanceof Element ? target : null;
  const port = element?.closest<HTMLElement>('[data-port]');
  const node = element?.closest<HTMLElement>('[data-node]')?.dataset.node;
  if (port && node) {
    const [side, n] = (port.dataset.port ?? '').split(' ');
    return { kind: 'port', port: { id: node, side: side === 'in' ? 'in' : 'out', n: Number(n) } };
  }
  if (node) return { kind: 'node', id: node };
  const wire = element?.closest<SVGElement>('[data-wire]')?.dataset.wire;
  if (wire) return { kind: 'wire', key: wire };
  const group = element?.closest<HTMLElement>('[data-group]')?.dataset.group;
  return group ? { kind: 'group', id: group } : { kind: 'empty' };
}

export class Gestures {
  #editor: Editor;
  #canvas: Canvas;
  #mode: Mode = { is: 'idle' };
  #pointers = new Map<number, Point>();
  #start: Point = { x: 0, y: 0 };
  #last: Point = { x: 0, y: 0 };
  #longPress: ReturnType<typeof setTimeout> | undefined;
  #clicked = { name: '', at: 0, x: 0, y: 0 };
  #edging = 0;
  /** While the space bar is held, the mouse takes the canvas along. */
  spaceHeld = false;

  constructor(editor: Editor) {
    this.#editor = editor;
    this.#canvas = canvasOf(editor);
  }

  down(event: PointerEvent): void {
    if (event.target instanceof Element && event.target.closest('[data-own]')) return;
    const at = { x: event.clientX, y: event.clientY };
    this.#pointers.set(event.pointerId, at);
    this.#canvas.menu = undefined;
    this.#canvas.watched = undefined;
    if (this.#pointers.size === 2) return this.#pinch(event);
    if (this.#pointers.size > 2) return;
    this.#start = at;
    this.#last = at;
    this.#canvas.asked = undefined;
    const hit = hitOf(event.target);
    const isTouch = event.pointerType !== 'mouse';
    if (this.#canvas.pending?.sticky) {
      this.#aim(at);
      this.#finishWire();
      this.#mode = { is: 'done' };
      return;
    }
    this.#canvas.pending = undefined;
    if (event.button === 1 || (event.button === 0 && this.spaceHeld)) return this.#beginPan(event);
    if (event.button === 2) {
      this.#chooseForMenu(hit);
      this.#mode = { is: 'done' };
      return;
    }
    const wasChosen = this.#press(hit, event);
    this.#mode = { is: 'pressed', hit, wasChosen };
    if (isTouch) this.#longPress = setTimeout(() => this.#pressedLong(hit, at), LONG_PRESS);
  }

  move(event: PointerEvent): void {
    const at = { x: event.clientX, y: event.clientY };
    this.#canvas.pointer = this.#canvas.toDocument(at);
    if (this.#canvas.pending?.sticky && !this.#canvas.pending.byKeys && !this.#canvas.asked) this.#aim(at);
    if (!this.#pointers.has(event.pointerId)) return;
    this.#pointers.set(event.pointerId, at);
    if (this.#mode.is === 'pinch') return this.#pinched();
    if (this.#mode.is === 'pressed') {
      const still = event.pointerType === 'mouse' ? STILL.mouse : STILL.touch;
      if (Math.hypot(at.x - this.#start.x, at.y - this.#start.y) < still) return;
      this.#begin(this.#mode.hit, event);
    }
    if (this.#mode.is === 'pan') this.#canvas.pan(at.x - this.#last.x, at.y - this.#last.y);
    this.#last = at;
    this.#editor.live.moves();
    this.#follow(event.altKey);
    this.#watchEdge(event.altKey);
  }

  up(event: PointerEvent): void {
    const at = { x: event.clientX, y: event.clientY };
    if (!this.#pointers.delete(event.pointerId)) return;
    this.#stop();
    const mode = this.#mode;
    if (mode.is === 'pinch') {
      // The other finger goes on as a hand that takes the canvas along.
      const rest = [...this.#pointers.values()][0];
      if (rest) this.#last = rest;
      this.#mode = rest ? { is: 'pan' } : { is: 'idle' };
      return;
    }
    this.#mode = { is: 'idle' };
    this.#canvas.held = '';
    if (mode.is === 'pressed') this.#click(mode.hit, mode.wasChosen, event);
    if (mode.is === 'held') this.openMenu(mode.hit, mode.at);
    if (mode.is === 'drag') this.#drop(mode.ids);
    if (mode.is === 'lasso') this.#canvas.lasso = undefined;
    if (mode.is === 'connect') {
      this.#aim(at);
      this.#finishWire();
    }
  }

  /** Whatever is going on does not happen. */
  cancel(): void {
    this.#stop();
    this.#pointers.clear();
    this.#mode = { is: 'idle' };
    this.#canvas.held = '';
  }

  wheel(event: WheelEvent): void {
    if (event.target instanceof Element && event.target.closest('[data-own]')) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? this.#canvas.height : 1;
    if (event.ctrlKey || event.metaKey) {
      const frame = this.#canvas.element?.getBoundingClientRect();
      const by = Math.max(-60, Math.min(60, event.deltaY * unit));
      this.#canvas.zoomTo(this.#canvas.look.zoom * Math.exp(-by * 0.006), { x: event.clientX - (frame?.left ?? 0), y: event.clientY - (frame?.top ?? 0) });
    } else if (event.shiftKey && event.deltaX === 0) this.#canvas.pan(-event.deltaY * unit, 0);
    else this.#canvas.pan(-event.deltaX * unit, -event.deltaY * unit);
  }

  /** What the button goes down on is chosen at once, unless it may be one of several that are about to be moved. Tells whether it was. */
  #press(hit: Hit, event: PointerEvent): boolean {
    const { selection } = this.#editor;
    if (hit.kind !== 'node' && hit.kind !== 'group') return false;
    const was = selection.items.has(hit.id);
    if (!was) {
      if (!event.shiftKey && !event.ctrlKey && !event.metaKey) selection.clear();
      selection.wires.clear();
      selection.items.add(hit.id);
    }
    this.#canvas.focused = hit.id;
    return was;
  }

  #begin(hit: Hit, event: PointerEvent): void {
    clearTimeout(this.#longPress);
    const canvas = this.#canvas;
    // From here on it is ours, also outside of the canvas.
    canvas.element?.setPointerCapture(event.pointerId);
    const isTouch = event.pointerType !== 'mouse';
    if (!canvas.canEdit && hit.kind !== 'empty') this.#mode = { is: 'pan' };
    else if (hit.kind === 'port') this.#draw(hit.port, event);
    else if (hit.kind === 'node' || hit.kind === 'group') this.#lift(hit.id);
    else if (isTouch || hit.kind === 'wire') this.#mode = { is: 'pan' };
    else this.#mode = { is: 'lasso', from: canvas.toDocument(this.#start), kept: new Set(event.shiftKey ? this.#editor.selection.items : []) };
    canvas.held = this.#mode.is === 'pan' || this.#mode.is === 'drag' || this.#mode.is === 'lasso' || this.#mode.is === 'connect' ? this.#mode.is : '';
    canvas.watched = undefined;
  }

  #beginPan(event: PointerEvent): void {
    event.preventDefault();
    this.#canvas.element?.setPointerCapture(event.pointerId);
    this.#mode = { is: 'pan' };
    this.#canvas.held = 'pan';
  }

  /** A new wire; with Shift those that are at the port come along. */
  #draw(port: Port, event: PointerEvent): void {
    const { doc } = this.#editor.draft;
    const taken = event.shiftKey ? (port.side === 'in' ? doc.incoming(port.id) : doc.outgoing(port.id).filter((wire) => wire.port === port.n)) : [];
    this.#mode = { is: 'connect' };
    this.#canvas.pending = { from: port, to: this.#canvas.toDocument(this.#start), over: undefined, sticky: false, byKeys: false, ...(taken.length > 0 ? { taken } : {}) };
  }

  #lift(id: string): void {
    const { scene } = this.#canvas;
    const { selection, draft } = this.#editor;
    const ids = [...selection.items];
    const box = scene.byId.get(id)?.box ?? scene.groups.find((group) => group.id === id)?.box;
    if (!box) return;
    const single = ids.length === 1 && scene.byId.get(id)?.shape === 'node' && !hasWires(this.#editor, id) ? id : undefined;
    this.#mode = { is: 'drag', anchor: box, ids, alone: single };
    const moving = withMembers(draft.doc, ids);
    ids.forEach((one) => moving.add(one));
    this.#canvas.draggedBy = { x: 0, y: 0 };
    this.#canvas.dragged = moving;
  }

  #follow(free: boolean): void {
    const canvas = this.#canvas;
    const mode = this.#mode;
    if (mode.is === 'drag') {
      const [from, to] = [canvas.toDocument(this.#start), canvas.toDocument(this.#last)];
      let [dx, dy] = [to.x - from.x, to.y - from.y];
      if (this.#editor.view.kept.snap && !free) {
        const [left, centre] = [mode.anchor.x, mode.anchor.y + mode.anchor.h / 2];
        dx = Math.round((left + dx) / GRID) * GRID - left;
        dy = Math.round((centre + dy) / GRID) * GRID - centre;
      }
      if (dx !== canvas.draggedBy.x || dy !== canvas.draggedBy.y) canvas.draggedBy = { x: Math.round(dx), y: Math.round(dy) };
      if (mode.alone) canvas.target = this.#wireBelow(mode.alone)?.key ?? '';
    }
    if (mode.is === 'lasso') {
      canvas.lasso = boxOf(mode.from, canvas.toDocument(this.#last));
      this.#choose(canvas.lasso, mode.kept);
    }
    if (mode.is === 'connect') this.#aim(this.#last);
  }

  #wireBelow(id: string): PlacedWire | undefined {
    const placed = this.#canvas.scene.byId.get(id);
    if (!placed) return undefined;
    const at = middle(placed.box);
    return wireUnder(this.#editor, { x: at.x + this.#canvas.draggedBy.x, y: at.y + this.#canvas.draggedBy.y }, placed);
  }

  #drop(ids: readonly string[]): void {
    const canvas = this.#canvas;
    const { x, y } = canvas.draggedBy;
    const wire = canvas.target ? canvas.scene.wireByKey.get(canvas.target) : undefined;
    canvas.dragged = new Set();
    canvas.target = '';
    if (x !== 0 || y !== 0) moveChosen(this.#editor, ids, x, y, wire ? { wire } : {});
  }

  #choose(box: Box, kept: ReadonlySet<string>): void {
    const { scene } = this.#canvas;
    const inside = new Set([
      ...kept,
      ...scene.nodes.filter((node) => overlap(node.box, box)).map((node) => node.id),
      ...scene.groups.filter((group) => encloses(box, group.box)).map((group) => group.id),
    ]);
    const { selection } = this.#editor;
    if (inside.size === selection.items.size && [...inside].every((id) => selection.items.has(id))) return;
    selection.only(...inside);
  }

  /** Where the wire that is being drawn leads now: to a port near by, or to the nearest of the node that it is held over. */
  #aim(client: Point): void {
    const canvas = this.#canvas;
    const pending = canvas.pending;
    if (!pending) return;
    const to = canvas.toDocument(client);
    // A wire that is taken by its end looks for a port of the side that it was taken from.
    const side = (pending.from.side === 'out') === (pending.taken === undefined) ? 'in' : 'out';
    const reach = 14 / Math.min(1, canvas.look.zoom);
    const node = canvas.scene.seenNodes.findLast((one) => one.id !== pending.from.id && (side === 'in' ? one.inputs : one.outputs) > 0 && holds(grown(one.box, reach), to));
    let over: Port | undefined;
    if (node) {
      const count = side === 'in' ? node.inputs : node.outputs;
      const near = Array.from({ length: count }, (_, n) => Math.abs(canvas.scene.portOf(node, side, n).y - to.y));
      over = { id: node.id, side, n: near.indexOf(Math.min(...near)) };
    }
    canvas.pending = { ...pending, to, over };
  }

  #finishWire(): void {
    const canvas = this.#canvas;
    const pending = canvas.pending;
    if (!pending) return;
    if (pending.over) {
      const { from, over, taken } = pending;
      canvas.pending = undefined;
      if (!taken) connectPorts(this.#editor, from, over);
      else rewire(this.#editor, taken, over);
      return;
    }
    // Nothing there: it is asked what should be there.
    if (pending.taken) canvas.pending = undefined;
    else {
      canvas.pending = { ...pending, sticky: true };
      canvas.asked = { at: pending.to, from: pending.from };
    }
  }

  #click(hit: Hit, wasChosen: boolean, event: PointerEvent): void {
    const { selection } = this.#editor;
    const canvas = this.#canvas;
    const adds = event.shiftKey || event.ctrlKey || event.metaKey;
    const name = `${hit.kind} ${nameOf(hit)}`;
    const before = this.#clicked;
    const isDouble = before.name === name && event.timeStamp - before.at < DOUBLE && Math.hypot(event.clientX - before.x, event.clientY - before.y) < 12;
    this.#clicked = { name: isDouble ? '' : name, at: event.timeStamp, x: event.clientX, y: event.clientY };
    const at = canvas.toDocument({ x: event.clientX, y: event.clientY });
    if (isDouble) return this.#doubleClick(hit, at);
    if (hit.kind === 'node' || hit.kind === 'group') {
      if (adds && wasChosen) selection.items.delete(hit.id);
      else if (!adds) selection.only(hit.id);
    } else if (hit.kind === 'wire') {
      if (!adds) selection.clear();
      if (!selection.wires.delete(hit.key)) selection.wires.add(hit.key);
    } else if (hit.kind === 'port' && canvas.canEdit) {
      canvas.pending = { from: hit.port, to: at, over: undefined, sticky: true, byKeys: false };
    } else if (hit.kind === 'empty') {
      if ((event.ctrlKey || event.metaKey) && canvas.canEdit) canvas.asked = { at };
      else if (!event.shiftKey) {
        const group = groupAt(this.#editor, at);
        if (group) selection.only(group);
        else selection.clear();
      }
    }
  }

  #doubleClick(hit: Hit, at: Point): void {
    const canvas = this.#canvas;
    if (hit.kind === 'node' || hit.kind === 'group') inspect(this.#editor, hit.id);
    else if (!canvas.canEdit) return;
    else if (hit.kind === 'empty') canvas.asked = { at };
    else if (hit.kind === 'wire') {
      const wire = canvas.scene.wireByKey.get(hit.key);
      if (wire) reroute(this.#editor, wire, at);
    }
  }

  #pressedLong(hit: Hit, at: Point): void {
    if (this.#mode.is !== 'pressed') return;
    this.#mode = { is: 'done' };
    if (hit.kind === 'wire') {
      this.#editor.selection.clear();
      this.#editor.selection.wires.add(hit.key);
      this.#canvas.watched = { key: hit.key, at: this.#canvas.toDocument(at) };
      return;
    }
    this.#chooseForMenu(hit);
    // A menu that opened now would be closed by the finger that is lifted: it comes then.
    this.#mode = { is: 'held', hit, at };
  }

  #chooseForMenu(hit: Hit): void {
    const { selection } = this.#editor;
    if (hit.kind === 'node' || hit.kind === 'group') {
      if (!selection.items.has(hit.id)) selection.only(hit.id);
      this.#canvas.focused = hit.id;
    } else if (hit.kind === 'wire' && !selection.wires.has(hit.key)) {
      selection.clear();
      selection.wires.add(hit.key);
    } else if (hit.kind === 'empty') selection.clear();
  }

  openMenu(hit: Hit, at: Point): void {
    this.#canvas.pointer = this.#canvas.toDocument(at);
    this.#canvas.menu = { at, on: hit.kind === 'port' ? 'node' : hit.kind };
  }

  #pinch(event: PointerEvent): void {
    this.#stop();
    this.#canvas.cancel();
    this.#canvas.element?.setPointerCapture(event.pointerId);
    const [a, b] = [...this.#pointers.values()];
    this.#mode = { is: 'pinch', apart: Math.max(20, Math.hypot(a!.x - b!.x, a!.y - b!.y)), zoom: this.#canvas.look.zoom };
    this.#last = { x: (a!.x + b!.x) / 2, y: (a!.y + b!.y) / 2 };
  }

  #pinched(): void {
    const [a, b] = [...this.#pointers.values()];
    if (this.#mode.is !== 'pinch' || !a || !b) return;
    const centre = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    const frame = this.#canvas.element?.getBoundingClientRect();
    this.#canvas.pan(centre.x - this.#last.x, centre.y - this.#last.y);
    this.#canvas.zoomTo((this.#mode.zoom * Math.hypot(a.x - b.x, a.y - b.y)) / this.#mode.apart, { x: centre.x - (frame?.left ?? 0), y: centre.y - (frame?.top ?? 0) });
    this.#last = centre;
  }

  /** Held at the edge, what is dragged goes on to where nothing is seen yet. */
  #watchEdge(free: boolean): void {
    const frame = this.#canvas.element?.getBoundingClientRect();
    const isDragging = ['drag', 'lasso', 'connect'].includes(this.#mode.is);
    const speed = (at: number, least: number, most: number): number => (at < least + EDGE ? Math.min(1, (least + EDGE - at) / EDGE) * 9 : at > most - EDGE ? -Math.min(1, (at - most + EDGE) / EDGE) * 9 : 0);
    const [dx, dy] = frame && isDragging ? [speed(this.#last.x, frame.left, frame.right), speed(this.#last.y, frame.top, frame.bottom)] : [0, 0];
    cancelAnimationFrame(this.#edging);
    this.#edging = 0;
    if (dx === 0 && dy === 0) return;
    this.#edging = requestAnimationFrame(() => {
      this.#canvas.pan(dx, dy);
      // Where it began moves along, as all that is on the canvas does.
      if (this.#mode.is === 'drag') this.#start = { x: this.#start.x + dx, y: this.#start.y + dy };
      this.#follow(free);
      this.#watchEdge(free);
    });
  }

  #stop(): void {
    clearTimeout(this.#longPress);
    cancelAnimationFrame(this.#edging);
    this.#edging = 0;
  }
}
