import type { Edit } from '../flow-doc';
import { text, type Item } from '../item';
import { boxAround, boxOf, roughSize, type SizeOf } from '../size';
import { groupsAround, membersOf } from './members';

const AROUND = 20;
/** Where the group's name is written. */
const HEADER = 20;

/** Makes a group as large as what is in it. One that is empty stays as it is. */
export function fit(edit: Edit, groupId: string, size: SizeOf): void {
  const group = edit.get(groupId);
  if (group?.type !== 'group') return;
  const inner = boxAround(membersOf(edit, group).map((item) => boxOf(item, item.type === 'group' ? own(item) : size(item))));
  if (!inner) return;
  const header = text(group, 'name') ? HEADER : 0;
  edit.set(groupId, { x: inner.x - AROUND, y: inner.y - AROUND - header, w: inner.w + 2 * AROUND, h: inner.h + 2 * AROUND + header });
}

/** Makes all groups fit that these items are in, from the inside to the outside. */
export function fitAround(edit: Edit, ids: Iterable<string>, size: SizeOf = roughSize(edit)): void {
  const depths = new Map<string, number>();
  for (const id of ids) {
    const item = edit.get(id);
    if (!item) continue;
    const groups = groupsAround(edit, item);
    groups.forEach((group, n) => depths.set(group.id, groups.length - n));
  }
  for (const [id] of [...depths].sort((a, b) => b[1] - a[1])) fit(edit, id, size);
}

const own = (group: Item): { w: number; h: number } => ({ w: finite(group.w), h: finite(group.h) });
const finite = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);
