// The one place that talks HTTP to the gateway. What goes wrong comes as a Fault, which says it to a person.

import { readExactly, writeExactly } from './exact';
import { Refusal } from '../doc/words';
import { t } from '../i18n/i18n.svelte';
import type { components } from './generated';

export type Schemas = components['schemas'];

/** Something did not work: `message` and `hint` are for people, `code` and `pointer` for the page. */
export class Fault extends Error {
  readonly code: string;
  readonly status: number;
  readonly pointer: string | undefined;
  readonly hint: string | undefined;
  readonly detail: unknown;
  readonly retryAfter: number | undefined;

  constructor(told: Partial<Schemas['Fault']> & { status: number; retryAfter?: number }) {
    super(told.message ?? t('the gateway answered with {status}', { status: told.status }));
    this.name = 'Fault';
    this.code = told.code ?? 'unknown';
    this.status = told.status;
    this.pointer = told.pointer ?? undefined;
    this.hint = told.hint ?? undefined;
    this.detail = told.detail;
    this.retryAfter = told.retryAfter;
  }
}

export interface Ask {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  query?: Readonly<Record<string, string | number | boolean | undefined>>;
  body?: unknown;
  signal?: AbortSignal;
  /** Milliseconds until it is given up. */
  patience?: number;
  /** Messages are in it, whose large integers keep all their digits. */
  exact?: boolean;
}

const PATIENCE = 30_000;
let onLoggedOut: () => void = () => undefined;

/** What happens when the gateway says that nobody is logged in any more. */
export function whenLoggedOut(act: () => void): void {
  onLoggedOut = act;
}

export async function ask<Answer>(path: string, { method = 'GET', query, body, signal, patience = PATIENCE, exact = false }: Ask = {}): Promise<Answer> {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) url.searchParams.set(name, String(value));
  const limit = AbortSignal.timeout(patience);
  let response: Response;
  let text = '';
  try {
    response = await fetch(url, {
      method,
      credentials: 'same-origin',
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : exact ? writeExactly(body) : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    // The connection may also break here.
    if (response.status !== 204) text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    const late = limit.aborted;
    throw new Fault({
      status: 0,
      code: late ? 'late' : 'unreachable',
      message: late ? t('the gateway has not answered in time') : t('the gateway cannot be reached'),
      hint: t('is it switched on, and this device in its network?'),
    });
  }
  if (response.ok) return (text === '' ? undefined : answerIn(text, exact)) as Answer;
  if (response.status === 401 && !path.endsWith('/session')) onLoggedOut();
  throw fault(response, text);
}

/** A page in the place of an answer: a network that asks to log in, or a proxy. Whether the gateway has heard anything is not known. */
function answerIn(text: string, exact: boolean): unknown {
  try {
    return exact ? readExactly(text) : JSON.parse(text);
  } catch {
    throw new Fault({
      status: 0,
      code: 'no_gateway',
      message: t('something else has answered in the place of the gateway'),
      hint: t('does this network ask to log in, or is there a proxy between?'),
    });
  }
}

function fault(response: Response, text: string): Fault {
  const wait = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retryAfter = Number.isFinite(wait) ? wait : undefined;
  try {
    return new Fault({ ...(JSON.parse(text) as Schemas['Fault']), status: response.status, retryAfter });
  } catch {
    return new Fault({ status: response.status, message: text.trim().slice(0, 300) || undefined, retryAfter });
  }
}

/** An error as a sentence for a person, with what to do where that is known. */
export function toldOf(error: unknown): string {
  if (error instanceof Fault) return error.hint ? `${error.message}: ${error.hint}` : error.message;
  if (error instanceof Refusal) return t(error.text, error.values);
  return error instanceof Error ? error.message : String(error);
}
