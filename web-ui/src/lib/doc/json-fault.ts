// Where a text stops being JSON, and what was expected there. Browsers each say it in their own way, and one says nothing.

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
export function faultOf(text: string): JsonFault | undefined {
  const open: ('[' | '{')[] = [];
  let at = 0;
  /** What may come: a value, a value or the end of an empty list, a key, ... */
  let next: 'value' | 'first' | 'key' | 'firstKey' | 'after' = 'value';
  for (;;) {
    while (SPACE.has(text[at]!)) at += 1;
    const found = text[at];
    const inside = open.at(-1);
    if (next === 'after' && inside === undefined) return found === undefined ? undefined : fault('expected nothing more after the end');
    if (found === undefined) return fault(inside ? `it ends too early: a ${inside === '[' ? ']' : '}'} is missing` : 'it is empty');
    if (next === 'after') {
      if (found === ',') {
        at += 1;
        next = inside === '{' ? 'key' : 'value';
      } else if (found === (inside === '{' ? '}' : ']')) close();
      else return fault(`expected a comma or ${inside === '{' ? '}' : ']'}, found ${shown(found)}`);
    } else if (next === 'key' || next === 'firstKey') {
      if (found === '}' && next === 'firstKey') close();
      else if (found === '"') {
        const wrong = string();
        if (wrong) return wrong;
        while (SPACE.has(text[at]!)) at += 1;
        if (text[at] !== ':') return fault(`expected a colon after the name, found ${shown(text[at])}`);
        at += 1;
        next = 'value';
      } else return fault(found === '}' ? 'a comma stands before the }' : `expected a name in double quotes, found ${shown(found)}`);
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
      if (length === 0) return fault(found === ']' ? 'a comma stands before the ]' : `expected a value, found ${shown(found)}`);
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
        return fault('a text that begins here has no end: a " is missing');
      }
      if (letter === '"') {
        at += 1;
        return undefined;
      }
      if (letter === '\\') {
        const length = matched(ESCAPE);
        if (length === 0) return fault('there is no such escape in JSON');
        at += length;
      } else if (letter < ' ') return fault(letter === '\n' ? 'a line ends inside a text: write \\n' : 'a control character stands in a text');
      else at += 1;
    }
  }

  function fault(message: string): JsonFault {
    const before = text.slice(0, at);
    const line = before.split('\n').length;
    return { line, column: at - before.lastIndexOf('\n'), message };
  }
}

const shown = (letter: string | undefined): string => (letter === undefined ? 'the end' : letter === "'" || letter === '“' || letter === '”' ? `${letter}: only " is a quote` : letter);
