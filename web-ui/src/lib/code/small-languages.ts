// JSON and Mustache for CodeMirror: enough to colour them. A whole grammar would weigh more than all of the editor's panels.

import type { StreamParser } from '@codemirror/language';

export const jsonParser: StreamParser<{ opens: number[] }> = {
  name: 'json',
  startState: () => ({ opens: [] }),
  copyState: ({ opens }) => ({ opens: [...opens] }),
  token(stream, { opens }) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^"(?:\\.|[^"\\])*"?/)) return stream.match(/^\s*:/, false) ? 'propertyName' : 'string';
    if (stream.match(/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/i)) return 'number';
    if (stream.match(/^(?:true|false)\b/)) return 'bool';
    if (stream.match(/^null\b/)) return 'null';
    const next = stream.next() ?? '';
    if ('[{'.includes(next)) opens.push(stream.indentation());
    else if (']}'.includes(next)) opens.pop();
    else return null;
    return 'bracket';
  },
  indent({ opens }, textAfter, { unit }) {
    const around = opens.at(-1);
    if (around === undefined) return 0;
    return /^[}\]]/.test(textAfter) ? around : around + unit;
  },
  languageData: { closeBrackets: { brackets: ['[', '{', '"'] } },
};

/** Names of the message and of sections: a template is text, and only what is in braces counts. */
export const mustacheParser: StreamParser<{ inside: boolean }> = {
  name: 'mustache',
  startState: () => ({ inside: false }),
  token(stream, state) {
    if (state.inside) {
      if (stream.match(/^\}{2,3}/)) {
        state.inside = false;
        return 'bracket';
      }
      if (stream.match(/^[#^/!>&]/)) return 'keyword';
      if (stream.match(/^[^}\s]+/)) return 'variableName.special';
      stream.next();
      return null;
    }
    if (stream.match(/^\{{2,3}/)) {
      state.inside = true;
      return 'bracket';
    }
    while (!stream.eol() && !stream.match('{{', false)) stream.next();
    return null;
  },
};

/** Where in a text JSON is wrong, and why. Browsers tell the place of some mistakes only, each in its own words. */
export function jsonProblem(text: string): { at: number; message: string } | undefined {
  if (text.trim() === '') return undefined;
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return { at: failsAt(text), message: error instanceof Error ? error.message : String(error) };
  }
}

const TOKEN = /\s*(?:("(?:\\.|[^"\\\n])*")|(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null)|([[\]{},:]))/iy;

/** The first part that cannot stand where it stands; the end, where something is missing. */
function failsAt(text: string): number {
  const open: string[] = [];
  let wants: 'value' | 'value or end' | 'name' | 'name or end' | 'colon' | 'comma' = 'value';
  let at = 0;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    const from = at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0);
    if (!match) return from;
    const [, string, plain, sign] = match;
    const isValue = wants === 'value' || wants === 'value or end';
    if (string && (wants === 'name' || wants === 'name or end')) wants = 'colon';
    else if ((string || plain) && isValue) wants = 'comma';
    else if (sign === ':' && wants === 'colon') wants = 'value';
    else if ((sign === '{' || sign === '[') && isValue) {
      open.push(sign);
      wants = sign === '{' ? 'name or end' : 'value or end';
    } else if (sign === ',' && wants === 'comma' && open.length > 0) wants = open.at(-1) === '{' ? 'name' : 'value';
    else if ((sign === '}' && open.at(-1) === '{' && (wants === 'name or end' || wants === 'comma')) || (sign === ']' && open.at(-1) === '[' && (wants === 'value or end' || wants === 'comma'))) {
      open.pop();
      wants = 'comma';
    } else return from;
    at = TOKEN.lastIndex;
  }
  return text.length;
}
