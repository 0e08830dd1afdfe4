// The button "back" of a phone closes what is open in front of the canvas, instead of leaving the page.

import type { View } from '$lib/state/view.svelte';

const MARK = 'tidegate-in-front';

/** Closes what is in front, the nearest first. Says whether there was something. */
export function closeNearest(view: View): boolean {
  if (view.dialog) view.dialog = undefined;
  else if (view.sheet !== '') view.sheet = '';
  else if (view.page !== '') view.page = '';
  else return false;
  return true;
}

/** Keeps one step of the browser's history for as long as something is in front. */
export function goesBack(view: View): void {
  const isOpen = $derived(view.dialog !== undefined || view.sheet !== '' || view.page !== '');
  const isMarked = () => (history.state as { mark?: string } | null)?.mark === MARK;

  $effect(() => {
    if (isOpen && !isMarked()) history.pushState({ mark: MARK }, '');
    else if (!isOpen && isMarked()) history.back();
  });
  $effect(() => {
    const gone = () => {
      if (isMarked() || !closeNearest(view)) return;
      // There may be more behind it, for the next time.
      if (view.dialog || view.sheet !== '' || view.page !== '') history.pushState({ mark: MARK }, '');
    };
    addEventListener('popstate', gone);
    return () => removeEventListener('popstate', gone);
  });
}
