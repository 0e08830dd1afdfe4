// Tabs and subflows.

import { canvasOf } from '../canvas/canvas.svelte';
import { askName, duplicateFlow, isOff, tabsOf } from '../canvas/flow-commands';
import { addFlow, moveFlow, removeFlow, setDisabled } from '../doc/operations/flows';
import { addPort, newSubflow, removePort } from '../doc/operations/subflows';
import { undoAct } from '../state/undo-act';
import { t } from '../i18n/i18n.svelte';
import type { Editor } from '../state/editor.svelte';
import type { Action } from './action';

const open = (editor: Editor) => editor.draft.item(editor.view.flow);
const isSubflow = (editor: Editor): boolean => open(editor)?.type === 'subflow';
const isTab = (editor: Editor): boolean => open(editor)?.type === 'tab';

function step(editor: Editor, by: 1 | -1): void {
  const flows = editor.draft.flows;
  const at = flows.findIndex((flow) => flow.id === editor.view.flow);
  const next = flows[(at + by + flows.length) % flows.length];
  if (next) editor.view.flow = next.id;
}

function move(editor: Editor, by: 1 | -1): void {
  const at = tabsOf(editor).findIndex((flow) => flow.id === editor.view.flow);
  editor.draft.edit(t('Move a flow'), (edit) => moveFlow(edit, editor.view.flow, at + by), 'move a flow');
}

function port(id: string, name: string, which: 'in' | 'out' | 'status', adds: boolean): Action {
  const has = (editor: Editor): boolean => {
    const list = open(editor)?.[which];
    return Array.isArray(list) ? list.length > 0 : list !== undefined && list !== null;
  };
  return {
    id,
    name,
    needs: 'deploy',
    when: (editor) => isSubflow(editor) && (adds ? which === 'out' || !has(editor) : has(editor)),
    perform: (editor) => void editor.draft.edit(t('Change the ends of a subflow'), (edit) => (adds ? addPort : removePort)(edit, editor.view.flow, which)),
  };
}

export const actions: readonly Action[] = [
  {
    id: 'flow.add',
    name: 'Add a flow',
    keywords: 'tab new',
    needs: 'deploy',
    perform: (editor) => {
      let id = '';
      editor.draft.edit(t('Add a flow'), (edit) => (id = addFlow(edit, t('Flow {n}', { n: tabsOf(editor).length + 1 }))));
      editor.view.page = '';
      editor.view.flow = id;
    },
  },
  {
    id: 'flow.add-subflow',
    name: 'Add a subflow',
    keywords: 'new template',
    needs: 'deploy',
    perform: (editor) => {
      let id = '';
      editor.draft.edit(t('Add a subflow'), (edit) => {
        id = newSubflow(edit, t('Subflow'));
        addPort(edit, id, 'in');
        addPort(edit, id, 'out');
      });
      editor.view.page = '';
      editor.view.flow = id;
    },
  },
  { id: 'flow.rename', name: 'Rename the flow', keys: ['F2'], needs: 'deploy', when: ({ view }) => view.flow !== '', perform: (editor) => askName(editor, editor.view.flow) },
  { id: 'flow.duplicate', name: 'Duplicate the flow', needs: 'deploy', when: isTab, perform: (editor) => duplicateFlow(editor, editor.view.flow) },
  {
    id: 'flow.switch',
    name: 'Switch the flow on or off',
    keywords: 'disable enable tab',
    needs: 'deploy',
    when: isTab,
    perform: (editor) => {
      const off = !isOff(open(editor));
      editor.draft.edit(off ? t('Switch a flow off') : t('Switch a flow on'), (edit) => setDisabled(edit, [editor.view.flow], off));
    },
  },
  {
    id: 'flow.delete',
    name: 'Delete the flow',
    needs: 'deploy',
    when: ({ view }) => view.flow !== '',
    perform: (editor) => {
      const { draft, view, notices, selection } = editor;
      const flows = draft.flows;
      const at = flows.findIndex((flow) => flow.id === view.flow);
      draft.edit(t('Delete a flow'), (edit) => removeFlow(edit, view.flow, editor.types));
      selection.clear();
      view.flow = (flows[at + 1] ?? flows[at - 1])?.id ?? '';
      notices.say(t('The flow is deleted.'), undoAct(draft, notices));
    },
  },
  { id: 'flow.export', name: 'Export the flow', keywords: 'save download json', when: ({ view }) => view.flow !== '', perform: (editor) => editor.view.open('export', { flow: editor.view.flow }) },
  { id: 'flow.next', name: 'Next flow', keys: ['Mod+]', 'Alt+PageDown'], when: (editor) => editor.draft.flows.length > 1, perform: (editor) => step(editor, 1) },
  { id: 'flow.previous', name: 'Flow before', keys: ['Mod+[', 'Alt+PageUp'], when: (editor) => editor.draft.flows.length > 1, perform: (editor) => step(editor, -1) },
  { id: 'flow.move-right', name: 'Move the flow to the right', needs: 'deploy', when: isTab, perform: (editor) => move(editor, 1) },
  { id: 'flow.move-left', name: 'Move the flow to the left', needs: 'deploy', when: isTab, perform: (editor) => move(editor, -1) },
  port('subflow.add-input', 'Give the subflow an input', 'in', true),
  port('subflow.remove-input', 'Take the input of the subflow away', 'in', false),
  port('subflow.add-output', 'Give the subflow another output', 'out', true),
  port('subflow.remove-output', 'Take the last output of the subflow away', 'out', false),
  port('subflow.add-status', 'Give the subflow a badge', 'status', true),
  port('subflow.remove-status', 'Take the badge of the subflow away', 'status', false),
  {
    id: 'subflow.instances',
    name: 'Choose the instances of the subflow on a flow',
    when: (editor) => isSubflow(editor),
    perform: (editor) => {
      const first = editor.draft.doc.items().find((item) => item.type === `subflow:${editor.view.flow}`);
      if (!first) editor.notices.say(t('This subflow is not used yet.'));
      else {
        const all = editor.draft.doc.on(String(first.z)).filter((item) => item.type === first.type);
        editor.show(first.id);
        editor.selection.only(...all.map((item) => item.id));
        canvasOf(editor).focused = first.id;
      }
    },
  },
];
