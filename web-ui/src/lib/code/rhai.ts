// Rhai for CodeMirror: enough to colour it. Where a text ends, comments nest and backticks hold code, as Rhai has them.

import { StreamLanguage, type StreamParser, type StringStream } from '@codemirror/language';

import { KEYWORDS, KNOWN } from './words';

interface State {
  /** What we are in: the code itself, a comment of some depth, a text, or code within a backtick text, with its open braces. */
  within: ({ kind: 'comment'; depth: number } | { kind: 'text' | 'raw' | 'template' } | { kind: 'code'; braces: number })[];
  /** How far the line of each open bracket is indented. */
  opens: number[];
}

const keywords = new Set(KEYWORDS);
const known = new Set(KNOWN);
const LITERALS = new Set(['true', 'false']);

function comment(stream: StringStream, state: State, inner: { kind: 'comment'; depth: number }): string {
  while (!stream.eol()) {
    if (stream.match('*/')) {
      inner.depth -= 1;
      if (inner.depth === 0) {
        state.within.pop();
        break;
      }
    } else if (stream.match('/*')) inner.depth += 1;
    else stream.next();
  }
  return 'comment';
}

function text(stream: StringStream, state: State, end: string): string {
  while (!stream.eol()) {
    const next = stream.next();
    if (next === '\\' && end === '"') stream.next();
    else if (next === end) {
      state.within.pop();
      break;
    }
  }
  return 'string';
}

function template(stream: StringStream, state: State): string {
  while (!stream.eol()) {
    if (stream.match('${', false)) {
      if (stream.pos > stream.start) return 'string';
      stream.match('${');
      state.within.push({ kind: 'code', braces: 0 });
      return 'processingInstruction';
    }
    if (stream.next() === '`') {
      state.within.pop();
      return 'string';
    }
  }
  return 'string';
}

function code(stream: StringStream, state: State): string | null {
  if (stream.eatSpace()) return null;
  if (stream.match('//')) {
    stream.skipToEnd();
    return 'comment';
  }
  if (stream.match('/*')) {
    const inner = { kind: 'comment' as const, depth: 1 };
    state.within.push(inner);
    return comment(stream, state, inner);
  }
  if (stream.match(/^(?:0x[\da-f_]+|0o[0-7_]+|0b[01_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:e[+-]?\d+)?)/i)) return 'number';
  if (stream.match(/^'(?:\\.|[^\\'])[^']*'/)) return 'character';
  const inner = state.within.at(-1);
  const next = stream.next();
  if (next === '"') {
    state.within.push({ kind: 'text' });
    return text(stream, state, '"');
  }
  if (next === '`') {
    state.within.push({ kind: 'template' });
    return template(stream, state);
  }
  if (next && '([{'.includes(next)) state.opens.push(stream.indentation());
  if (next && ')]}'.includes(next) && !(inner?.kind === 'code' && inner.braces === 0)) state.opens.pop();
  if (next === '{' && inner?.kind === 'code') inner.braces += 1;
  if (next === '}' && inner?.kind === 'code') {
    inner.braces -= 1;
    if (inner.braces < 0) {
      state.within.pop();
      return 'processingInstruction';
    }
  }
  if (next && /[\p{L}_]/u.test(next)) {
    stream.eatWhile(/[\p{L}\p{N}_]/u);
    const word = stream.current();
    const before = stream.string.slice(0, stream.start).trimEnd();
    if (before.endsWith('.') && !before.endsWith('..')) return stream.match(/^\s*\(/, false) ? 'propertyName.function' : 'propertyName';
    if (keywords.has(word)) return 'keyword';
    if (LITERALS.has(word)) return 'bool';
    if (known.has(word)) return 'variableName.special';
    if (stream.match(/^\s*::/, false)) return 'namespace';
    return stream.match(/^\s*\(/, false) ? 'variableName.function' : 'variableName';
  }
  if (next && /[-+*/%=!<>&|?^~.:]/.test(next)) return 'operator';
  return next && /[()[\]{}]/.test(next) ? 'bracket' : null;
}

export const parser: StreamParser<State> = {
  name: 'rhai',
  startState: () => ({ within: [], opens: [] }),
  copyState: ({ within, opens }) => ({ within: within.map((one) => ({ ...one })), opens: [...opens] }),
  token(stream, state) {
    const inner = state.within.at(-1);
    if (inner?.kind === 'comment') return comment(stream, state, inner);
    if (inner?.kind === 'text') return text(stream, state, '"');
    if (inner?.kind === 'template') return template(stream, state);
    return code(stream, state);
  },
  indent({ opens }, textAfter, { unit }) {
    const around = opens.at(-1);
    if (around === undefined) return 0;
    return /^[}\])]/.test(textAfter) ? around : around + unit;
  },
  languageData: { commentTokens: { line: '//', block: { open: '/*', close: '*/' } }, closeBrackets: { brackets: ['(', '[', '{', '"', '`'] } },
};

export const rhai = StreamLanguage.define(parser);
