// Flows to begin with: those of the repository, which its own tests run. They are loaded when somebody wants one.

import { tick } from 'svelte';

import type { Item } from '../doc/item';
import { t } from '../i18n/i18n.svelte';
import type { Editor } from '../state/editor.svelte';

export interface Starter {
  readonly id: string;
  readonly icon: string;
  readonly name: string;
  readonly about: string;
  readonly load: () => Promise<{ default: unknown }>;
}

/** Made when they are shown: by then the language is known. */
export const starters = (): readonly Starter[] => [
  { id: 'demo', icon: 'gauge', name: t('Base stations'), about: t('Twelve sites with readings and alarms: filtered, counted, shown.'), load: () => import('../../../../flows/demo.json') },
  { id: 'room-temperature', icon: 'chart', name: t('Room temperature'), about: t('A fan that follows the temperature and does not hunt.'), load: () => import('../../../../flows/room-temperature.json') },
  { id: 'subflow-sites', icon: 'subflow', name: t('Two sites'), about: t('One subflow, used twice, each with its own limit.'), load: () => import('../../../../flows/subflow-sites.json') },
];

/** Puts a flow of ours into the draft, in place of a tab with nothing on it. */
export async function loadStarter(editor: Editor, starter: Starter): Promise<void> {
  try {
    const items = (await starter.load()).default as Item[];
    const { draft, view } = editor;
    draft.edit(t('Begin with {name}', { name: starter.name }), (edit) => {
      for (const flow of draft.doc.items()) if (flow.type === 'tab' && draft.doc.on(flow.id).length === 0) edit.remove(flow.id);
      for (const item of items) if (!draft.doc.has(item.id)) edit.put(item);
    });
    view.flow = items.find((item) => item.type === 'tab')?.id ?? view.flow;
    await tick();
    editor.notices.say(t('Deploy it to see it run.'));
  } catch (error) {
    editor.notices.wrong(error);
  }
}
