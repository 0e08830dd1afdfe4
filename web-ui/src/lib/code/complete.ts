// Completion in scripts: what Rhai and the node offer, and the keys that the last real messages had.

import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';

import type { Words } from './aids';
import { keysAt } from './shape';
import type { Known } from './words';

export interface Sources {
  words(): Promise<Words>;
  messages(): readonly unknown[];
}

/** `msg.payload.list[0].` or a name that is begun; the last part is what is typed. */
const CHAIN = /(?:[\p{L}_][\p{L}\p{N}_]*|\[(?:\d+|\w+|"[^"]*")\])(?:\??\.[\p{L}_][\p{L}\p{N}_]*|\[(?:\d+|\w+|"[^"]*")\])*\??\.?$/u;
const LOCAL = /\blet\s+([\p{L}_][\p{L}\p{N}_]*)\s*=\s*(msg(?:\??\.[\p{L}_][\p{L}\p{N}_]*|\[(?:\d+|"[^"]*")\])*)\s*(?:;|\?\?)/gu;

export function partsOf(chain: string): string[] {
  return [...chain.matchAll(/[\p{L}_][\p{L}\p{N}_]*|\[(?:(\d+|\w+)|"([^"]*)")\]/gu)].map((part) => part[2] ?? (part[1] === undefined ? part[0] : '*'));
}

/** The chain before the cursor, where any index of a list stands as `*`: what it leads to, and what is typed behind the last dot. */
export function chainBefore(text: string): { of: string[]; typed: string } | undefined {
  const chain = CHAIN.exec(text)?.[0];
  if (chain === undefined) return undefined;
  const at = chain.lastIndexOf('.');
  if (at < 0) return { of: [], typed: chain };
  return { of: partsOf(chain.slice(0, at)), typed: chain.slice(at + 1) };
}

/** Variables that are a part of the message: `let alarm = msg.payload;`. */
export function aliases(code: string): Map<string, string[]> {
  return new Map([...code.matchAll(LOCAL)].map((match) => [match[1] ?? '', partsOf(match[2] ?? '').slice(1)]));
}

export function completion(sources: Sources) {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const line = context.state.doc.lineAt(context.pos);
    const found = chainBefore(line.text.slice(0, context.pos - line.from));
    if (!found || (found.of.length === 0 && found.typed === '' && !context.explicit)) return null;
    const from = context.pos - found.typed.length;
    const words = await sources.words();
    const code = context.state.doc.toString();
    const options = found.of.length === 0 ? names(words, code) : [...keys(sources.messages(), code, found.of), ...methods(words, found.of)];
    return options.length > 0 ? { from, options, validFor: /^[\p{L}\p{N}_]*$/u } : null;
  };
}

const offer = (known: Known, type: string): Completion => ({
  label: known.name,
  type,
  ...(known.signature ? { detail: known.signature.split('\n')[0] } : {}),
  ...(known.doc ? { info: known.signature.includes('\n') ? `${known.signature}\n${known.doc}` : known.doc } : {}),
});

function names(words: Words, code: string): Completion[] {
  const own = new Set([...code.matchAll(/\b(?:let|const|fn|for)\s+([\p{L}_][\p{L}\p{N}_]*)/gu)].map((match) => match[1] ?? ''));
  const variables = words.variables.length > 0 ? words.variables : ['msg', ...Object.keys(words.methods)].map((name) => ({ name, signature: '', doc: '' }));
  return [
    ...[...own].map((label) => ({ label, type: 'variable', boost: 2 })),
    ...variables.map((known) => ({ ...offer(known, 'variable'), boost: 1 })),
    ...words.functions.map((known) => offer(known, 'function')),
    ...words.keywords.map((label) => ({ label, type: 'keyword' })),
  ];
}

function keys(messages: readonly unknown[], code: string, [first = '', ...rest]: readonly string[]): Completion[] {
  const path = first === 'msg' ? rest : [...(aliases(code).get(first) ?? ['\0']), ...rest];
  return keysAt(messages, path).map(({ name, type, example }) => ({
    label: name,
    type: 'property',
    detail: type,
    info: example,
    boost: 3,
    // A key that is no name has to stand in brackets.
    ...(/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name) ? {} : { apply: bracketed(name) }),
  }));
}

const bracketed =
  (name: string) =>
  (view: { dispatch: (change: object) => void }, _: Completion, from: number, to: number): void => {
    const text = `[${JSON.stringify(name)}]`;
    // The dot that was typed goes.
    view.dispatch({ changes: { from: from - 1, to, insert: text }, selection: { anchor: from - 1 + text.length } });
  };

const methods = (words: Words, of: readonly string[]): Completion[] => (of.length === 1 ? (words.methods[of[0] ?? ''] ?? []).map((known) => offer(known, 'method')) : []);
