import { same, type Item } from '../doc/item';
import type { Base, Draft } from './draft.svelte';

/** The draft becomes these items, as one step that can be undone. */
export function become(draft: Draft, items: readonly Item[], label: string): void {
  const ids = new Set(items.map((item) => item.id));
  draft.edit(label, (edit) => {
    for (const item of draft.doc.items()) if (!ids.has(item.id)) edit.remove(item.id);
    // What stays as it is keeps its own object, and what is like before in the same place is no change.
    items.forEach((item, at) => {
      const now = draft.doc.get(item.id);
      edit.put(now && same(now, item) ? now : item, at);
    });
  });
}

/** A draft without changes becomes what runs now, as a step like any other: what was done before can still be undone. */
export function followed(draft: Draft, base: Base, label: string): void {
  become(draft, base.items, label);
  draft.setBase(base);
}
