import type { Edit } from '../flow-doc';
import { groupOf, placeOf, subflowOf, type Item } from '../item';
import { withReferences } from '../references';
import type { Types } from '../types';
import { healed } from './heal';
import { removeEmpty, withMembers } from './members';

/**
 * Takes items out, and all that leads to them: wires, links, scopes, places in groups. With a group goes what is in it, with a tab
 * what is on it, with a subflow its instances too. A property that named a config node is empty afterwards.
 */
export function remove(edit: Edit, ids: Iterable<string>, types?: Types): void {
  takeOut(edit, allOf(edit, ids), (item) => item, types);
}

/** The same, and what led to a node leads to what the node led to. */
export function removeAndHeal(edit: Edit, ids: Iterable<string>, types?: Types): void {
  const gone = allOf(edit, ids);
  takeOut(edit, gone, healed(edit, gone), types);
}

/** What goes with these. */
function allOf(edit: Edit, ids: Iterable<string>): Set<string> {
  const gone = withMembers(edit, ids);
  // Instances go with their subflow, also those that stand in another subflow.
  for (let before = -1; before !== gone.size; ) {
    before = gone.size;
    const containers = new Set([...gone].filter((id) => ['tab', 'subflow'].includes(edit.get(id)?.type ?? '')));
    if (containers.size === 0) break;
    for (const item of edit.items()) if (containers.has(placeOf(item)) || containers.has(subflowOf(item))) gone.add(item.id);
  }
  return gone;
}

function takeOut(edit: Edit, gone: ReadonlySet<string>, heal: (item: Item) => Item, types: Types | undefined): void {
  if (gone.size === 0) return;
  const left = new Set([...gone].map((id) => groupOf(edit.get(id)!)).filter((group) => group !== '' && !gone.has(group)));
  for (const item of edit.items()) {
    if (gone.has(item.id)) continue;
    const now = withReferences(heal(item), (id) => (gone.has(id) ? undefined : id), types);
    if (now !== item) edit.put(now);
  }
  for (const id of gone) edit.remove(id);
  removeEmpty(edit, left);
}
