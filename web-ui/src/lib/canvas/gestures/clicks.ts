// What is pressed and let go without being moved.

import type { Editor } from '../../state/editor.svelte';
import { canvasOf, type Canvas } from '../canvas.svelte';
import { groupAt, inspect, reroute } from '../commands';
import type { Point } from '../geometry';
import { nameOf, type Hit } from './hit';

const DOUBLE = 350;
const NEAR = 12;

export class Clicks {
  #editor: Editor;
  #canvas: Canvas;
  #last = { name: '', at: 0, x: 0, y: 0 };

  constructor(editor: Editor) {
    this.#editor = editor;
    this.#canvas = canvasOf(editor);
  }

  /** What the button goes down on is chosen at once, unless it may be one of several that are about to be moved. Tells whether it was. */
  press(hit: Hit, event: PointerEvent): boolean {
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

  click(hit: Hit, wasChosen: boolean, event: PointerEvent): void {
    const { selection } = this.#editor;
    const canvas = this.#canvas;
    const adds = event.shiftKey || event.ctrlKey || event.metaKey;
    const at = canvas.toDocument({ x: event.clientX, y: event.clientY });
    if (this.#isDouble(hit, event)) return this.#doubleClick(hit, at);
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

  /** What a menu is about is chosen before it opens. */
  chooseForMenu(hit: Hit): void {
    const { selection } = this.#editor;
    if (hit.kind === 'node' || hit.kind === 'group') {
      if (!selection.items.has(hit.id)) selection.only(hit.id);
      this.#canvas.focused = hit.id;
    } else if (hit.kind === 'wire' && !selection.wires.has(hit.key)) {
      selection.clear();
      selection.wires.add(hit.key);
    } else if (hit.kind === 'empty') selection.clear();
  }

  #isDouble(hit: Hit, event: PointerEvent): boolean {
    const [name, before] = [nameOf(hit), this.#last];
    const isDouble = before.name === name && event.timeStamp - before.at < DOUBLE && Math.hypot(event.clientX - before.x, event.clientY - before.y) < NEAR;
    this.#last = { name: isDouble ? '' : name, at: event.timeStamp, x: event.clientX, y: event.clientY };
    return isDouble;
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
}
