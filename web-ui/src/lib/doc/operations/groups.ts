import type { Edit } from '../flow-doc';
import { groupOf, isOnCanvas, newId, placeOf, type Item } from '../item';
import { roughSize, type SizeOf } from '../size';
import { fit, fitAround } from './fit';
import { groupsAround, membersOf, removeEmpty, setGroup, withMembers } from './members';

export { fit };

/** Puts items of one canvas into a new group, and gives its id. It stands in the group that they all were in. */
export function group(edit: Edit, ids: Iterable<string>, size: SizeOf = roughSize(edit)): string | undefined {
  const chosen = outermost(edit, ids);
  const place = chosen[0] && placeOf(chosen[0]);
  const items = chosen.filter((item) => placeOf(item) === place);
  if (place === undefined || items.length === 0) return undefined;
  const parent = groupOf(items[0]!);
  const around = parent !== '' && items.every((item) => groupOf(item) === parent) && edit.get(parent)?.type === 'group' ? parent : undefined;
  const id = newId();
  edit.put({ id, type: 'group', z: place, name: '', style: { label: true }, nodes: [], x: 0, y: 0, w: 0, h: 0 }, behind(edit, items));
  if (around !== undefined) setGroup(edit, id, around);
  const left = items.map(groupOf);
  for (const item of items) setGroup(edit, item.id, id);
  fit(edit, id, size);
  removeEmpty(edit, left);
  fitAround(edit, [id, ...stillThere(edit, left)], size);
  return id;
}

/** The group goes, and what is in it stays, in the group around it if there is one. */
export function ungroup(edit: Edit, ids: Iterable<string>): void {
  for (const id of ids) {
    const group = edit.get(id);
    if (group?.type !== 'group') continue;
    const parent = around(edit, group);
    for (const member of membersOf(edit, group)) setGroup(edit, member.id, parent);
    setGroup(edit, id, undefined);
    edit.remove(id);
  }
}

/** Puts items of the same canvas into a group. A group is not put into itself. */
export function addTo(edit: Edit, groupId: string, ids: Iterable<string>, size: SizeOf = roughSize(edit)): void {
  const group = edit.get(groupId);
  if (group?.type !== 'group') return;
  const above = new Set([groupId, ...groupsAround(edit, group).map(({ id }) => id)]);
  const items = outermost(edit, ids).filter((item) => !above.has(item.id) && placeOf(item) === placeOf(group));
  const left = items.map(groupOf);
  for (const item of items) setGroup(edit, item.id, groupId);
  fit(edit, groupId, size);
  removeEmpty(edit, left);
  fitAround(edit, [groupId, ...stillThere(edit, left)], size);
}

/** Takes items out of their group, into the one around it if there is one. A group that is empty then goes. */
export function takeOut(edit: Edit, ids: Iterable<string>, size: SizeOf = roughSize(edit)): void {
  const items = outermost(edit, ids).filter((item) => groupOf(item) !== '');
  const left = items.map(groupOf);
  for (const item of items) {
    const group = edit.get(groupOf(item));
    setGroup(edit, item.id, group && around(edit, group));
  }
  removeEmpty(edit, left);
  for (const id of new Set(left)) fit(edit, id, size);
  fitAround(edit, [...stillThere(edit, left), ...items.map(({ id }) => id)], size);
}

/** What stands on a canvas, without what is in another of these. */
function outermost(edit: Edit, ids: Iterable<string>): Item[] {
  const asked = new Set(ids);
  return [...asked].flatMap((id) => {
    const item = edit.get(id);
    if (!item || !isOnCanvas(item) || placeOf(item) === '') return [];
    return groupsAround(edit, item).some((group) => asked.has(group.id)) ? [] : [item];
  });
}

function around(edit: Edit, group: Item): string | undefined {
  const id = groupOf(group);
  return id !== '' && edit.get(id)?.type === 'group' && !withMembers(edit, [group.id]).has(id) ? id : undefined;
}

/** Groups stand before what is in them, as Node-RED writes them; it draws later ones above. */
function behind(edit: Edit, items: readonly Item[]): number | undefined {
  const places = items.map(({ id }) => edit.doc.indexOf(id)).filter((index) => index >= 0);
  return places.length > 0 ? places.reduce((least, index) => Math.min(least, index)) : undefined;
}

/** One thing in each group, so that the group is made to fit. */
const stillThere = (edit: Edit, groups: readonly string[]): string[] =>
  [...new Set(groups)].flatMap((id) => {
    const group = edit.get(id);
    return group ? membersOf(edit, group).slice(0, 1).map((member) => member.id) : [];
  });
