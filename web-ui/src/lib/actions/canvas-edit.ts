// Changing what is chosen: the clipboard, deleting, groups, subflows, lining up.

import { canvasOf } from '../canvas/canvas.svelte';
import { copyChosen, cutChosen, duplicateChosen, pasteFromMenu } from '../canvas/clipboard';
import { removeChosen, sizer } from '../canvas/commands';
import { kindOf, subflowOf } from '../doc/item';
import { align, distribute, snapToGrid, type Edge } from '../doc/operations/arrange';
import { setDisabled } from '../doc/operations/flows';
import { group, takeOut, ungroup } from '../doc/operations/groups';
import { moveTo } from '../doc/operations/move';
import { toSubflow, unpack } from '../doc/operations/subflows';
import { t } from '../i18n/i18n.svelte';
import type { Editor } from '../state/editor.svelte';
import { amount } from '../ui/amounts';
import type { Action } from './action';

const any = ({ selection }: Editor): boolean => selection.items.size > 0;
const several = ({ selection }: Editor): boolean => selection.items.size > 1;
const chosenItems = (editor: Editor) => [...editor.selection.items].map((id) => editor.draft.item(id)).filter((item) => item !== undefined);

function lineUp(edge: Edge, name: string, keys?: string): Action {
  return {
    id: `edit.align-${edge}`,
    name,
    keywords: 'align line up',
    ...(keys ? { keys: [keys] } : {}),
    needs: 'deploy',
    when: several,
    perform: (editor) => void editor.draft.edit(t('Line up'), (edit) => align(edit, editor.selection.items, edge, sizer(editor))),
  };
}

function chooseAlong(editor: Editor, ways: readonly ('up' | 'down')[]): void {
  const { draft, selection } = editor;
  const found = new Set(selection.items);
  for (const way of ways) {
    const next = [...selection.items];
    for (let id = next.pop(); id !== undefined; id = next.pop()) {
      const ends = way === 'down' ? draft.doc.outgoing(id).map((wire) => wire.to) : draft.doc.incoming(id).map((wire) => wire.from);
      for (const end of ends) {
        if (found.has(end) || !draft.doc.has(end)) continue;
        found.add(end);
        next.push(end);
      }
    }
  }
  selection.only(...found);
}

