// What is done with whole tabs.

import type { Edit } from '../doc/flow-doc';
import { newId, type Item } from '../doc/item';
import { copied, paste } from '../doc/operations/clipboard';
import { addFlow } from '../doc/operations/flows';
import { t } from '../i18n/i18n.svelte';
import type { Editor } from '../state/editor.svelte';
import { canvasOf } from './canvas.svelte';

export const tabsOf = (editor: Editor): Item[] => editor.draft.flows.filter((flow) => flow.type === 'tab');

export const flowName = (flow: Item): string => {
  const name = flow.type === 'tab' ? flow.label : flow.name;
  return typeof name === 'string' && name.trim() ? name.slice(0, 120) : t('Flow without a name');
};

export const isOff = (flow: Item | undefined): boolean => flow?.disabled === true;

/** The flow that something is put on: the one that is open, and on a gateway without any its first, which is made in the same step. */
export function openFlow(editor: Editor, edit: Edit): string {
  const { view } = editor;
  if (view.flow) return view.flow;
  const id = addFlow(edit, t('Flow {n}', { n: tabsOf(editor).length + 1 }));
  // It is looked at where the empty canvas was: what is put there stays under the pointer.
  canvasOf(editor).leave(id);
  return (view.flow = id);
}

/** Lets a person write another name, in the tab itself. */
export function askName(editor: Editor, id: string): void {
  canvasOf(editor).naming = id;
}

export function duplicateFlow(editor: Editor, id: string): void {
  const { draft, view } = editor;
  const flow = draft.doc.get(id);
  if (!flow) return;
  const before = new Set(draft.flows.map((one) => one.id));
  const items = JSON.parse(copied(draft.doc, [id], editor.types)) as Item[];
  const named = items.map((item) => (item.id === id ? { ...item, label: t('{name} (copy)', { name: flowName(flow) }) } : item));
  draft.edit(t('Duplicate a flow'), (edit) => void paste(edit, named, { place: newId(), x: 0, y: 0, types: editor.types }));
  const made = draft.flows.find((one) => !before.has(one.id) && one.type === 'tab');
  if (made) view.flow = made.id;
}
