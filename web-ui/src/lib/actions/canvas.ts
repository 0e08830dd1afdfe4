// Looking at the canvas, and choosing on it.

import { canvasOf } from '../canvas/canvas.svelte';
import { freePlace, inspect, place, fold, reroute } from '../canvas/commands';
import { catalogue } from '../canvas/catalogue';
import { focusOn } from '../canvas/keys';
import { actOn, hasAct } from '../canvas/node-acts';
import { keepWatching } from '../canvas/watching';
import { isFolded, type PlacedWire } from '../canvas/scene.svelte';
import { subflowOf, type Item } from '../doc/item';
import { UNIT } from '../doc/size';
import { throughLinks } from '../doc/operations/wires';
import { t } from '../i18n/i18n.svelte';
import type { Editor } from '../state/editor.svelte';
import type { Action } from './action';

const onCanvas = ({ view }: Editor): boolean => view.page === '';
const one = (editor: Editor): Item | undefined => (editor.selection.items.size === 1 ? editor.draft.item(editor.selection.first ?? '') : undefined);
const wire = (editor: Editor): PlacedWire | undefined => {
  const [key] = editor.selection.wires;
  return editor.selection.wires.size === 1 && key !== undefined ? canvasOf(editor).scene.wireByKey.get(key) : undefined;
};
const centreOf = ({ a, b }: PlacedWire): { x: number; y: number } => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
const isFree = (editor: Editor): boolean => wire(editor)?.isLink === false && !/ /.test(wire(editor)!.wire.from + wire(editor)!.wire.to);

