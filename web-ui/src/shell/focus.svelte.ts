// Whoever closes what was in front goes on where they were: what had the focus has it again, and where that is gone, the canvas.

import { tick, untrack } from 'svelte';

interface Focusable {
  readonly isConnected: boolean;
  focus(options?: FocusOptions): void;
}

interface Page<Element> {
  readonly activeElement: Element | null;
  readonly body: Element;
  querySelector(selector: string): Element | null;
}

/** Only when nothing has the focus: what closed it may have led elsewhere. */
export function giveBack<Element extends Focusable>(before: Element | null, page: Page<Element>): void {
  const isLost = (): boolean => page.activeElement === null || page.activeElement === page.body;
  if (!isLost()) return;
  if (before?.isConnected && before !== page.body) before.focus({ preventScroll: true });
  // What is hidden, such as the item of a menu that has closed, does not take it.
  if (isLost()) page.querySelector('[data-id=canvas]')?.focus({ preventScroll: true });
}

/** For a component that stays: looks at what has the focus before something comes in front. */
export function keepsFocus(isInFront: () => boolean): void {
  let before: HTMLElement | null = null;
  let was = false;
  // Before the page changes: what had the focus may go with what comes.
  $effect.pre(() => {
    const is = isInFront();
    if (is === was) return;
    was = is;
    untrack(() => {
      if (is) before = document.activeElement instanceof HTMLElement ? document.activeElement : null;
      else void tick().then(() => giveBack(before, document as unknown as Page<HTMLElement>));
    });
  });
}
