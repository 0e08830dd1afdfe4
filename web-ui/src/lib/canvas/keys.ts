// The canvas without a pointer: Tab goes from node to node as a page is read, Alt and arrows follow wires, `c` connects, `w` goes through wires.
// Shortcuts that are actions are not here: the frame hears those.

import { tick } from 'svelte';

import { labelOf } from '../doc/ports';
import { t } from '../i18n/i18n.svelte';
import type { Editor } from '../state/editor.svelte';
import { canvasOf, type Canvas } from './canvas.svelte';
import { connectPorts, GRID, inspect, moveChosen } from './commands';
import { middle } from './geometry';
import { actOn, hasAct } from './node-acts';
import type { Placed } from './scene.svelte';

const ARROWS: Readonly<Record<string, readonly [number, number]>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** What can be done by these keys, for the page of shortcuts. */
export const keysOfCanvas = (): { readonly name: string; readonly keys: readonly string[] }[] => [
  { name: t('Next node'), keys: ['Tab'] },
  { name: t('Node before'), keys: ['Shift+Tab'] },
  { name: t('Leave the nodes; the next Tab leaves the flow'), keys: ['Escape'] },
  { name: t('Follow the wires'), keys: ['Alt+ArrowLeft', 'Alt+ArrowRight'] },
  { name: t('Among those that one node leads to'), keys: ['Alt+ArrowUp', 'Alt+ArrowDown'] },
  { name: t('Move what is chosen, or the view'), keys: ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'] },
  { name: t('Move by a step of the grid'), keys: ['Shift+ArrowLeft', 'Shift+ArrowRight', 'Shift+ArrowUp', 'Shift+ArrowDown'] },
  { name: t('Open the node'), keys: ['Enter'] },
  { name: t('Press the button of the node'), keys: ['Space'] },
  { name: t('Connect the node: arrows choose, digits are its outputs'), keys: ['C'] },
  { name: t('Look at the wires of the node'), keys: ['W', 'Shift+W'] },
];

/** Does what a key means here. Tells whether it meant something. */
export function pressKey(event: KeyboardEvent, editor: Editor): boolean {
  const canvas = canvasOf(editor);
  if (event.ctrlKey || event.metaKey) return false;
  if (canvas.pending?.byKeys) return aims(event, editor, canvas);
  const arrow = ARROWS[event.key];
  const isLeaving = canvas.leaving;
  // Shift is pressed for Shift+Tab, and is no other wish.
  if (event.key !== 'Shift') canvas.leaving = false;
  if (event.key === 'Escape') return canvas.cancel() || leavesNodes(canvas);
  if (event.key === 'Tab') return !isLeaving && goes(editor, canvas, event.shiftKey ? -1 : 1);
  if (arrow && event.altKey) return follows(editor, canvas, event.key);
  if (arrow) return moves(editor, canvas, arrow, event.shiftKey);
  const focused = canvas.scene.byId.get(canvas.focused);
  if (event.altKey || !focused) return false;
  if (event.key === 'Enter') {
    inspect(editor, focused.id);
    return true;
  }
  if (event.key === ' ' && hasAct(focused.item) && editor.session.may('inject')) {
    void actOn(editor, focused.item);
    return true;
  }
  if (event.key === 'c' && canvas.canEdit) return begins(editor, canvas, focused, 0);
  if (event.key === 'w' || event.key === 'W') return looksAtWires(editor, canvas, focused, event.shiftKey ? -1 : 1);
  return false;
}

/** Puts the focus on a node, and brings it into view. */
export function focusOn(editor: Editor, placed: Placed, choose = true): void {
  const canvas = canvasOf(editor);
  canvas.focused = placed.id;
  if (choose) editor.selection.only(placed.id);
  canvas.reveal(placed.box);
  void tick().then(() => canvas.element?.querySelector<HTMLElement>(`[data-node="${CSS.escape(placed.id)}"]`)?.focus({ preventScroll: true }));
}

/** Back to the flow as a whole; what Escape means besides goes on to be heard. */
function leavesNodes(canvas: Canvas): false {
  canvas.focused = '';
  canvas.leaving = true;
  canvas.element?.focus({ preventScroll: true });
  return false;
}

function goes(editor: Editor, canvas: Canvas, by: 1 | -1): boolean {
  const order = canvas.scene.inReadingOrder;
  const at = order.findIndex((node) => node.id === canvas.focused);
  const next = order[at < 0 ? (by === 1 ? 0 : order.length) : at + by];
  // Behind the last and before the first the canvas is left, as Tab does everywhere.
  if (!next || (at < 0 && by === -1)) {
    canvas.focused = '';
    return false;
  }
  focusOn(editor, next);
  return true;
}

function moves(editor: Editor, canvas: Canvas, [dx, dy]: readonly [number, number], far: boolean): boolean {
  const ids = [...editor.selection.items];
  if (ids.length === 0) canvas.pan(-dx * 60, -dy * 60);
  else if (!canvas.canEdit) return false;
  else {
    const step = far ? GRID : 1;
    moveChosen(editor, ids, dx * step, dy * step, { joins: `move ${ids.join(' ')}` });
    const box = canvas.chosenBounds;
    if (box) canvas.reveal(box);
  }
  return true;
}

/** Along wires: to what a node leads to, to what leads to it, and up and down among those that the same node leads to. */
function follows(editor: Editor, canvas: Canvas, key: string): boolean {
  const { scene, focused } = canvas;
  const here = scene.byId.get(focused);
  if (!here) return false;
  const isAcross = key === 'ArrowRight' || key === 'ArrowLeft';
  const ends = (id: string, side: 'from' | 'to'): string[] => scene.wires.filter((wire) => wire[side] === id).map((wire) => (side === 'from' ? wire.to : wire.from));
  const beside = (): string[] => {
    const before = ends(focused, 'to');
    const siblings = before.length > 0 ? before.flatMap((id) => ends(id, 'from')) : ends(focused, 'from').flatMap((id) => ends(id, 'to'));
    return siblings.filter((id) => id !== focused);
  };
  const y = (placed: Placed): number => middle(placed.box).y;
  const found = (isAcross ? ends(focused, key === 'ArrowRight' ? 'from' : 'to') : beside())
    .map((id) => scene.byId.get(id))
    .filter((placed) => placed !== undefined)
    .filter((placed) => isAcross || (key === 'ArrowUp' ? y(placed) < y(here) : y(placed) > y(here)))
    .sort((a, b) => Math.abs(y(a) - y(here)) - Math.abs(y(b) - y(here)));
  if (found[0]) focusOn(editor, found[0]);
  return true;
}

function looksAtWires(editor: Editor, canvas: Canvas, node: Placed, by: 1 | -1): boolean {
  const wires = canvas.scene.wires.filter((wire) => wire.from === node.id || wire.to === node.id);
  if (wires.length === 0) return true;
  const at = wires.findIndex((wire) => editor.selection.wires.has(wire.key));
  const wire = wires[(at < 0 && by === -1 ? wires.length - 1 : at + by + wires.length) % wires.length]!;
  editor.selection.clear();
  editor.selection.wires.add(wire.key);
  canvas.reveal(wire.bounds);
  canvas.watched = { key: wire.key, at: { x: (wire.a.x + wire.b.x) / 2, y: (wire.a.y + wire.b.y) / 2 } };
  return true;
}

function nameOf(editor: Editor, placed: Placed): string {
  return labelOf(placed.item, editor.draft.doc, editor.types);
}

/** What a wire could lead to, the nearest first. */
function targets(canvas: Canvas, from: string): Placed[] {
  const here = canvas.scene.byId.get(from);
  if (!here) return [];
  const at = middle(here.box);
  const far = (placed: Placed): number => {
    const to = middle(placed.box);
    // What stands further right is what usually follows.
    return Math.hypot(to.x - at.x, to.y - at.y) + (to.x < at.x ? 400 : 0);
  };
  return canvas.scene.nodes.filter((node) => node.inputs > 0 && node.id !== from).sort((a, b) => far(a) - far(b));
}

function begins(editor: Editor, canvas: Canvas, node: Placed, port: number): boolean {
  if (node.outputs === 0) {
    canvas.say(t('This node has no output.'));
    return true;
  }
  const first = targets(canvas, node.id)[0];
  if (!first) return true;
  canvas.pending = { from: { id: node.id, side: 'out', n: port }, to: middle(first.box), over: { id: first.id, side: 'in', n: 0 }, sticky: true, byKeys: true };
  canvas.say(t('Connect output {n} with {name}? Arrows choose, Enter connects, Escape stops.', { n: port + 1, name: nameOf(editor, first) }));
  return true;
}

function aims(event: KeyboardEvent, editor: Editor, canvas: Canvas): boolean {
  const pending = canvas.pending!;
  if (event.key === 'Escape') {
    canvas.pending = undefined;
    return true;
  }
  if (event.key === 'Enter') {
    canvas.pending = undefined;
    if (pending.over) connectPorts(editor, pending.from, pending.over);
    return true;
  }
  const from = canvas.scene.byId.get(pending.from.id);
  if (from && /^[1-9]$/.test(event.key) && Number(event.key) <= from.outputs) {
    canvas.pending = { ...pending, from: { ...pending.from, n: Number(event.key) - 1 } };
    canvas.say(t('Output {n}', { n: Number(event.key) }));
    return true;
  }
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Tab: event.shiftKey ? -1 : 1 }[event.key];
  if (by === undefined) return true;
  const all = targets(canvas, pending.from.id);
  const at = all.findIndex((node) => node.id === pending.over?.id);
  const next = all[(at + by + all.length) % all.length];
  if (next) {
    canvas.pending = { ...pending, to: middle(next.box), over: { id: next.id, side: 'in', n: 0 } };
    canvas.reveal(next.box);
    canvas.say(nameOf(editor, next));
  }
  return true;
}
