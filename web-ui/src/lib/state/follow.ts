import { same } from '../doc/item';
import type { Base, Draft } from './draft.svelte';

/** A draft without changes becomes what runs now, as a step like any other: what was done before can still be undone. */
export function followed(draft: Draft, base: Base, label: string): void {
  const ids = new Set(base.items.map((item) => item.id));
  draft.edit(label, (edit) => {
    for (const item of draft.doc.items()) if (!ids.has(item.id)) edit.remove(item.id);
    base.items.forEach((item, at) => {
      if (!same(draft.doc.get(item.id), item)) edit.put(item, at);
    });
  });
  draft.setBase(base);
  // An edit puts nothing into another order. Where that has changed, there is only the way to begin anew.
  if (draft.isDirty) draft.begin(base);
}
