// What runs in the gateway, as it says when it is asked.

import { ask, Fault, type Schemas } from '../api/client';
import type { Item } from '../doc/item';
import type { Base } from './draft.svelte';

/** No answer came, or a proxy before the gateway has got none: what was asked for may have been done. */
export const isLost = (error: unknown): boolean => error instanceof Fault && [0, 502, 504].includes(error.status);

export async function fetchBase(): Promise<Base> {
  const { flows, rev, number } = await ask<Schemas['Flows']>('/api/v1/flows');
  return { items: flows as unknown as Item[], rev, number };
}

export const fetchRevision = (number: number): Promise<Schemas['Revision']> => ask(`/api/v1/revisions/${number}`);
