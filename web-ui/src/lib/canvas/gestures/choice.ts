// A box is drawn around what is to be chosen.

import type { Editor } from '../../state/editor.svelte';
import { canvasOf, type Canvas } from '../canvas.svelte';
import { boxOf, encloses, overlap, type Box, type Point } from '../geometry';
import type { Gesture } from './gesture';

export class Choice implements Gesture {
  readonly held = 'lasso';
  readonly goesOn = true;
  #editor: Editor;
  #canvas: Canvas;
  #from: Point;
  #kept: ReadonlySet<string>;

  /** `adds`: what was chosen before stays so. */
  constructor(editor: Editor, start: Point, adds: boolean) {
    this.#editor = editor;
    this.#canvas = canvasOf(editor);
    this.#from = this.#canvas.toDocument(start);
    this.#kept = new Set(adds ? editor.selection.items : []);
  }

  follow(at: Point): void {
    const box = boxOf(this.#from, this.#canvas.toDocument(at));
    this.#canvas.lasso = box;
    this.#choose(box);
  }

  letGo(): void {
    this.#canvas.lasso = undefined;
  }

  #choose(box: Box): void {
    const { scene } = this.#canvas;
    const inside = new Set([
      ...this.#kept,
      ...scene.nodes.filter((node) => overlap(node.box, box)).map((node) => node.id),
      ...scene.groups.filter((group) => encloses(box, group.box)).map((group) => group.id),
    ]);
    const { selection } = this.#editor;
    if (inside.size === selection.items.size && [...inside].every((id) => selection.items.has(id))) return;
    selection.only(...inside);
  }
}
