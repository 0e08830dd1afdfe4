// Where a text stops being JSON, and what was expected there. Browsers each say it in their own way, and one says nothing.

import { english, type Say } from './words';

export interface JsonFault {
  readonly line: number;
  readonly column: number;
  /** What is wrong: `expected a comma or ], found }`. */
  readonly message: string;
}

const SPACE = new Set([' ', '\n', '\r', '\t']);
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** The first fault of a text; undefined when it is JSON. It keeps no call for each level, for a text may have a million. */
export function faultOf(text: string, say: Say = english): JsonFault | undefined {
  const open: ('[' | '{')[] = [];
  let at = 0;
  /** What may come: a value, a value or the end of an empty list, a key, ... */
  let next: 'value' | 'first' | 'key' | 'firstKey' | 'after' = 'value';
  for (;;) {
    while (SPACE.has(text[at]!)) at += 1;
    const found = text[at];
    const inside = open.at(-1);
    if (next === 'after' && inside === undefined) return found === undefined ? undefined : fault(say('expected nothing more after the end'));
    if (found === undefined) return fault(inside ? say('it ends too early: a {sign} is missing', { sign: inside === '[' ? ']' : '}' }) : say('it is empty'));
    if (next === 'after') {
      if (found === ',') {
        at += 1;
        next = inside === '{' ? 'key' : 'value';
      } else if (found === (inside === '{' ? '}' : ']')) close();
      else return fault(say('expected a comma or {sign}, found {found}', { sign: inside === '{' ? '}' : ']', found: shown(found, say) }));
    } else if (next === 'key' || next === 'firstKey') {
      if (found === '}' && next === 'firstKey') close();
      else if (found === '"') {
        const wrong = string();
        if (wrong) return wrong;
        while (SPACE.has(text[at]!)) at += 1;
        if (text[at] !== ':') return fault(say('expected a colon after the name, found {found}', { found: shown(text[at], say) }));
        at += 1;
        next = 'value';
      } else return fault(found === '}' ? say('a comma stands before the {sign}', { sign: found }) : say('expected a name in double quotes, found {found}', { found: shown(found, say) }));
    } else if (found === '{' || found === '[') {
      open.push(found);
      at += 1;
      next = found === '{' ? 'firstKey' : 'first';
    } else if (found === ']' && next === 'first') close();
    else if (found === '"') {
      const wrong = string();
      if (wrong) return wrong;
      next = 'after';
    } else {
      const length = matched(NUMBER) || matched(WORD);
      if (length === 0) return fault(found === ']' ? say('a comma stands before the {sign}', { sign: found }) : say('expected a value, found {found}', { found: shown(found, say) }));
      at += length;
      next = 'after';
    }
  }

  function close(): void {
    open.pop();
    at += 1;
    next = 'after';
  }

  function matched(pattern: RegExp): number {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0].length ?? 0;
  }

  function string(): JsonFault | undefined {
    const start = at;
    at += 1;
    for (;;) {
      const letter = text[at];
      if (letter === undefined) {
        at = start;
        return fault(say('a text that begins here has no end: a " is missing'));
      }
      if (letter === '"') {
        at += 1;
        return undefined;
      }
      if (letter === '\\') {
        const length = matched(ESCAPE);
        if (length === 0) return fault(say('there is no such escape in JSON'));
        at += length;
      } else if (letter < ' ') return fault(letter === '\n' ? say('a line ends inside a text: write \\n') : say('a control character stands in a text'));
      else at += 1;
    }
  }

  function fault(message: string): JsonFault {
    const before = text.slice(0, at);
    const line = before.split('\n').length;
    return { line, column: at - before.lastIndexOf('\n'), message };
  }
}

function shown(letter: string | undefined, say: Say): string {
  if (letter === undefined) return say('the end');
  return letter === "'" || letter === '“' || letter === '”' ? say('{sign}: only " is a quote', { sign: letter }) : letter;
}
