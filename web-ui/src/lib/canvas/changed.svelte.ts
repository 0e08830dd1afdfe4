// Which flows differ from what runs: worked out once for each change, for tabs and the outline.

import { placeOf, same, type Item } from '../doc/item';
import type { Editor } from '../state/editor.svelte';

/** Reads signals: where it is used in a template it follows the draft. */
export function changedOn(editor: Editor): ReadonlySet<string> {
  const { draft } = editor;
  void draft.version;
  const before = new Map(draft.base.items.map((item) => [item.id, item]));
  const changed = new Set<string>();
  const differs = (item: Item): void => void changed.add(item.type === 'tab' || item.type === 'subflow' ? item.id : placeOf(item));
  for (const item of draft.doc.items()) {
    const other = before.get(item.id);
    if (other !== item && !same(other, item)) {
      differs(item);
      if (other && placeOf(other) !== placeOf(item)) differs(other);
    }
    before.delete(item.id);
  }
  for (const gone of before.values()) differs(gone);
  return changed;
}
