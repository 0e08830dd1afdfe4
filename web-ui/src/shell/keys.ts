// All shortcuts are heard in one place: what a key does is said by the actions.

import { actions, isPossible, perform, type Action } from '$lib/actions/action';
import type { Editor } from '$lib/state/editor.svelte';
import { chord, chordOf, isMac } from '$lib/ui/shortcut';
import { closeNearest } from './back.svelte';

export function chordOfEvent(event: Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>, mac = isMac): string {
  // Shift makes a sign of a digit; a shortcut means the digit.
  const digit = /^Digit(\d)$/.exec(event.code)?.[1];
  // Alt makes other letters on a Mac: there the key is meant, whatever stands on it.
  const letter = mac && event.altKey ? /^Key([A-Z])$/.exec(event.code)?.[1] : undefined;
  const key = letter ?? (digit && event.shiftKey && (event.ctrlKey || event.metaKey || event.altKey) ? digit : event.key);
  return chord(key, { mod: mac ? event.metaKey : event.ctrlKey, alt: event.altKey, shift: event.shiftKey });
}

let byChord: Map<string, Action[]> | undefined;

function bound(): Map<string, Action[]> {
  if (byChord) return byChord;
  byChord = new Map();
  for (const action of actions) {
    for (const key of action.keys ?? []) byChord.set(chordOf(key), [...(byChord.get(chordOf(key)) ?? []), action]);
  }
  return byChord;
}

const isTyping = (target: Element): boolean =>
  target.closest('input:not([type=checkbox], [type=radio], [type=range], [type=button]), textarea, select, [contenteditable], .cm-editor') !== null;

/** Keys alone, such as Delete, mean the canvas: not while somebody goes through a list beside it. */
const isElsewhere = (target: Element): boolean => target !== document.body && target.closest('[data-place=canvas]') === null;

export function hearsKeys(event: KeyboardEvent, editor: Editor): void {
  if (event.defaultPrevented || event.isComposing || !(event.target instanceof Element)) return;
  // A dialog is for itself, and so is a menu.
  if (document.querySelector('dialog[open], [popover]:popover-open [role^=menuitem]')) return;
  const typing = isTyping(event.target);
  if (event.key === 'Escape') {
    if (typing && event.target instanceof HTMLElement && !editor.view.isNarrow) event.target.blur();
    else if (closeNearest(editor.view)) event.preventDefault();
    else editor.selection.clear();
    return;
  }
  const pressed = chordOfEvent(event);
  const action = bound().get(pressed)?.find((one) => isPossible(one, editor));
  if (!action || (typing && !action.whileTyping)) return;
  const isAlone = !/^(Mod\+|Alt\+|[?/]$)/.test(pressed) && !action.whileTyping;
  if (isAlone && isElsewhere(event.target)) return;
  if (isAlone && editor.view.page !== '') return;
  event.preventDefault();
  void perform(action, editor);
}
