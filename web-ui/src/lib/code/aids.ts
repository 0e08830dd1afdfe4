// What the gateway knows of scripts: their words, what is wrong with one, and what one makes of messages.

import { ask, Fault } from '../api/client';
import type { Item } from '../doc/item';
import { FUNCTIONS, KEYWORDS, METHODS, type Known } from './words';

export interface Words {
  readonly functions: readonly Known[];
  readonly methods: Readonly<Record<string, readonly Known[]>>;
  readonly variables: readonly Known[];
  readonly keywords: readonly string[];
}

interface ToldWords {
  readonly functions?: readonly { name: string; signatures?: readonly string[]; doc?: string }[];
  readonly methods?: readonly { of: string; name: string; signatures?: readonly string[]; doc?: string }[];
  readonly variables?: readonly { name: string; doc?: string }[];
  readonly keywords?: readonly string[];
}

const usual: Words = { functions: FUNCTIONS, methods: METHODS, variables: [], keywords: KEYWORDS };
let words: Promise<Words> | undefined;

/** Asked for once. A gateway that does not know gives the list that is here. */
export function wordsOfRhai(): Promise<Words> {
  words ??= ask<ToldWords>('/api/v1/functions/rhai').then(read, () => usual);
  return words;
}

export function read(told: ToldWords): Words {
  const known = ({ name, signatures = [], doc = '' }: { name: string; signatures?: readonly string[]; doc?: string }): Known => ({ name, signature: signatures.join('\n'), doc });
  const methods: Record<string, Known[]> = {};
  for (const method of told.methods ?? []) (methods[method.of] ??= []).push(known(method));
  return {
    functions: told.functions?.map(known) ?? FUNCTIONS,
    methods: Object.keys(methods).length > 0 ? methods : METHODS,
    variables: told.variables?.map(known) ?? [],
    keywords: told.keywords ?? KEYWORDS,
  };
}

export interface CodeProblem {
  readonly message: string;
  readonly hint?: string;
  readonly line?: number;
  readonly column?: number;
}

const CHECKED = new Set(['rhai', 'json', 'jsonata', 'mustache', 'regex']);
let canCheck = true;

/** What is wrong with a text of a language. Undefined: nobody can say. */
export async function check(lang: string, code: string, about: { node?: Item; field?: string }, signal: AbortSignal): Promise<readonly CodeProblem[] | undefined> {
  if (!canCheck || !CHECKED.has(lang)) return undefined;
  try {
    // Which script it is, and its modules: other languages have none of both.
    const script = lang === 'rhai' ? { ...(about.field ? { field: about.field } : {}), ...(about.node ? { node: withoutCredentials(about.node) } : {}) } : {};
    const body = { lang, code, ...script };
    return (await ask<{ problems: CodeProblem[] }>('/api/v1/check', { method: 'POST', body, signal })).problems;
  } catch (error) {
    // A gateway of before does not know the question; a viewer may not ask.
    if (error instanceof Fault && [403, 404, 405].includes(error.status)) canCheck = false;
    return undefined;
  }
}

export interface Previewed {
  readonly outputs: readonly (readonly unknown[])[];
  readonly lines?: readonly { readonly level: string; readonly text: string }[];
  readonly status?: { readonly fill?: string; readonly shape?: string; readonly text?: string } | null;
  readonly error?: { readonly message: string; readonly line?: number; readonly column?: number } | null;
  readonly time_us?: number;
}

interface ToldPreview {
  readonly results: readonly Previewed[];
  readonly problems?: readonly { readonly severity?: string; readonly message: string; readonly hint?: string | null }[];
  readonly stopped?: string | null;
}

/** Each result with the message that it was made of: what a person looks at may be another one by the time it comes. */
export interface Preview extends Omit<ToldPreview, 'results'> {
  readonly results: readonly (Previewed & { readonly input: unknown })[];
}

export async function preview(node: Item, messages: readonly unknown[], signal: AbortSignal): Promise<Preview> {
  const told = await ask<ToldPreview>('/api/v1/preview', { method: 'POST', body: { node: withoutCredentials(node), messages }, signal, exact: true });
  return { ...told, results: told.results.slice(0, messages.length).map((result, n) => ({ ...result, input: messages[n] })) };
}

/** Secrets do not leave the draft but by a deploy. */
function withoutCredentials(node: Item): Item {
  const { credentials: _, ...rest } = node;
  return rest as unknown as Item;
}
