// What stands in the menu of the user, and on a phone under "More".

import { actions, isPossible, perform } from '$lib/actions/action';
import { currentLanguage, LANGUAGES, speak, t } from '$lib/i18n/i18n.svelte';
import type { Editor } from '$lib/state/editor.svelte';
import type { Theme } from '$lib/state/view.svelte';
import { allowedAt } from '../panels/panel';
import { shown } from '$lib/ui/shortcut';

/** What Menu.svelte takes. */
interface MenuItem {
  readonly label: string;
  readonly icon?: string;
  readonly keys?: string;
  readonly checked?: boolean;
  readonly apart?: boolean;
  readonly perform: () => void;
}

function entry(id: string, editor: Editor, icon: string, more: Partial<MenuItem> = {}): MenuItem[] {
  const action = actions.find((one) => one.id === id);
  if (!action || !isPossible(action, editor)) return [];
  // Who has no keys needs no words about them.
  const keys = editor.view.isNarrow ? undefined : action.keys?.[0];
  return [{ label: t(action.name), icon, ...(keys ? { keys: shown(keys) } : {}), perform: () => void perform(action, editor), ...more }];
}

export function menuOfUser(editor: Editor): MenuItem[] {
  const { view } = editor;
  const pages = allowedAt('page', editor.session).map((panel) => ({ label: t(panel.title), icon: panel.icon, perform: () => view.reveal(panel.id) }));
  const themes: readonly [Theme, string][] = [
    ['system', t('Light or dark as the system')],
    ['light', t('Light')],
    ['dark', t('Dark')],
  ];
  const looks = themes.map(([theme, label], n) => ({ label, checked: view.kept.theme === theme, apart: n === 0, perform: () => void (view.kept.theme = theme) }));
  const languages = LANGUAGES.map(({ code, name }, n) => ({
    label: name,
    checked: currentLanguage() === code,
    apart: n === 0,
    perform: () => {
      view.kept.language = code;
      void speak(code);
    },
  }));
  return [
    ...entry('app.import', editor, 'input'),
    ...entry('app.export', editor, 'output'),
    ...entry('app.dashboard', editor, 'board'),
    ...pages.map((page, n) => ({ ...page, apart: n === 0 })),
    ...looks,
    ...languages,
    ...entry('app.shortcuts', editor, 'help', { apart: true }),
    ...entry('app.password', editor, 'lock'),
    ...entry('app.log-out', editor, 'forward'),
  ];
}

/** On a phone: every panel that has no button of its own, and then the menu of the user. */
export function menuOfMore(editor: Editor, already: readonly string[]): MenuItem[] {
  const places = ['left', 'right', 'drawer'] as const;
  const panels = places
    .flatMap((place) => allowedAt(place, editor.session))
    .filter((panel) => !already.includes(panel.id))
    .map((panel) => ({ label: t(panel.title), icon: panel.icon, perform: () => editor.view.reveal(panel.id) }));
  return [...panels, ...entry('edit.undo', editor, 'undo', { apart: true }), ...entry('edit.redo', editor, 'redo'), ...menuOfUser(editor)];
}
