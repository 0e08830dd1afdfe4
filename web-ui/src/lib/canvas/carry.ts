// From the palette onto the canvas, with a mouse, a pen or a finger.

import type { Editor } from '../state/editor.svelte';
import { canvasOf } from './canvas.svelte';
import type { Entry } from './catalogue';
import { place, wireUnder } from './commands';

/** Follows a pointer that has begun to drag an entry until it is let go. A finger that moves up or down scrolls the list. */
export function carry(editor: Editor, entry: Entry, down: PointerEvent): void {
  const canvas = canvasOf(editor);
  const source = down.currentTarget as HTMLElement;
  const isTouch = down.pointerType !== 'mouse';
  let carried = false;

  function move(event: PointerEvent): void {
    if (event.pointerId !== down.pointerId) return;
    const [dx, dy] = [event.clientX - down.clientX, event.clientY - down.clientY];
    if (!carried && (isTouch ? Math.abs(dx) > 12 && Math.abs(dx) > Math.abs(dy) : Math.hypot(dx, dy) > 5)) {
      carried = true;
      source.setPointerCapture(down.pointerId);
    }
    if (!carried) return;
    const at = { x: event.clientX, y: event.clientY };
    canvas.carried = { entry, at };
    canvas.target = isOver(at) ? (wireUnder(editor, canvas.toDocument(at), { inputs: entry.takes ? 1 : 0, outputs: entry.gives ? 1 : 0 })?.key ?? '') : '';
  }

  function isOver(at: { x: number; y: number }): boolean {
    const frame = canvas.element?.getBoundingClientRect();
    return frame !== undefined && at.x > frame.left && at.x < frame.right && at.y > frame.top && at.y < frame.bottom && document.elementFromPoint(at.x, at.y)?.closest('[data-id=canvas]') !== null;
  }

  function end(event: PointerEvent | KeyboardEvent): void {
    if (event instanceof PointerEvent ? event.pointerId !== down.pointerId : event.key !== 'Escape') return;
    for (const [type, hear] of listeners) window.removeEventListener(type, hear as EventListener);
    const at = canvas.carried?.at;
    const wire = canvas.scene.wireByKey.get(canvas.target);
    canvas.carried = undefined;
    canvas.target = '';
    if (!carried) return;
    // The press that began it is no click any more.
    window.addEventListener('click', (click) => click.stopPropagation(), { capture: true, once: true });
    setTimeout(() => window.dispatchEvent(new MouseEvent('click')), 0);
    if (at && event.type === 'pointerup' && isOver(at)) {
      place(editor, entry, { at: canvas.toDocument(at), ...(wire ? { wire } : {}) });
      canvas.element?.focus();
    }
  }

  const listeners: readonly [string, (event: never) => void][] = [
    ['pointermove', move],
    ['pointerup', end],
    ['pointercancel', end],
    ['keydown', end],
  ];
  for (const [type, hear] of listeners) window.addEventListener(type, hear as EventListener);
}
