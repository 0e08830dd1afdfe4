// What flows remember, as the gateway tells it: by store, then by key.

import { ask } from '$lib/api/client';
import { valueOf } from '$lib/live/values';

/** `global`, or one of a tab or a node. */
export type Scope = { readonly kind: 'global' } | { readonly kind: 'flow' | 'node'; readonly id: string };

export interface Kept {
  readonly key: string;
  readonly value: unknown;
}

export interface Store {
  readonly name: string;
  readonly keys: readonly Kept[];
}

interface Told {
  readonly msg: string;
  readonly format: string;
}

const pathOf = (scope: Scope): string => (scope.kind === 'global' ? '/context/global' : `/context/${scope.kind}/${encodeURIComponent(scope.id)}`);

/** Bytes come as JSON here, not as digits. */
function read({ msg, format }: Told): unknown {
  if (!format.startsWith('buffer')) return valueOf({ msg, format });
  try {
    return JSON.parse(msg);
  } catch {
    return msg;
  }
}

export async function storesOf(scope: Scope, signal?: AbortSignal): Promise<Store[]> {
  const told = await ask<Record<string, Record<string, Told>>>(pathOf(scope), signal ? { signal } : {});
  return Object.entries(told).map(([name, keys]) => ({
    name,
    keys: Object.entries(keys).map(([key, value]) => ({ key, value: read(value) })).sort((a, b) => a.key.localeCompare(b.key)),
  }));
}

/** As a path: a key that is no name stands in brackets. */
export const pathOfKey = (key: string): string => (/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? key : `["${key.replace(/["\\]/g, '\\$&')}"]`);

export const removeKey = (scope: Scope, store: string, key: string): Promise<void> =>
  ask(`${pathOf(scope)}/${encodeURIComponent(pathOfKey(key))}`, { method: 'DELETE', query: { store } });
