// Copy, cut and paste as JSON through the clipboard of the system. Keys come as events that carry the clipboard along, also on plain HTTP;
// a menu may not have it, and then what was copied here is used, or a box into which a person pastes.

import type { Edit } from '../doc/flow-doc';
import { isOnCanvas, placeOf, type Item } from '../doc/item';
import { copied, paste } from '../doc/operations/clipboard';
import { t, tn } from '../i18n/i18n.svelte';
import type { Editor } from '../state/editor.svelte';
import { canvasOf } from './canvas.svelte';
import { removeChosen } from './commands';
import { openFlow } from './flow-commands';
import { endOf } from './subflow-ports';

/** More than this is no flow of a person. */
const LONGEST = 5_000_000;
/** What was copied in this page, for browsers that do not give the clipboard to a menu. */
let own = '';

const chosen = (editor: Editor): string[] => [...editor.selection.items].filter((id) => !endOf(id));

const isOurs = (target: EventTarget | null): boolean => {
  const element = target instanceof Element ? target : document.body;
  if (element.closest('input, textarea, select, [contenteditable], .cm-editor, dialog[open]')) return false;
  return element === document.body || element.closest('[data-id=canvas], [data-id=flow-tabs]') !== null;
};

export function hearsClipboard(editor: Editor): () => void {
  const copy = (event: ClipboardEvent): void => {
    // Text that somebody has marked on the page is what they mean.
    if (!isOurs(event.target) || !getSelection()?.isCollapsed) return;
    const text = take(editor);
    if (!text) return;
    event.clipboardData?.setData('text/plain', text);
    event.preventDefault();
    if (event.type === 'cut' && canvasOf(editor).canEdit) removeChosen(editor);
  };
  const pasted = (event: ClipboardEvent): void => {
    if (!isOurs(event.target)) return;
    const text = event.clipboardData?.getData('text/plain') ?? '';
    if (!text.trim()) return;
    event.preventDefault();
    pasteText(editor, text);
  };
  document.addEventListener('copy', copy);
  document.addEventListener('cut', copy);
  document.addEventListener('paste', pasted);
  return () => {
    document.removeEventListener('copy', copy);
    document.removeEventListener('cut', copy);
    document.removeEventListener('paste', pasted);
  };
}

function take(editor: Editor): string {
  const ids = chosen(editor);
  if (ids.length === 0) return '';
  own = copied(editor.draft.doc, ids, editor.types);
  canvasOf(editor).say(tn(ids.length, '1 node copied', '{n} nodes copied'));
  return own;
}

/** From a menu: the browser makes an event of it, which `hearsClipboard` answers. */
export function copyChosen(editor: Editor): void {
  if (take(editor)) put(own);
}

export function cutChosen(editor: Editor): void {
  copyChosen(editor);
  removeChosen(editor);
}

function put(text: string): void {
  const answer = (event: ClipboardEvent): void => {
    event.clipboardData?.setData('text/plain', text);
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  document.addEventListener('copy', answer, true);
  // The only way to the clipboard on plain HTTP.
  document.execCommand('copy');
  document.removeEventListener('copy', answer, true);
}

export async function pasteFromMenu(editor: Editor): Promise<void> {
  try {
    const text = await navigator.clipboard.readText();
    if (text.trim()) return pasteText(editor, text);
  } catch {
    // Plain HTTP has no clipboard, and a person may have refused it.
  }
  if (own) pasteText(editor, own);
  else canvasOf(editor).pastes = true;
}

export function pasteText(editor: Editor, text: string): void {
  const canvas = canvasOf(editor);
  if (!canvas.canEdit) return;
  let items: Item[];
  try {
    items = readItems(text);
  } catch {
    editor.notices.wrong(new Error(t('What was pasted is no flow: a list of nodes in JSON is wanted.')));
    return;
  }
  const at = canvas.pointer && isSeen(editor) ? canvas.pointer : canvas.centre;
  pasteItems(editor, items, at);
}

/** A pointer that was far away, or on another flow, says nothing of where something should come. */
function isSeen(editor: Editor): boolean {
  const canvas = canvasOf(editor);
  const at = canvas.toFrame(canvas.pointer!);
  return at.x > 0 && at.y > 0 && at.x < canvas.width && at.y < canvas.height;
}

function readItems(text: string): Item[] {
  if (text.length > LONGEST) throw new Error('too long');
  const read: unknown = JSON.parse(text);
  const list = Array.isArray(read) ? read : (read as { flows?: unknown } | null)?.flows;
  if (!Array.isArray(list) || list.length === 0) throw new Error('no list');
  const isItem = (one: unknown): one is Item => typeof one === 'object' && one !== null && typeof (one as Item).id === 'string' && typeof (one as Item).type === 'string';
  if (!list.every(isItem)) throw new Error('no items');
  return list;
}

function pasteItems(editor: Editor, items: readonly Item[], at: { x: number; y: number }, label = t('Paste')): void {
  let ids: string[] = [];
  // Whole flows bring their place along.
  const brought = new Set(items.map(({ id }) => id));
  const needsPlace = items.some((item) => isOnCanvas(item) && !brought.has(placeOf(item)));
  editor.draft.edit(label, (edit: Edit) => (ids = paste(edit, items, { place: needsPlace ? openFlow(editor, edit) : editor.view.flow, x: at.x, y: at.y, types: editor.types })));
  if (ids.length === 0) return;
  editor.selection.only(...ids);
  const canvas = canvasOf(editor);
  canvas.focused = ids[0] ?? '';
  if (canvas.chosenBounds) canvas.reveal(canvas.chosenBounds);
}

/** A copy beside what is chosen; the clipboard stays as it is. */
export function duplicateChosen(editor: Editor): void {
  const canvas = canvasOf(editor);
  const box = canvas.chosenBounds;
  const ids = chosen(editor);
  if (!box || ids.length === 0) return;
  const items = JSON.parse(copied(editor.draft.doc, ids, editor.types)) as Item[];
  pasteItems(editor, items, { x: box.x + box.w / 2 + 40, y: box.y + box.h / 2 + 60 }, t('Duplicate'));
}
