// What gestures, keys and menus do to the draft: each is one step that can be undone.

import type { Edit } from '../doc/flow-doc';
import { kindOf, number, text, type Item, type Wire } from '../doc/item';
import { newNode, newSubflowInstance } from '../doc/operations/create';
import { addTo } from '../doc/operations/groups';
import { MOST_JOINED, TooManyWires } from '../doc/operations/heal';
import { moveBy, movePort } from '../doc/operations/move';
import { remove, removeAndHeal } from '../doc/operations/remove';
import { removePort, wirePort } from '../doc/operations/subflows';
import { addReroute, connect, disconnect, insertOnWire, moveWireEnd } from '../doc/operations/wires';
import { sizeOf, type Size } from '../doc/size';
import { t, tn } from '../i18n/i18n.svelte';
import type { Editor } from '../state/editor.svelte';
import { amount } from '../ui/amounts';
import { canvasOf, type Port } from './canvas.svelte';
import type { Entry } from './catalogue';
import { openFlow } from './flow-commands';
import { distanceTo, holds, middle, type Point } from './geometry';
import { remember } from './liked.svelte';
import { isFolded, type PlacedWire } from './scene.svelte';
import { endOf } from './subflow-ports';

export const GRID = 20;
const snapped = (n: number): number => Math.round(n / GRID) * GRID;

export const sizer =
  (editor: Editor) =>
  (item: Item): Size =>
    sizeOf(item, editor.types, editor.draft.doc);

/** A place for a new node: on the grid, where a person wants that. */
function placeFor(editor: Editor, at: Point, size: Size): Point {
  if (!editor.view.kept.snap) return { x: Math.round(at.x), y: Math.round(at.y) };
  return { x: snapped(at.x - size.w / 2) + size.w / 2, y: snapped(at.y) };
}

export interface Where {
  /** The middle of it; where it hangs on a wire that is being drawn, the end of that. */
  readonly at: Point;
  readonly from?: Port;
  readonly wire?: PlacedWire;
}

/** Puts something new on the canvas, connected with what it was asked for. Gives its id. */
export function place(editor: Editor, entry: Entry, { at, from, wire }: Where): string {
  const { draft, types, selection } = editor;
  const first = entry.subflow ? newSubflowInstance(entry.subflow, '', at.x, at.y) : entry.type && newNode(entry.type, '', at.x, at.y);
  if (!first) return '';
  const size = sizeOf(first, types, draft.doc);
  const aside = from ? { x: at.x + (from.side === 'out' ? size.w / 2 : -size.w / 2), y: at.y } : at;
  const { x, y } = placeFor(editor, aside, size);
  draft.edit(t('Add {name}', { name: entry.name }), (edit) => {
    const item = { ...first, z: openFlow(editor, edit), x, y };
    edit.put(item);
    if (from) joined(edit, editor, from, { id: item.id, side: from.side === 'out' ? 'in' : 'out', n: 0 });
    if (wire && !wire.isLink) insertOnWire(edit, item.id, wire.wire, types);
    const group = groupAt(editor, { x, y });
    if (group) addTo(edit, group, [item.id], sizer(editor));
  });
  selection.only(first.id);
  remember(entry.key);
  canvasOf(editor).focused = first.id;
  return first.id;
}

/** The innermost open group at a point. */
export function groupAt(editor: Editor, at: Point): string | undefined {
  return canvasOf(editor).scene.groups.findLast((group) => holds(group.box, at))?.id;
}

/** A wire between two ports, whichever of both was chosen first. */
function joined(edit: Edit, editor: Editor, a: Port, b: Port): boolean {
  const [out, into] = a.side === 'out' ? [a, b] : [b, a];
  if (out.side === into.side || out.id === into.id) return false;
  const [first, last] = [endOf(out.id), endOf(into.id)];
  if (first) return last ? false : wirePort(edit, first.subflow, first.kind, first.n, { id: into.id });
  if (last) return wirePort(edit, last.subflow, last.kind, last.n, { id: out.id, port: out.n });
  return connect(edit, { from: out.id, port: out.n, to: into.id }, editor.types);
}

export function connectPorts(editor: Editor, a: Port, b: Port): boolean {
  let done = false;
  editor.draft.edit(t('Connect'), (edit) => (done = joined(edit, editor, a, b)));
  if (done) canvasOf(editor).say(t('Connected'));
  return done;
}

/** Takes wires from one port to another. */
export function rewire(editor: Editor, wires: readonly Wire[], to: Port): void {
  editor.draft.edit(t('Move wires'), (edit) => {
    for (const wire of wires) moveWireEnd(edit, wire, to.side === 'in' ? { to: to.id } : { from: to.id, port: to.n }, editor.types);
  });
}

function cut(edit: Edit, wire: Wire): void {
  const [first, last] = [endOf(wire.from), endOf(wire.to)];
  if (first) wirePort(edit, first.subflow, first.kind, first.n, { id: wire.to }, false);
  else if (last) wirePort(edit, last.subflow, last.kind, last.n, { id: wire.from, port: wire.port }, false);
  else disconnect(edit, wire);
}

