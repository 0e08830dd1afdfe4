// What is chosen is moved. The document changes when it is let go.

import { withMembers } from '../../doc/operations/members';
import type { Editor } from '../../state/editor.svelte';
import { canvasOf, type Canvas } from '../canvas.svelte';
import { GRID, hasWires, moveChosen, wireUnder } from '../commands';
import { middle, type Box, type Point } from '../geometry';
import type { Placed } from '../scene.svelte';
import type { Gesture } from './gesture';

export class Drag implements Gesture {
  readonly held = 'drag';
  readonly goesOn = true;
  #editor: Editor;
  #canvas: Canvas;
  #ids: readonly string[];
  /** What lies on the grid when it is let go: the one that was taken hold of. */
  #anchor: Box;
  /** One node without wires: it can be let go on a wire. */
  #alone: Placed | undefined;
  #start: Point;

  private constructor(editor: Editor, anchor: Box, id: string, start: Point) {
    this.#editor = editor;
    this.#canvas = canvasOf(editor);
    this.#anchor = anchor;
    this.#start = start;
    this.#ids = [...editor.selection.items];
    const placed = this.#canvas.scene.byId.get(id);
    if (this.#ids.length === 1 && placed?.shape === 'node' && !hasWires(editor, id)) this.#alone = placed;
    const moving = withMembers(editor.draft.doc, this.#ids);
    this.#ids.forEach((one) => moving.add(one));
    this.#canvas.draggedBy = { x: 0, y: 0 };
    this.#canvas.dragged = moving;
  }

  static of(editor: Editor, id: string, start: Point): Drag | undefined {
    const { scene } = canvasOf(editor);
    const box = scene.byId.get(id)?.box ?? scene.groups.find((group) => group.id === id)?.box;
    return box && new Drag(editor, box, id, start);
  }

  follow(at: Point, _by: Point, isFree: boolean): void {
    const canvas = this.#canvas;
    const [from, to] = [canvas.toDocument(this.#start), canvas.toDocument(at)];
    let [dx, dy] = [to.x - from.x, to.y - from.y];
    if (this.#editor.view.kept.snap && !isFree) {
      const [left, centre] = [this.#anchor.x, this.#anchor.y + this.#anchor.h / 2];
      dx = Math.round((left + dx) / GRID) * GRID - left;
      dy = Math.round((centre + dy) / GRID) * GRID - centre;
    }
    if (dx !== canvas.draggedBy.x || dy !== canvas.draggedBy.y) canvas.draggedBy = { x: Math.round(dx), y: Math.round(dy) };
    if (this.#alone) canvas.target = this.#wireBelow(this.#alone);
  }

  /** Where it began moves along, as all that is on the canvas does. */
  carried(by: Point): void {
    this.#start = { x: this.#start.x + by.x, y: this.#start.y + by.y };
  }

  letGo(): void {
    const canvas = this.#canvas;
    const { x, y } = canvas.draggedBy;
    const wire = canvas.target ? canvas.scene.wireByKey.get(canvas.target) : undefined;
    canvas.dragged = new Set();
    canvas.target = '';
    if (x !== 0 || y !== 0) moveChosen(this.#editor, this.#ids, x, y, wire ? { wire } : {});
  }

  #wireBelow(placed: Placed): string {
    const at = middle(placed.box);
    const { x, y } = this.#canvas.draggedBy;
    return wireUnder(this.#editor, { x: at.x + x, y: at.y + y }, placed)?.key ?? '';
  }
}
