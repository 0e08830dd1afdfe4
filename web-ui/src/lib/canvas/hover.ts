// When a pointer rests on a wire, its card comes; it stays while the pointer is on the card.

import type { Canvas } from './canvas.svelte';

const REST = 260;
const GRACE = 320;

export function watchWires(canvas: Canvas): { over: (event: PointerEvent) => void; leave: (event: PointerEvent) => void } {
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let going: ReturnType<typeof setTimeout> | undefined;
  let on = '';

  function leave(): void {
    clearTimeout(waiting);
    const wasOn = on !== '';
    on = '';
    // A card that keys have brought, with no pointer on it, stays until Escape.
    if (wasOn && canvas.watched && !going) {
      going = setTimeout(() => {
        going = undefined;
        canvas.watched = undefined;
      }, GRACE);
    }
  }

  return {
    over(event) {
      if (event.pointerType !== 'mouse') return;
      const target = event.target instanceof Element ? event.target : undefined;
      const isCard = target?.closest('[data-id=wire-card]') !== null && target !== undefined;
      const key = target?.closest<SVGElement>('[data-wire]')?.dataset.wire ?? '';
      if (isCard || (key && key === canvas.watched?.key)) {
        clearTimeout(going);
        going = undefined;
        on = canvas.watched?.key ?? '';
        return;
      }
      if (!key || event.buttons !== 0 || canvas.pending) {
        if (on || event.buttons !== 0) leave();
        return;
      }
      if (key === on) return;
      leave();
      on = key;
      const at = canvas.toDocument({ x: event.clientX, y: event.clientY });
      waiting = setTimeout(() => {
        clearTimeout(going);
        going = undefined;
        canvas.watched = { key, at };
      }, REST);
    },
    // A finger leaves when it is lifted: the card that it has called stays until something else is touched.
    leave(event) {
      if (event.pointerType === 'mouse') leave();
    },
  };
}
