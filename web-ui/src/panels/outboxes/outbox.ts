// How an outbox fares, in words and figures. No DOM, so that panels and forms say the same.

import type { Schemas } from '$lib/api/client';
import type { NodeType } from '$lib/api/node-types';
import { amount, perSecond, span } from '$lib/ui/amounts';
import { t } from '$lib/i18n/i18n.svelte';
import type { Item } from '$lib/doc/item';

export type Backlog = Schemas['Backlog'];
export const PRIORITIES = ['alarm', 'event', 'telemetry'] as const;

export interface Standing {
  readonly tone: 'good' | 'warn' | 'bad' | 'usual';
  readonly text: string;
}

export const waiting = (backlog: Backlog): number => backlog.messages.reduce((sum, count) => sum + count, 0);

export function standingOf(backlog: Backlog, trouble: Schemas['NodeTrouble'] | undefined): Standing {
  const waits = waiting(backlog);
  if (trouble?.state === 'stopped') return { tone: 'bad', text: t('stopped: {why}', { why: trouble.why ?? '' }) };
  if (backlog.parked > 0) return { tone: 'bad', text: t('full: sources wait') };
  if (trouble?.state === 'away') return { tone: 'warn', text: t('waiting: {why}', { why: trouble.why ?? t('the other side is away') }) };
  if (waits === 0 && backlog.passing === 0) return { tone: 'good', text: t('nothing waits') };
  if (backlog.drain_rate > 0) return { tone: 'good', text: t('sending, {rate}', { rate: perSecond(backlog.drain_rate) }) };
  return waits > 0 ? { tone: 'warn', text: t('waiting') } : { tone: 'good', text: t('sending') };
}

/** By priority, only what there is: "alarm 2, telemetry 1,200". */
export const byPriority = (backlog: Backlog): readonly { readonly priority: string; readonly messages: number }[] =>
  PRIORITIES.map((priority, n) => ({ priority, messages: backlog.messages[n] ?? 0 })).filter(({ messages }) => messages > 0);

export function timeToEmpty({ seconds_to_empty: seconds }: Backlog): string {
  return seconds === null || seconds === undefined ? '' : t('empty in {time}', { time: span(seconds * 1_000) });
}

/** Years do not help anybody. */
export function timeToFull({ hours_until_full: hours }: Backlog): string {
  if (hours === null || hours === undefined) return '';
  return hours > 24 * 365 ? t('not full within a year') : t('full in {time}', { time: span(hours * 3_600_000) });
}

/** How its outbox is set: what stands in the node, and else what its type says. */
export function outboxOf(item: Item | undefined, type: NodeType | undefined): { readonly mode: string; readonly maxBytes: number | undefined } {
  const set = (typeof item?.outbox === 'object' && item.outbox !== null ? item.outbox : {}) as Record<string, unknown>;
  const group = type?.fields.find((field) => field.name === 'outbox');
  const fields = group && 'fields' in group ? group.fields : [];
  const value = (name: string): unknown => set[name] ?? fields.find((field) => field.name === name)?.default;
  const most = Number(value('max_bytes') ?? Number.NaN);
  return { mode: String(value('mode') ?? ''), maxBytes: Number.isFinite(most) && most > 0 ? most : undefined };
}

export function modeText(mode: string): string {
  if (mode === 'always') return t('always on the disk');
  if (mode === 'offline') return t('on the disk while it is away');
  if (mode === 'off') return t('never on the disk');
  return mode;
}

export const messagesText = (n: number): string => (n === 1 ? t('1 message') : t('{n} messages', { n: amount(n) }));

/** In the order in which they come first. */
export function grouped<One>(all: readonly One[], keyOf: (one: One) => string): ReadonlyMap<string, readonly One[]> {
  const groups = new Map<string, One[]>();
  for (const one of all) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return groups;
}