export const actions: readonly Action[] = [
  { id: 'edit.copy', name: 'Copy', when: any, perform: copyChosen },
  { id: 'edit.cut', name: 'Cut', needs: 'deploy', when: any, perform: cutChosen },
  { id: 'edit.paste', name: 'Paste', needs: 'deploy', perform: pasteFromMenu },
  { id: 'edit.duplicate', name: 'Duplicate', keys: ['Mod+D'], needs: 'deploy', when: any, perform: duplicateChosen },
  {
    id: 'edit.delete',
    name: 'Delete',
    keys: ['Delete', 'Backspace'],
    needs: 'deploy',
    when: ({ selection }) => selection.items.size + selection.wires.size > 0,
    perform: (editor) => removeChosen(editor),
  },
  { id: 'edit.delete-heal', name: 'Delete, and join the wires', keywords: 'heal', keys: ['Mod+Delete', 'Mod+Backspace'], needs: 'deploy', when: any, perform: (editor) => removeChosen(editor, true) },
  {
    id: 'edit.select-all',
    name: 'Choose everything on the flow',
    keys: ['Mod+A'],
    when: ({ view }) => view.page === '',
    perform: (editor) => {
      const { scene } = canvasOf(editor);
      editor.selection.only(...scene.groups.map((one) => one.id), ...scene.nodes.map((one) => one.id));
    },
  },
  { id: 'edit.select-connected', name: 'Choose all that is connected', when: any, perform: (editor) => chooseAlong(editor, ['up', 'down']) },
  { id: 'edit.select-upstream', name: 'Choose what leads here', keywords: 'upstream', when: any, perform: (editor) => chooseAlong(editor, ['up']) },
  { id: 'edit.select-downstream', name: 'Choose what follows', keywords: 'downstream', when: any, perform: (editor) => chooseAlong(editor, ['down']) },
  {
    id: 'canvas.group',
    name: 'Group what is chosen',
    keys: ['Mod+G'],
    needs: 'deploy',
    when: any,
    perform: (editor) => {
      let id: string | undefined;
      editor.draft.edit(t('Group what is chosen'), (edit) => (id = group(edit, editor.selection.items, sizer(editor))));
      if (id) editor.selection.only(id);
    },
  },
  {
    id: 'canvas.ungroup',
    name: 'Ungroup',
    keys: ['Mod+Shift+G'],
    needs: 'deploy',
    when: (editor) => chosenItems(editor).some((item) => item.type === 'group'),
    perform: (editor) => {
      const groups = chosenItems(editor).filter((item) => item.type === 'group');
      const members = groups.flatMap((item) => (Array.isArray(item.nodes) ? (item.nodes as string[]) : []));
      editor.draft.edit(t('Ungroup'), (edit) => ungroup(edit, groups.map((item) => item.id)));
      editor.selection.only(...members.filter((id) => editor.draft.doc.has(id)));
    },
  },
  {
    id: 'canvas.take-out',
    name: 'Take out of the group',
    needs: 'deploy',
    when: (editor) => chosenItems(editor).some((item) => typeof item.g === 'string' && item.g !== ''),
    perform: (editor) => void editor.draft.edit(t('Take out of the group'), (edit) => takeOut(edit, editor.selection.items, sizer(editor))),
  },
  {
    id: 'canvas.to-subflow',
    name: 'Make a subflow of it',
    needs: 'deploy',
    when: any,
    perform: (editor) => {
      let made: { subflow: string; instance: string } | undefined;
      editor.draft.edit(t('Make a subflow'), (edit) => (made = toSubflow(edit, editor.selection.items, t('Subflow'))));
      if (made) editor.selection.only(made.instance);
    },
  },
  {
    id: 'canvas.unpack',
    name: 'Put the inside of the subflow here',
    keywords: 'unpack subflow',
    needs: 'deploy',
    when: (editor) => chosenItems(editor).length === 1 && subflowOf(chosenItems(editor)[0]!) !== '',
    perform: (editor) => {
      let ids: string[] = [];
      editor.draft.edit(t('Unpack a subflow'), (edit) => (ids = unpack(edit, editor.selection.first ?? '', editor.types)));
      editor.selection.only(...ids);
    },
  },
  {
    id: 'canvas.switch',
    name: 'Switch on or off',
    keywords: 'disable enable',
    needs: 'deploy',
    when: (editor) => chosenItems(editor).some((item) => kindOf(item) === 'node' || kindOf(item) === 'group'),
    perform: (editor) => {
      const nodes = chosenItems(editor).filter((item) => kindOf(item) === 'node');
      const off = nodes.length === 0 ? true : nodes.some((item) => item.d !== true);
      editor.draft.edit(off ? t('Switch off') : t('Switch on'), (edit) => setDisabled(edit, editor.selection.items, off));
    },
  },
  lineUp('left', 'Line up at the left', 'Alt+A'),
  lineUp('centre', 'Line up at the centre'),
  lineUp('right', 'Line up at the right', 'Alt+D'),
  lineUp('top', 'Line up at the top', 'Alt+W'),
  lineUp('middle', 'Line up at the middle', 'Alt+E'),
  lineUp('bottom', 'Line up at the bottom', 'Alt+S'),
  {
    id: 'edit.distribute-across',
    name: 'Spread evenly across',
    needs: 'deploy',
    when: ({ selection }) => selection.items.size > 2,
    perform: (editor) => void editor.draft.edit(t('Spread'), (edit) => distribute(edit, editor.selection.items, 'across', sizer(editor))),
  },
  {
    id: 'edit.distribute-down',
    name: 'Spread evenly down',
    needs: 'deploy',
    when: ({ selection }) => selection.items.size > 2,
    perform: (editor) => void editor.draft.edit(t('Spread'), (edit) => distribute(edit, editor.selection.items, 'down', sizer(editor))),
  },
  { id: 'edit.snap', name: 'Move to the grid', needs: 'deploy', when: any, perform: (editor) => void editor.draft.edit(t('Move to the grid'), (edit) => snapToGrid(edit, editor.selection.items, sizer(editor))) },
  {
    id: 'canvas.tidy',
    name: 'Tidy up',
    keywords: 'layout arrange auto',
    needs: 'deploy',
    when: ({ view }) => view.flow !== '' && view.page === '',
    perform: async (editor) => {
      const { draft, selection, view } = editor;
      const { MOST_TIDIED, tidy, TooManyToTidy } = await import('../doc/operations/tidy');
      const ids = selection.items.size > 1 ? [...selection.items] : undefined;
      try {
        const places = await tidy(draft.doc, view.flow, ids, sizer(editor));
        draft.edit(t('Tidy up'), (edit) => moveTo(edit, places, sizer(editor)));
      } catch (error) {
        if (!(error instanceof TooManyToTidy)) throw error;
        throw new Error(t('Tidying is for at most {n} nodes at once. Choose some of them.', { n: amount(MOST_TIDIED) }), { cause: error });
      }
    },
  },
];
