import { StringStream } from '@codemirror/language';
import { afterEach, expect, test, vi } from 'vitest';

import { preview, read } from '../../src/lib/code/aids';
import { aliases, chainBefore, partsOf } from '../../src/lib/code/complete';
import { differences } from '../../src/lib/code/differences';
import { attributesOf } from '../../src/lib/code/editor';
import { parser } from '../../src/lib/code/rhai';
import { jsonParser } from '../../src/lib/code/small-languages';
import { faultOf } from '../../src/lib/doc/json-fault';
import { exampleOf, keysAt, pathsIn } from '../../src/lib/code/shape';

afterEach(() => vi.unstubAllGlobals());

/** Words of a script with their styles, as the colours are given. */
function styled(code: string): [string, string][] {
  const state = parser.startState!(4);
  const all: [string, string][] = [];
  for (const line of code.split('\n')) {
    const stream = new StringStream(line, 4, 4);
    while (!stream.eol()) {
      stream.start = stream.pos;
      const style = parser.token(stream, state);
      if (stream.pos === stream.start) throw new Error(`nothing was read of ${line}`);
      if (style) all.push([stream.current(), style]);
    }
  }
  return all;
}

const styleOf = (code: string, word: string) => styled(code).find(([text]) => text === word)?.[1];

test('Rhai: words, numbers, and what a script sees', () => {
  const code = 'let x = msg.payload.temp ?? 0x1F;\nif x > 1_000.5 { node.send(msg) } // done\nfn f(a) { units::kelvin(a) }';
  expect(styled(code).filter(([, style]) => style === 'keyword').map(([text]) => text)).toEqual(['let', 'if', 'fn']);
  expect([styleOf(code, 'msg'), styleOf(code, 'node'), styleOf(code, 'payload'), styleOf(code, 'send'), styleOf(code, 'units')]).toEqual(['variableName.special', 'variableName.special', 'propertyName', 'propertyName.function', 'namespace']);
  expect(styled(code).filter(([, style]) => style === 'number').map(([text]) => text)).toEqual(['0x1F', '1_000.5']);
  expect(styleOf(code, '// done')).toBe('comment');
});

test('Rhai: texts with code in them, over lines, and comments in comments', () => {
  expect(styleOf('let a = `at ${msg.topic + `x${1}`} end`; let b = 2;', 'topic')).toBe('propertyName');
  expect(styled('`one ${a}\ntwo`\nlet').at(-1)).toEqual(['let', 'keyword']);
  expect(styled('`${ #{a: 1} }` let').at(-1)).toEqual(['let', 'keyword']);
  expect(styled('/* a /* b */ c\nd */ let').at(-1)).toEqual(['let', 'keyword']);
  expect(styled('"a \\" b" let').map(([, style]) => style)).toEqual(['string', 'keyword']);
});

test('Rhai: a line is indented by the brackets that are open', () => {
  const state = parser.startState!(4);
  const lines = ['if a {', '    b(#{', '        x: 1'];
  for (const line of lines) {
    const stream = new StringStream(line, 4, 4);
    while (!stream.eol()) {
      stream.start = stream.pos;
      parser.token(stream, state);
    }
  }
  const indent = (text: string) => parser.indent!(state, text, { unit: 4 } as never);
  expect([indent('y: 2'), indent('})')]).toEqual([8, 4]);
});

const messages = [
  { topic: 'a', payload: { temperature: null, list: [{ v: 1 }], 'odd key': true } },
  { topic: 'b', payload: { temperature: 21.5, list: { __enc__: true, type: 'array', data: [{ v: 2, w: 'x' }], length: 900 }, raw: { __enc__: true, type: 'Buffer', data: [1, 2], length: 2 } } },
];

test('keys that messages had, with types, and an example of the newest', () => {
  expect(keysAt(messages, ['payload'])).toEqual([
    { name: 'temperature', type: 'number, null', example: '21.5' },
    { name: 'list', type: 'list', example: '[{"v":2,"w":"x"}]' },
    { name: 'raw', type: 'bytes', example: '2 B' },
    { name: 'odd key', type: 'boolean', example: 'true' },
  ]);
  expect(keysAt(messages, ['payload', 'list', '0']).map(({ name }) => name)).toEqual(['v', 'w']);
  expect(keysAt(messages, ['nothing'])).toEqual([]);
  expect(keysAt([1, null, 'x', []], [])).toEqual([]);
  expect(pathsIn(messages).map(({ path }) => path)).toEqual(['topic', 'payload', 'payload.temperature', 'payload.list', 'payload.raw', 'payload["odd key"]']);
  expect(exampleOf('x'.repeat(1_000)).length).toBeLessThan(50);
});

