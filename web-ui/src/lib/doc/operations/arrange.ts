import type { Edit } from '../flow-doc';
import { isOnCanvas, type Item } from '../item';
import { boxAround, boxOf, type Box, type SizeOf } from '../size';
import { moveBy } from './move';

export const GRID = 20;

/** The nearest place on the grid. */
export const snap = (n: number): number => Math.round(n / GRID) * GRID || 0;

export type Edge = 'left' | 'centre' | 'right' | 'top' | 'middle' | 'bottom';

interface Placed {
  readonly id: string;
  readonly box: Box;
}

/** Puts items in line along one edge of them all, or along their middle. What is in a group that is arranged goes with it. */
export function align(edit: Edit, ids: Iterable<string>, edge: Edge, size: SizeOf): void {
  const all = placed(edit, ids, size);
  const around = boxAround(all.map(({ box }) => box));
  if (!around || all.length < 2) return;
  const away = (box: Box): { dx: number; dy: number } => {
    switch (edge) {
      case 'left':
        return { dx: around.x - box.x, dy: 0 };
      case 'right':
        return { dx: around.x + around.w - (box.x + box.w), dy: 0 };
      case 'centre':
        return { dx: around.x + around.w / 2 - (box.x + box.w / 2), dy: 0 };
      case 'top':
        return { dx: 0, dy: around.y - box.y };
      case 'bottom':
        return { dx: 0, dy: around.y + around.h - (box.y + box.h) };
      case 'middle':
        return { dx: 0, dy: around.y + around.h / 2 - (box.y + box.h / 2) };
    }
  };
  for (const { id, box } of all) {
    const { dx, dy } = away(box);
    moveBy(edit, [id], dx, dy, size);
  }
}

/** The same room between items; the two at the ends stay where they are. */
export function distribute(edit: Edit, ids: Iterable<string>, way: 'across' | 'down', size: SizeOf): void {
  const along = (box: Box): { at: number; length: number } => (way === 'across' ? { at: box.x, length: box.w } : { at: box.y, length: box.h });
  const all = placed(edit, ids, size).sort((a, b) => along(a.box).at + along(a.box).length / 2 - (along(b.box).at + along(b.box).length / 2));
  const [first, last] = [all[0], all.at(-1)];
  if (!first || !last || all.length < 3) return;
  const end = along(last.box);
  const room = end.at + end.length - along(first.box).at - all.reduce((sum, { box }) => sum + along(box).length, 0);
  let at = along(first.box).at;
  for (const { id, box } of all) {
    const away = Math.round(at - along(box).at);
    if (way === 'across') moveBy(edit, [id], away, 0, size);
    else moveBy(edit, [id], 0, away, size);
    at += along(box).length + room / (all.length - 1);
  }
}

/** Puts items onto the grid. */
export function snapToGrid(edit: Edit, ids: Iterable<string>, size: SizeOf): void {
  for (const { id } of placed(edit, ids, size)) {
    const item = edit.get(id)!;
    const [x, y] = [Number(item.x), Number(item.y)];
    moveBy(edit, [id], snap(x) - x, snap(y) - y, size);
  }
}

/** What stands on the canvas, without what is in a group that is arranged itself. */
function placed(edit: Edit, ids: Iterable<string>, size: SizeOf): Placed[] {
  const asked = new Set(ids);
  return [...asked].flatMap((id) => {
    const item = edit.get(id);
    if (!item || !isOnCanvas(item) || isIn(edit, item, asked)) return [];
    return [{ id, box: boxOf(item, item.type === 'group' ? { w: Number(item.w) || 0, h: Number(item.h) || 0 } : size(item)) }];
  });
}

function isIn(edit: Edit, item: Item, groups: ReadonlySet<string>): boolean {
  const seen = new Set<string>();
  for (let id = item.g; typeof id === 'string' && !seen.has(id); id = edit.get(id)?.g) {
    if (groups.has(id)) return true;
    seen.add(id);
  }
  return false;
}
