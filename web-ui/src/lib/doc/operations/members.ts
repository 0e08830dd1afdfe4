// Groups as sets: who is in which one, at any depth. Groups of a document that came from elsewhere may be in each other.

import type { Edit, Items } from '../flow-doc';
import { groupOf, type Item } from '../item';

/** What a group lists, as far as it is there; never itself. */
export function membersOf(items: Items, group: Item): Item[] {
  const ids = Array.isArray(group.nodes) ? group.nodes : [];
  return [...new Set(ids)].flatMap((id: unknown) => {
    const item = typeof id === 'string' && id !== group.id ? items.get(id) : undefined;
    return item ? [item] : [];
  });
}

/** These, and all that is in those of them that are groups. */
export function withMembers(items: Items, ids: Iterable<string>): Set<string> {
  const all = new Set<string>();
  const next = [...ids];
  // What is added on the way is gone over too.
  for (const id of next) {
    const item = items.get(id);
    if (!item || all.has(id)) continue;
    all.add(id);
    if (item.type === 'group') for (const member of membersOf(items, item)) next.push(member.id);
  }
  return all;
}

/** The groups that an item is in, the nearest first. */
export function groupsAround(items: Items, item: Item): Item[] {
  const around: Item[] = [];
  const seen = new Set([item.id]);
  for (let id = groupOf(item); id !== '' && !seen.has(id); ) {
    seen.add(id);
    const group = items.get(id);
    if (group?.type !== 'group') break;
    around.push(group);
    id = groupOf(group);
  }
  return around;
}

/** Puts an item into a group, or into none: what it was in does not list it any more. */
export function setGroup(edit: Edit, id: string, groupId: string | undefined): void {
  const item = edit.get(id);
  if (!item || id === groupId) return;
  const before = edit.get(groupOf(item));
  if (before && before.id !== groupId) edit.set(before.id, { nodes: listed(before).filter((each) => each !== id) });
  const group = groupId === undefined ? undefined : edit.get(groupId);
  if (group && !listed(group).includes(id)) edit.set(group.id, { nodes: [...listed(group), id] });
  if (item.g !== groupId) edit.set(id, { g: groupId });
}

/** Takes groups away that nothing is in, and then the ones that only those were in. */
export function removeEmpty(edit: Edit, ids: Iterable<string>): void {
  for (const first of ids) {
    for (let id = first; id !== ''; ) {
      const group = edit.get(id);
      if (group?.type !== 'group' || membersOf(edit, group).length > 0) break;
      id = groupOf(group);
      setGroup(edit, group.id, undefined);
      edit.remove(group.id);
    }
  }
}

const listed = (group: Item): unknown[] => (Array.isArray(group.nodes) ? group.nodes : []);
