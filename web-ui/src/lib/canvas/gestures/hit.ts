// What is under a pointer.

import type { Port } from '../canvas.svelte';

export type Hit =
  | { readonly kind: 'empty' }
  | { readonly kind: 'node' | 'group'; readonly id: string }
  | { readonly kind: 'wire'; readonly key: string }
  | { readonly kind: 'port'; readonly port: Port };

export function hitOf(target: EventTarget | null): Hit {
  const element = target instanceof Element ? target : null;
  const port = element?.closest<HTMLElement>('[data-port]');
  const node = element?.closest<HTMLElement>('[data-node]')?.dataset.node;
  if (port && node) {
    const [side, n] = (port.dataset.port ?? '').split(' ');
    return { kind: 'port', port: { id: node, side: side === 'in' ? 'in' : 'out', n: Number(n) } };
  }
  if (node) return { kind: 'node', id: node };
  const wire = element?.closest<SVGElement>('[data-wire]')?.dataset.wire;
  if (wire) return { kind: 'wire', key: wire };
  const group = element?.closest<HTMLElement>('[data-group]')?.dataset.group;
  return group ? { kind: 'group', id: group } : { kind: 'empty' };
}

/** One name for one thing: a second click on it is a double click. */
export function nameOf(hit: Hit): string {
  if (hit.kind === 'wire') return `wire ${hit.key}`;
  if (hit.kind === 'port') return `port ${hit.port.id} ${hit.port.side} ${hit.port.n}`;
  return hit.kind === 'empty' ? hit.kind : `${hit.kind} ${hit.id}`;
}

/** The canvas has buttons and cards of its own on it: they hear for themselves. */
export const isOwn = (event: Event): boolean => event.target instanceof Element && event.target.closest('[data-own]') !== null;
