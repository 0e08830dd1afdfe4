import type { Items } from '../flow-doc';
import { groupOf, isOnCanvas, kindOf, type Item } from '../item';
import { boxAround, boxOf, type Point, type Size, type SizeOf } from '../size';
import { snap } from './arrange';
import { groupsAround, membersOf, withMembers } from './members';

const BETWEEN_RANKS = 60;
const BETWEEN_NODES = 30;
const GROUP_AROUND = 20;
const GROUP_HEADER = 20;
/** Laying out more than this at once would hold up the page. */
export const MOST_TIDIED = 3_000;

export class TooManyToTidy extends Error {
  constructor() {
    super(`tidying is for at most ${MOST_TIDIED} nodes at once: choose some of them`);
  }
}

/**
 * Places for what is on a canvas, or for some of it: from left to right along the wires. What is in a group stays together.
 * The whole keeps its top left corner. Comments and what is not wired at all stay where they are.
 */
export async function tidy(doc: Items, place: string, ids: Iterable<string> | undefined, size: SizeOf): Promise<Map<string, Point>> {
  const on = doc.on(place).filter((item) => isOnCanvas(item));
  const asked = ids === undefined ? new Set(on.map(({ id }) => id)) : withMembers(doc, ids);
  const chosen = on.filter((item) => asked.has(item.id));
  const places = new Map<string, Point>();
  if (chosen.length < 2) return places;
  if (chosen.length > MOST_TIDIED) throw new TooManyToTidy();
  const layout = await import('./layout/layout');
  const outer = chosen.filter((item) => !groupsAround(doc, item).some((group) => asked.has(group.id)));
  const isWired = wiredOf(doc, chosen);
  lay(outer);
  return places;

  /** Gives the size of what was laid out. */
  function lay(items: readonly Item[]): void {
    const boxes = new Map<string, Size>();
    for (const item of items) {
      if (item.type !== 'group') boxes.set(item.id, size(item));
      else boxes.set(item.id, layGroup(item));
    }
    const moving = items.filter((item) => item.type === 'group' || isWired(item.id));
    if (moving.length === 0) return;
    const corner = boxAround(moving.map((item) => boxOf(item, item.type === 'group' ? { w: 0, h: 0 } : boxes.get(item.id)!)))!;
    const standsFor = new Map<string, string>();
    for (const item of moving) for (const id of withMembers(doc, [item.id])) standsFor.set(id, item.id);
    const wires = chosen.flatMap((item) => {
      const from = standsFor.get(item.id);
      return from === undefined ? [] : targets(item).flatMap((end) => (standsFor.has(end) && standsFor.get(end) !== from ? [{ from, to: standsFor.get(end)! }] : []));
    });
    const centres = layout.layered(moving.map(({ id }) => ({ id, ...boxes.get(id)! })), wires, { ranks: BETWEEN_RANKS, nodes: BETWEEN_NODES });
    for (const item of moving) {
      const { w, h } = boxes.get(item.id)!;
      const centre = centres.get(item.id)!;
      const at = { x: snap(corner.x) + centre.x - w / 2, y: snap(corner.y) + centre.y - h / 2 };
      if (item.type === 'group') shift(item, at);
      else places.set(item.id, { x: snap(at.x + w / 2), y: snap(at.y + h / 2) });
    }
  }

  /** What is in the group is laid out first; where the group comes is seen later. */
  function layGroup(group: Item): Size {
    const members = membersOf(doc, group).filter((item) => asked.has(item.id) && groupOf(item) === group.id);
    lay(members);
    const box = boxAround(members.map((item) => boxNow(item)));
    return box ? { w: box.w + 2 * GROUP_AROUND, h: box.h + 2 * GROUP_AROUND + GROUP_HEADER } : { w: Number(group.w) || 0, h: Number(group.h) || 0 };
  }

  function boxNow(item: Item): { x: number; y: number; w: number; h: number } {
    if (item.type !== 'group') return boxOf({ ...item, ...places.get(item.id) }, size(item));
    const inner = boxAround(membersOf(doc, item).filter((each) => groupOf(each) === item.id).map(boxNow));
    if (!inner) return boxOf({ ...item, ...places.get(item.id) }, { w: Number(item.w) || 0, h: Number(item.h) || 0 });
    return { x: inner.x - GROUP_AROUND, y: inner.y - GROUP_AROUND - GROUP_HEADER, w: inner.w + 2 * GROUP_AROUND, h: inner.h + 2 * GROUP_AROUND + GROUP_HEADER };
  }

  function shift(group: Item, at: Point): void {
    const box = boxNow(group);
    const [dx, dy] = [snap(at.x - box.x), snap(at.y - box.y)];
    for (const id of withMembers(doc, [group.id])) {
      const item = doc.get(id)!;
      const now = places.get(id) ?? { x: Number(item.x) || 0, y: Number(item.y) || 0 };
      if (kindOf(item) === 'node') places.set(id, { x: now.x + dx, y: now.y + dy });
    }
    places.set(group.id, { x: box.x + dx, y: box.y + dy });
  }
}

const targets = (item: Item): string[] => (Array.isArray(item.wires) ? (item.wires as unknown[]).flat().filter((end): end is string => typeof end === 'string') : []);

function wiredOf(doc: Items, items: readonly Item[]): (id: string) => boolean {
  const wired = new Set<string>();
  for (const item of items) {
    const ends = targets(item).filter((end) => doc.get(end));
    if (ends.length > 0) wired.add(item.id);
    for (const end of ends) wired.add(end);
  }
  return (id) => wired.has(id);
}
