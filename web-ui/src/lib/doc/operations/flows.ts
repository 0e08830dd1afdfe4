import type { Edit } from '../flow-doc';
import { kindOf, newId, type Item } from '../item';
import type { Types } from '../types';
import { withMembers } from './members';
import { remove } from './remove';

/** A new tab behind the others; gives its id. */
export function addFlow(edit: Edit, label: string): string {
  const id = newId();
  const last = tabs(edit).at(-1);
  const at = last ? edit.doc.indexOf(last.id) + 1 : 0;
  edit.put({ id, type: 'tab', label, disabled: false, info: '', env: [] }, last && at === 0 ? undefined : at);
  return id;
}

/** A tab or subflow goes, and all that is on it: also config nodes that belong to it alone, and a subflow's instances. */
export function removeFlow(edit: Edit, id: string, types?: Types): void {
  const kind = edit.get(id) && kindOf(edit.get(id)!);
  if (kind === 'flow' || kind === 'subflow') remove(edit, [id], types);
}

/** Gives a tab another place among the tabs; 0 is the first. */
export function moveFlow(edit: Edit, id: string, to: number): void {
  const all = tabs(edit);
  const from = all.findIndex((tab) => tab.id === id);
  const target = all[Math.max(0, Math.min(all.length - 1, Math.round(to)))];
  if (from < 0 || !target || target.id === id) return;
  edit.put(all[from]!, edit.doc.indexOf(target.id));
}

/** Switches nodes, tabs and all that is in groups off or on. */
export function setDisabled(edit: Edit, ids: Iterable<string>, disabled: boolean): void {
  for (const id of withMembers(edit, ids)) {
    const item = edit.get(id);
    const kind = item && kindOf(item);
    if (kind === 'flow') edit.set(id, { disabled });
    else if (kind === 'node' || kind === 'config') edit.set(id, { d: disabled ? true : undefined });
  }
}

/** A new name: `label` of a tab, `name` of everything else. */
export function rename(edit: Edit, id: string, name: string): void {
  edit.set(id, edit.get(id)?.type === 'tab' ? { label: name } : { name });
}

const tabs = (edit: Edit): Item[] => edit.items().filter((item) => kindOf(item) === 'flow');
