// The debug list of an editor: it outlives the panel that shows it.

import { DebugList } from './debug-list.svelte';
import { newcomer } from './newcomers.svelte';
import { tapsOf } from './taps.svelte';
import type { LiveApi } from './types';

const all = new WeakMap<LiveApi, DebugList>();

export function debugOf({ live }: { readonly live: LiveApi }): DebugList {
  let list = all.get(live);
  if (!list) all.set(live, (list = newcomer(new DebugList(live, tapsOf({ live })))));
  return list;
}
