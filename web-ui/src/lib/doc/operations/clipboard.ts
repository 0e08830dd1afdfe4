import type { Edit, Items } from '../flow-doc';
import { isOnCanvas, kindOf, placeOf, subflowOf, type Item } from '../item';
import { referencesOf, withReferences } from '../references';
import { withoutSecrets } from '../secrets';
import { boxAround, boxOf, roughSize } from '../size';
import { noTypes, type Types } from '../types';
import { snap } from './arrange';
import { withMembers } from './members';
import { graft } from './graft';

/** These items as Node-RED exports them: with the config nodes and subflows that they need, and without secrets. */
export function copied(doc: Items & { items(): Item[] }, ids: Iterable<string>, types: Types = noTypes): string {
  return JSON.stringify(copiedItems(doc, ids, types));
}

export function copiedItems(doc: Items & { items(): Item[] }, ids: Iterable<string>, types: Types = noTypes): Item[] {
  const all = withMembers(doc, ids);
  const isContainer = (item: Item | undefined): boolean => item?.type === 'tab' || item?.type === 'subflow';
  const next = [...all];
  for (let id = next.pop(); id !== undefined; id = next.pop()) {
    const item = doc.get(id)!;
    const needs = referencesOf(item, types).filter(({ as }) => as === 'config' || as === 'subflow');
    const more = needs.map((need) => doc.get(need.id)).filter((each) => each && (kindOf(each) === 'config' || each.type === 'subflow'));
    if (isContainer(item)) more.push(...doc.on(id));
    for (const each of more) if (each && !all.has(each.id)) next.push((all.add(each.id), each.id));
  }
  return doc.items().flatMap((item) => {
    if (!all.has(item.id)) return [];
    const becomes = (id: string, as: string): string | undefined => (all.has(id) || as === 'config' || as === 'place' ? id : undefined);
    return [withoutSecrets(withReferences(item, becomes, types), types)];
  });
}

export interface Paste {
  /** The tab or subflow. */
  readonly place: string;
  /** Where the middle of it all comes. */
  readonly x: number;
  readonly y: number;
  readonly types: Types;
}

/** Puts copied items onto a canvas, and gives the new ids of what stands there now. */
export function paste(edit: Edit, items: readonly Item[], { place, x, y, types }: Paste): string[] {
  const containers = new Set(items.filter(({ type }) => type === 'tab' || type === 'subflow').map(({ id }) => id));
  const loose = items.filter((item) => isOnCanvas(item) && !containers.has(placeOf(item)) && !isAround(edit, item, place));
  const isLoose = new Set(loose);
  const come = items.filter((item) => isLoose.has(item) || !isOnCanvas(item) || containers.has(placeOf(item)));
  const size = roughSize(edit);
  const box = boxAround(loose.map((item) => boxOf(item, size(item))));
  // By whole steps of the grid: what was in line with it still is.
  const dx = box ? snap(x - (box.x + box.w / 2)) : 0;
  const dy = box ? snap(y - (box.y + box.h / 2)) : 0;
  const { ids } = graft(edit, come, { place, dx, dy, types });
  return loose.flatMap(({ id }) => ids.get(id) ?? []);
}

/** An instance cannot stand in its own subflow, nor in one that its subflow stands in. */
function isAround(edit: Edit, item: Item, place: string): boolean {
  const first = subflowOf(item);
  if (!first) return false;
  const seen = new Set<string>();
  const next = [first];
  for (let id = next.pop(); id !== undefined; id = next.pop()) {
    if (id === place) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    for (const inside of edit.on(id)) if (subflowOf(inside)) next.push(subflowOf(inside));
  }
  return false;
}