/** Takes away what is chosen. With `heal`, what led to it leads to what it led to. */
export function removeChosen(editor: Editor, heal = false): void {
  const { draft, selection } = editor;
  const scene = canvasOf(editor).scene;
  const ids = [...selection.items];
  const wires = [...selection.wires].map((key) => scene.wireByKey.get(key)).filter((wire) => wire !== undefined);
  if (ids.length + wires.length === 0) return;
  const after = nextAfter(editor, ids);
  const label = ids.length === 0 ? tn(wires.length, 'Delete a wire', 'Delete {n} wires') : tn(ids.length, 'Delete a node', 'Delete {n} nodes');
  draft.edit(label, (edit) => {
    for (const { wire, isLink } of wires) if (!isLink) cut(edit, wire);
    // From the last to the first: the ends of a subflow are counted.
    for (const end of ids.map(endOf).filter((one) => one !== undefined).sort((a, b) => b.n - a.n)) removePort(edit, end.subflow, end.kind, end.n);
    const rest = ids.filter((id) => !endOf(id));
    if (heal) joinWires(edit, rest, editor);
    else remove(edit, rest, editor.types);
  });
  selection.clear();
  canvasOf(editor).focused = after ?? '';
  canvasOf(editor).say(label);
}

function joinWires(edit: Edit, ids: readonly string[], editor: Editor): void {
  try {
    removeAndHeal(edit, ids, editor.types);
  } catch (error) {
    if (!(error instanceof TooManyWires)) throw error;
    throw new Error(t('Joining the wires would draw more than {n} new ones. Delete fewer nodes at once, or delete them without joining.', { n: amount(MOST_JOINED) }), { cause: error });
  }
}

/** Where the focus goes when these are gone: what comes next, as a page is read. */
function nextAfter(editor: Editor, ids: readonly string[]): string | undefined {
  const order = canvasOf(editor).scene.inReadingOrder;
  const last = order.findLastIndex((node) => ids.includes(node.id));
  return [...order.slice(last + 1), ...order.slice(0, Math.max(0, last)).reverse()].find((node) => !ids.includes(node.id))?.id;
}

/** Moves what is chosen, also ends of an open subflow. */
export function moveChosen(editor: Editor, ids: Iterable<string>, dx: number, dy: number, options: { joins?: string; wire?: PlacedWire } = {}): void {
  const all = [...ids];
  editor.draft.edit(
    tn(all.length, 'Move a node', 'Move {n} nodes'),
    (edit) => {
      for (const id of all) {
        const end = endOf(id);
        if (end) movePort(edit, end.subflow, end.kind, end.n, dx, dy);
      }
      moveBy(edit, all.filter((id) => !endOf(id)), dx, dy, sizer(editor));
      if (options.wire) insertOnWire(edit, all[0]!, options.wire.wire, editor.types);
      else if (options.joins === undefined) joinGroups(editor, edit, all);
    },
    options.joins,
  );
}

/** What was let go inside of a group belongs to it from now on. */
function joinGroups(editor: Editor, edit: Edit, ids: readonly string[]): void {
  const moved = new Set(ids);
  for (const id of ids) {
    const item = edit.get(id);
    if (!item || kindOf(item) !== 'node' || text(item, 'g')) continue;
    const group = groupAt(editor, { x: number(item, 'x'), y: number(item, 'y') });
    if (group && !moved.has(group)) addTo(edit, group, [id], sizer(editor));
  }
}

export function reroute(editor: Editor, wire: PlacedWire, at: Point): void {
  if (wire.isLink || endOf(wire.wire.from) || endOf(wire.wire.to)) return;
  let id = '';
  const to = editor.view.kept.snap ? { x: snapped(at.x), y: snapped(at.y) } : at;
  editor.draft.edit(t('Add a reroute point'), (edit) => (id = addReroute(edit, wire.wire, to.x, to.y)));
  if (id) editor.selection.only(id);
}

/** The wire under a node that is held over it, where the node could go into it. */
export function wireUnder(editor: Editor, at: Point, node: { inputs: number; outputs: number; id?: string }, reach = 18): PlacedWire | undefined {
  if (node.inputs === 0 || node.outputs === 0) return undefined;
  const near = (wire: PlacedWire): boolean => !wire.isLink && wire.from !== node.id && wire.to !== node.id && !endOf(wire.wire.from) && !endOf(wire.wire.to);
  return canvasOf(editor)
    .scene.seenWires.filter((wire) => near(wire) && holds({ x: wire.bounds.x - reach, y: wire.bounds.y - reach, w: wire.bounds.w + 2 * reach, h: wire.bounds.h + 2 * reach }, at))
    .find((wire) => distanceTo(wire.curve, at) < reach);
}

export const hasWires = (editor: Editor, id: string): boolean => editor.draft.doc.outgoing(id).length > 0 || editor.draft.doc.incoming(id).length > 0;

/** Opens or folds a group. Node-RED does not know the property, and reads the flow as it is. */
export function fold(editor: Editor, id: string, folded: boolean): void {
  const item = editor.draft.doc.get(id);
  if (!item || item.type !== 'group' || isFolded(item) === folded) return;
  editor.draft.edit(folded ? t('Fold a group') : t('Unfold a group'), (edit) => edit.set(id, { tg_collapsed: folded ? true : undefined }));
}

/** Where something new is put when nobody says where: in the middle of what is seen, beside what is there already. */
export function freePlace(editor: Editor): Point {
  const canvas = canvasOf(editor);
  const at = { ...canvas.centre };
  for (let tries = 0; tries < 20 && canvas.scene.nodes.some((node) => Math.hypot(middle(node.box).x - at.x, middle(node.box).y - at.y) < 40); tries++) at.y += 60;
  return at;
}

/** Shows what is chosen in the inspector. */
export function inspect(editor: Editor, id: string): void {
  if (endOf(id)) editor.selection.only(endOf(id)!.subflow);
  else if (!editor.selection.items.has(id)) editor.selection.only(id);
  editor.view.reveal('inspector');
}
