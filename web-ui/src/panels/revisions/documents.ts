import { ask } from '$lib/api/client';
import type { Item } from '$lib/doc/item';

/** Documents of revisions never change: the last few stay here. */
const kept = new Map<number, Promise<readonly Item[]>>();
const MOST = 12;

export function documentOf(number: number): Promise<readonly Item[]> {
  let found = kept.get(number);
  if (!found) {
    found = ask<readonly Item[]>(`/api/v1/revisions/${number}/flows`);
    found.catch(() => kept.delete(number));
    kept.set(number, found);
    for (const old of kept.keys()) if (kept.size > MOST) kept.delete(old);
  }
  return found;
}
