// What a problem is, from wherever it comes, and how the same one from two places is found.

import type { Schemas } from '../api/client';
import { t, tn } from '../i18n/i18n.svelte';
import type { Item } from '../doc/item';

export interface Problem {
  /** Of the flows as they are edited, or of what runs. */
  readonly from: 'draft' | 'running';
  readonly severity: 'error' | 'disabled' | 'warning';
  readonly code: string;
  /** The node as it stands in the document. */
  readonly node?: string;
  /** Where, from the node on: `/rules/0/v`; empty for the node as a whole. */
  readonly pointer: string;
  readonly message: string;
  readonly hint?: string;
  /** When it was told last, by the gateway's clock. */
  readonly at?: number;
}

/** What was told as it happened. */
export interface Trouble {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly count: number;
  readonly text: string;
  readonly at: number;
}

/** Pointers of the gateway begin with the place of the item in the document. */
export function ofGateway(problem: Schemas['Problem'], items: readonly Item[]): Problem {
  const [, at, rest] = /^\/(\d+)(.*)$/s.exec(problem.pointer) ?? [undefined, '', problem.pointer];
  const node = problem.node ?? (at === '' ? undefined : items[Number(at)]?.id);
  return {
    from: 'draft',
    severity: problem.severity,
    code: problem.code,
    pointer: rest ?? '',
    message: problem.message,
    ...(node === undefined ? {} : { node }),
    ...(problem.hint ? { hint: problem.hint } : {}),
  };
}

const keyOf = ({ node, code, pointer }: Problem): string => `${node ?? ''}\n${code}\n${pointer}`;

/** The gateway has the last word; what this page has found besides, and sooner, is added. */
export function merged(verdict: readonly Problem[], seen: readonly Problem[]): Problem[] {
  const keys = new Set<string>();
  const all: Problem[] = [];
  for (const problem of [...verdict, ...seen]) {
    const key = keyOf(problem);
    if (keys.has(key)) continue;
    keys.add(key);
    all.push(problem);
  }
  const weight = { error: 0, disabled: 1, warning: 2 };
  return all.map((problem, n) => ({ problem, n })).sort((a, b) => weight[a.problem.severity] - weight[b.problem.severity] || a.n - b.n).map(({ problem }) => problem);
}

export function ofRunning(nodes: readonly Schemas['NodeTrouble'][], troubles: ReadonlyMap<string, Trouble>, document: (id: string) => string): Problem[] {
  const known = new Set(nodes.map(({ id }) => id));
  const all = nodes.map((trouble): Problem => {
    const at = troubles.get(trouble.id)?.at;
    return { from: 'running', code: trouble.state, node: document(trouble.id), pointer: '', ...(at === undefined ? {} : { at }), ...wordsOf(trouble) };
  });
  for (const trouble of troubles.values()) {
    // A loss is told only as it happens; of the rest the list of nodes says more, as soon as it comes.
    if (known.has(trouble.id) && trouble.kind !== 'lost') continue;
    all.push({ from: 'running', severity: trouble.kind === 'stopped' ? 'error' : 'warning', code: trouble.kind, node: document(trouble.id), pointer: '', at: trouble.at, message: told(trouble) });
  }
  return all;
}

function wordsOf({ node, state, why, errors, last_error: last }: Schemas['NodeTrouble']): Pick<Problem, 'severity' | 'message' | 'hint'> {
  if (state === 'stopped') return { severity: 'error', message: t('{node} has stopped: {why}', { node, why: why ?? '' }), hint: t('it runs again when it is deployed again') };
  if (state === 'away') return { severity: 'warning', message: t('{node} is away: {why}', { node, why: why ?? '' }), hint: t('it tries again by itself') };
  const message = tn(errors, '{node}: 1 error that no catch node took', '{node}: {n} errors that no catch node took', { node });
  return last ? { severity: 'warning', message, hint: t('the last: {error}', { error: last }) } : { severity: 'warning', message };
}

function told({ name, kind, count, text }: Trouble): string {
  const what = text || t('you may not see what it was about');
  if (kind === 'lost') return tn(count, '{node}: 1 message was lost: {what}', '{node}: {n} messages were lost: {what}', { node: name, what });
  if (kind === 'stopped') return t('{node} has stopped: {why}', { node: name, why: what });
  return t('{node}: an error: {what}', { node: name, what });
}

export const ofStore = (text: string): Problem[] => (text === '' ? [] : [{ from: 'running', severity: 'error', code: 'store', pointer: '', message: t('The disk: {what}', { what: text }) }]);
