// What a node on the canvas has a button for.

import { ask } from '../api/client';
import type { Item } from '../doc/item';
import { t } from '../i18n/i18n.svelte';
import type { Editor } from '../state/editor.svelte';

const runs = (editor: Editor, id: string): boolean => editor.draft.base.items.some((item) => item.id === id);

export const hasAct = (item: Item | undefined): boolean => item?.type === 'inject' || item?.type === 'debug';

/** Presses the button of an inject node, or the switch of a debug node. */
export async function actOn(editor: Editor, item: Item): Promise<void> {
  try {
    if (item.type === 'inject') await press(editor, item);
    else if (item.type === 'debug') await turn(editor, item);
  } catch (error) {
    editor.notices.wrong(error);
  }
}

async function press(editor: Editor, item: Item): Promise<void> {
  if (!runs(editor, item.id)) {
    editor.notices.say(t('This node does not run yet: deploy first.'));
    return;
  }
  await ask(`/inject/${encodeURIComponent(item.id)}`, { method: 'POST', body: {} });
}

/** At once where it runs; and in the draft, so that it stays so after the next deploy. */
async function turn(editor: Editor, item: Item): Promise<void> {
  const isOn = item.active === false;
  if (runs(editor, item.id)) await ask(`/debug/${encodeURIComponent(item.id)}/${isOn ? 'enable' : 'disable'}`, { method: 'POST' });
  if (editor.session.may('deploy')) {
    editor.draft.edit(isOn ? t('Switch a debug node on') : t('Switch a debug node off'), (edit) => edit.set(item.id, { active: isOn }));
  }
}
