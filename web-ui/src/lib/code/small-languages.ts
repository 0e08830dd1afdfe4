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
