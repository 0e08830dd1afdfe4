// A wire is drawn from a port to a port; where none is, it is asked what should be there.

import { UNIT } from '../../doc/size';
import type { Editor } from '../../state/editor.svelte';
import { canvasOf, type Canvas, type Port } from '../canvas.svelte';
import { connectPorts, rewire } from '../commands';
import { grown, holds, type Point } from '../geometry';
import type { Gesture } from './gesture';

export class Wiring implements Gesture {
  readonly held = 'connect';
  readonly goesOn = true;
  #editor: Editor;
  #canvas: Canvas;

  /** `takes`: those that are at the port come along. */
  constructor(editor: Editor, from: Port, start: Point, takes: boolean) {
    this.#editor = editor;
    this.#canvas = canvasOf(editor);
    const { doc } = editor.draft;
    const taken = !takes ? [] : from.side === 'in' ? doc.incoming(from.id) : doc.outgoing(from.id).filter((wire) => wire.port === from.n);
    this.#canvas.pending = { from, to: this.#canvas.toDocument(start), over: undefined, sticky: false, byKeys: false, ...(taken.length > 0 ? { taken } : {}) };
  }

  follow(at: Point): void {
    aim(this.#canvas, at);
  }

  letGo(at: Point): void {
    aim(this.#canvas, at);
    finishWire(this.#editor);
  }
}

/** Where the wire that is being drawn leads now: to a port near by, or to the nearest of the node that it is held over. */
export function aim(canvas: Canvas, client: Point): void {
  const pending = canvas.pending;
  if (!pending) return;
  const to = canvas.toDocument(client);
  // A wire that is taken by its end looks for a port of the side that it was taken from.
  const side = (pending.from.side === 'out') === (pending.taken === undefined) ? 'in' : 'out';
  const reach = 14 / Math.min(UNIT, canvas.look.zoom);
  const node = canvas.scene.seenNodes.findLast((one) => one.id !== pending.from.id && (side === 'in' ? one.inputs : one.outputs) > 0 && holds(grown(one.box, reach), to));
  const over: Port | undefined = node && { id: node.id, side, n: canvas.scene.nearestPort(node.id, side, to) };
  canvas.pending = { ...pending, to, over };
}

export function finishWire(editor: Editor): void {
  const canvas = canvasOf(editor);
  const pending = canvas.pending;
  if (!pending) return;
  if (pending.over) {
    const { from, over, taken } = pending;
    canvas.pending = undefined;
    if (!taken) connectPorts(editor, from, over);
    else rewire(editor, taken, over);
    return;
  }
  // Nothing there: it is asked what should be there.
  if (pending.taken) canvas.pending = undefined;
  else {
    canvas.pending = { ...pending, sticky: true };
    canvas.asked = { at: pending.to, from: pending.from };
  }
}