export const actions: readonly Action[] = [
  {
    id: 'canvas.add',
    name: 'Add a node',
    keywords: 'insert new palette quick',
    keys: ['/', 'Mod+Space'],
    needs: 'deploy',
    when: onCanvas,
    perform: (editor) => {
      const canvas = canvasOf(editor);
      canvas.asked = { at: canvas.menu || !canvas.pointer ? (canvas.pointer ?? freePlace(editor)) : seenOr(editor, canvas.pointer) };
    },
  },
  {
    id: 'canvas.comment',
    name: 'Add a comment',
    keywords: 'note text',
    needs: 'deploy',
    when: onCanvas,
    perform: (editor) => {
      const comment = catalogue(editor.types, []).find((entry) => entry.key === 'comment');
      if (!comment) return;
      const id = place(editor, comment, { at: canvasOf(editor).pointer ? seenOr(editor, canvasOf(editor).pointer!) : freePlace(editor) });
      if (id) inspect(editor, id);
    },
  },
  { id: 'canvas.fit', name: 'Show the whole flow', keywords: 'zoom fit overview', keys: ['Mod+1', '1'], when: onCanvas, perform: (editor) => canvasOf(editor).fit() },
  { id: 'canvas.zoom-to', name: 'Show what is chosen', keywords: 'zoom selection', keys: ['2'], when: ({ selection }) => selection.items.size > 0, perform: (editor) => canvasOf(editor).fit(canvasOf(editor).chosenBounds) },
  { id: 'canvas.zoom-in', name: 'Zoom in', keys: ['+'], when: onCanvas, perform: (editor) => canvasOf(editor).zoomTo(canvasOf(editor).look.zoom * 1.25) },
  { id: 'canvas.zoom-out', name: 'Zoom out', keys: ['-'], when: onCanvas, perform: (editor) => canvasOf(editor).zoomTo(canvasOf(editor).look.zoom / 1.25) },
  { id: 'canvas.zoom-actual', name: 'Zoom to 100 %', keys: ['0'], when: onCanvas, perform: (editor) => canvasOf(editor).zoomTo(UNIT) },
  {
    id: 'canvas.snap',
    name: 'Snap to the grid, or not',
    keywords: 'grid align',
    perform: ({ view, notices }) => {
      view.kept.snap = !view.kept.snap;
      notices.say(view.kept.snap ? t('Nodes snap to the grid.') : t('Nodes go anywhere.'));
    },
  },
  { id: 'canvas.open', name: 'Open in the inspector', keywords: 'edit settings properties', when: (editor) => editor.selection.items.size > 0, perform: (editor) => inspect(editor, editor.selection.first ?? '') },
  {
    id: 'canvas.act',
    name: 'Press the button of the node',
    keywords: 'inject debug trigger run',
    keys: ['Mod+Enter'],
    needs: 'inject',
    when: (editor) => hasAct(one(editor)),
    perform: (editor) => actOn(editor, one(editor)!),
  },
  {
    id: 'canvas.connect',
    name: 'Connect with …',
    keywords: 'wire',
    needs: 'deploy',
    when: (editor) => (canvasOf(editor).scene.byId.get(editor.selection.first ?? '')?.outputs ?? 0) > 0,
    perform: (editor) => {
      const canvas = canvasOf(editor);
      const placed = canvas.scene.byId.get(editor.selection.first ?? '');
      if (placed) canvas.pending = { from: { id: placed.id, side: 'out', n: 0 }, to: canvas.scene.portOf(placed, 'out', 0), over: undefined, sticky: true, byKeys: false };
    },
  },
  {
    id: 'canvas.open-subflow',
    name: 'Open the subflow',
    when: (editor) => subflowOf(one(editor) ?? { id: '', type: '' }) !== '',
    perform: (editor) => editor.show(subflowOf(one(editor)!)),
  },
  {
    id: 'canvas.fold',
    name: 'Fold the group',
    keywords: 'collapse',
    needs: 'deploy',
    when: (editor) => one(editor)?.type === 'group' && !isFolded(one(editor)!),
    perform: (editor) => fold(editor, editor.selection.first ?? '', true),
  },
  {
    id: 'canvas.unfold',
    name: 'Unfold the group',
    keywords: 'expand',
    needs: 'deploy',
    when: (editor) => isFolded(one(editor) ?? { id: '', type: '' }),
    perform: (editor) => fold(editor, editor.selection.first ?? '', false),
  },
  {
    id: 'canvas.watch',
    name: 'Show what passes here',
    keywords: 'wire tap rate',
    when: (editor) => wire(editor) !== undefined,
    perform: (editor) => {
      canvasOf(editor).watched = { key: wire(editor)!.key, at: centreOf(wire(editor)!) };
    },
  },
  {
    id: 'canvas.keep-watching',
    name: 'Keep watching this wire',
    keywords: 'tap debug',
    needs: 'payloads',
    when: (editor) => wire(editor)?.isLink === false,
    perform: (editor) => keepWatching(editor, wire(editor)!.wire),
  },
  { id: 'canvas.insert', name: 'Put a node into this wire', needs: 'deploy', when: isFree, perform: (editor) => void (canvasOf(editor).asked = { at: centreOf(wire(editor)!), wire: wire(editor)! }) },
  { id: 'canvas.reroute', name: 'Add a reroute point', keywords: 'junction wire', needs: 'deploy', when: isFree, perform: (editor) => reroute(editor, wire(editor)!, centreOf(wire(editor)!)) },
  {
    id: 'canvas.through-links',
    name: 'Lead the wire through link nodes',
    needs: 'deploy',
    when: isFree,
    perform: (editor) => void editor.draft.edit(t('Lead a wire through link nodes'), (edit) => throughLinks(edit, wire(editor)!.wire)),
  },
  {
    id: 'canvas.focus',
    name: 'Go to the canvas',
    keywords: 'focus keyboard',
    keys: ['Mod+Shift+ArrowUp'],
    when: onCanvas,
    perform: (editor) => {
      const canvas = canvasOf(editor);
      const placed = canvas.scene.byId.get(canvas.focused) ?? canvas.scene.inReadingOrder[0];
      if (placed) focusOn(editor, placed);
      else canvas.element?.focus();
    },
  },
];

/** A pointer that is not over the canvas any more says nothing. */
function seenOr(editor: Editor, at: { x: number; y: number }): { x: number; y: number } {
  const canvas = canvasOf(editor);
  const frame = canvas.toFrame(at);
  return frame.x > 0 && frame.y > 0 && frame.x < canvas.width && frame.y < canvas.height ? at : freePlace(editor);
}
