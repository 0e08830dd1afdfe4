import type { Wire } from '$lib/doc/item';

/** The wire that a key of the selection stands for. */
export function wireOf(key: string | undefined): Wire | undefined {
  const [from, port, to] = key?.split(' ') ?? [];
  return from && to && port !== undefined ? { from, port: Number(port), to } : undefined;
}
