import type { Action } from './action';

export const actions: readonly Action[] = [
  { id: 'edit.undo', name: 'Undo', keys: ['Mod+Z'], needs: 'deploy', when: ({ draft }) => draft.nextUndo !== undefined, perform: ({ draft }) => void draft.doc.undo() },
  { id: 'edit.redo', name: 'Redo', keys: ['Mod+Shift+Z', 'Mod+Y'], needs: 'deploy', when: ({ draft }) => draft.nextRedo !== undefined, perform: ({ draft }) => void draft.doc.redo() },
];
