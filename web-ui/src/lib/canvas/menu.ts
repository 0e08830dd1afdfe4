// Which actions stand in the menus of the canvas. What each does is said where it is declared.

import type { Action } from '../actions/action';
import { t } from '../i18n/i18n.svelte';
import type { Editor } from '../state/editor.svelte';
import { shown } from '../ui/shortcut';

/** As `lib/ui/Menu.svelte` takes them. */
interface MenuItem {
  readonly label: string;
  readonly keys?: string;
  readonly danger?: boolean;
  readonly apart?: boolean;
  readonly perform: () => void;
}

/** Each list of ids is set apart by a line. */
const MENUS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  empty: [['canvas.add', 'edit.paste', 'canvas.comment'], ['edit.select-all', 'canvas.fit', 'canvas.tidy'], ['edit.undo', 'edit.redo']],
  node: [
    ['canvas.open', 'canvas.act', 'canvas.open-subflow', 'canvas.connect'],
    ['edit.cut', 'edit.copy', 'edit.duplicate', 'edit.delete', 'edit.delete-heal'],
    ['canvas.group', 'canvas.ungroup', 'canvas.take-out', 'canvas.fold', 'canvas.unfold', 'canvas.to-subflow', 'canvas.unpack', 'canvas.switch'],
    ['edit.select-upstream', 'edit.select-downstream', 'edit.select-connected'],
  ],
  group: [['canvas.open', 'canvas.fold', 'canvas.ungroup', 'canvas.take-out'], ['edit.cut', 'edit.copy', 'edit.duplicate', 'edit.delete'], ['canvas.to-subflow', 'canvas.switch']],
  wire: [['canvas.watch', 'canvas.keep-watching'], ['canvas.insert', 'canvas.reroute', 'canvas.through-links'], ['edit.delete']],
};

// Actions import what stands here, so they are looked up when a menu is opened.
export async function menuOf(editor: Editor, on: string): Promise<MenuItem[]> {
  const { actions, isPossible, perform } = await import('../actions/action');
  const byId = new Map<string, Action>(actions.map((action) => [action.id, action]));
  return (MENUS[on] ?? []).flatMap((ids) =>
    ids
      .map((id) => byId.get(id))
      .filter((action) => action !== undefined && isPossible(action, editor))
      .map((action, n) => ({
        label: t(action!.name),
        ...(action!.keys?.[0] ? { keys: shown(action!.keys[0]) } : {}),
        ...(action!.id === 'edit.delete' ? { danger: true } : {}),
        apart: n === 0,
        perform: () => void perform(action!, editor),
      })),
  ).map((item, n) => (n === 0 ? { ...item, apart: false } : item));
}