test('what stands before the cursor', () => {
  expect(chainBefore('let x = msg.payload.te')).toEqual({ of: ['msg', 'payload'], typed: 'te' });
  expect(chainBefore('f(msg.list[0].')).toEqual({ of: ['msg', 'list', '*'], typed: '' });
  expect(chainBefore('msg?.payload?.a')).toEqual({ of: ['msg', 'payload'], typed: 'a' });
  expect(chainBefore('msg.payload["a key"].b')).toEqual({ of: ['msg', 'payload', 'a key'], typed: 'b' });
  expect(chainBefore('le')).toEqual({ of: [], typed: 'le' });
  expect(chainBefore('1 + ')).toBeUndefined();
  expect(partsOf('msg.list[i].v')).toEqual(['msg', 'list', '*', 'v']);
  expect([...aliases('let a = msg.payload;\nlet b = msg.payload.limits ?? #{};\nlet c = 5;')]).toEqual([['a', ['payload']], ['b', ['payload', 'limits']]]);
});

test('what became of a message', () => {
  const found = differences({ _msgid: '1', topic: 'a', payload: { x: 1, y: [1, 2], z: 0 } }, { _msgid: '2', topic: 'a', payload: { x: 2, y: [1, 2, 3] }, more: true });
  expect(found).toEqual([
    { path: 'payload.x', kind: 'changed', before: 1, after: 2 },
    { path: 'payload.y[2]', kind: 'added', after: 3 },
    { path: 'payload.z', kind: 'removed', before: 0 },
    { path: 'more', kind: 'added', after: true },
  ]);
  const large = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`k${n}`, n]));
  expect(differences({}, large).length).toBeLessThanOrEqual(50);
});

test('words of the gateway, also where it tells only some', () => {
  const words = read({ functions: [{ name: 'round', signatures: ['round(x)', 'round(x, digits)'], doc: 'Rounds.' }], methods: [{ of: 'node', name: 'send' }] });
  expect(words.functions).toEqual([{ name: 'round', signature: 'round(x)\nround(x, digits)', doc: 'Rounds.' }]);
  expect(words.methods.node).toEqual([{ name: 'send', signature: '', doc: '' }]);
  expect(words.keywords).toContain('let');
  expect(read({}).functions.length).toBeGreaterThan(10);
});

test('JSON: names, values, and where it is wrong', () => {
  const stream = new StringStream('{"a b": [-1.5e3, "x\\"y", true, null]}', 2, 2);
  const state = jsonParser.startState!(2);
  const all: [string, string][] = [];
  while (!stream.eol()) {
    stream.start = stream.pos;
    const style = jsonParser.token(stream, state);
    if (style && style !== 'bracket') all.push([stream.current(), style]);
  }
  expect(all).toEqual([['"a b"', 'propertyName'], ['-1.5e3', 'number'], ['"x\\"y"', 'string'], ['true', 'bool'], ['null', 'null']]);
  expect(faultOf('{"a": 1}')).toBeUndefined();
  for (const [text, line, column] of [['{\n  "a": x\n}', 2, 8], ['{"a": 1', 1, 8], ['[1, ]', 1, 5], ['{a: 1}', 1, 2], ['{"a" 1}', 1, 6], ['[1] 2', 1, 5], ['{"a": [1}', 1, 9], ['[1 2]', 1, 4], ['', 1, 1]] as const) {
    expect(faultOf(text), text).toMatchObject({ line, column });
  }
});

test('a result of a try stays with the message that it was made of', async () => {
  const messages = [{ payload: 1 }, { payload: 2 }];
  vi.stubGlobal('location', { origin: 'http://gateway' });
  vi.stubGlobal('fetch', (_: URL, { body }: { body: string }) => {
    const told = (JSON.parse(body) as { messages: { payload: number }[] }).messages.map(({ payload }) => ({ outputs: [[{ payload: payload * 2 }]] }));
    // What nobody asked for has no message, and is not shown.
    return Promise.resolve(Response.json({ results: [...told, { outputs: [] }], stopped: 'too long' }));
  });
  const answer = await preview({ id: 'f', type: 'function' }, messages, new AbortController().signal);
  messages.reverse();
  expect(answer.results.map(({ input, outputs }) => [input, outputs[0]?.[0]])).toEqual([[{ payload: 1 }, { payload: 2 }], [{ payload: 2 }, { payload: 4 }]]);
  expect(answer.stopped).toBe('too long');
});

test('what is said of a code field is said of the element that is written in, and nothing that is not so', () => {
  expect(attributesOf({ id: 'f', describedby: 'f-help f-wrong', invalid: true })).toEqual({ id: 'f', 'aria-describedby': 'f-help f-wrong', 'aria-invalid': 'true' });
  expect(attributesOf({ id: undefined, describedby: undefined, invalid: false })).toEqual({});
});
