// What a person can do: one list, from which the command palette, menus, shortcuts and the page of shortcuts are made.

import type { Editor } from '../state/editor.svelte';
import type { Permission } from '../state/session.svelte';

export interface Action {
  /** For tests and for keymaps: `edit.undo`. */
  readonly id: string;
  /** For a person, in English; it is translated where it is shown. */
  readonly name: string;
  readonly keywords?: string;
  /** `Mod` is Ctrl, and the command key on a Mac: `Mod+Shift+Z`, `Delete`, `/`. */
  readonly keys?: readonly string[];
  /** Also where somebody writes, or goes through a list: for keys that mean nothing there. */
  readonly whileTyping?: boolean;
  readonly needs?: Permission;
  /** Whether it makes sense now. Without it always. */
  readonly when?: (editor: Editor) => boolean;
  readonly perform: (editor: Editor) => void | Promise<void>;
}

const found = import.meta.glob<{ actions: readonly Action[] }>(['./*.ts', '!./action.ts'], { eager: true });

/** Each file in this folder that exports `actions` adds some. */
export const actions: readonly Action[] = Object.values(found).flatMap((file) => file.actions);

export const isPossible = (action: Action, editor: Editor): boolean =>
  (!action.needs || editor.session.may(action.needs)) && (action.when?.(editor) ?? true);

export async function perform(action: Action, editor: Editor): Promise<void> {
  if (!isPossible(action, editor)) return;
  try {
    await action.perform(editor);
  } catch (error) {
    editor.notices.wrong(error);
  }
}
