import { afterEach, expect, test, vi } from 'vitest';

import { ask } from '../../src/lib/api/client';
import { readExactly, writeExactly } from '../../src/lib/api/exact';
import { valueOf } from '../../src/lib/live/values';
import { linesOf, numberOf, preview, textOf } from '../../src/lib/ui/tree';

afterEach(() => vi.unstubAllGlobals());

const LARGE = '{"id":9007199254740993,"list":[-9223372036854775808,1],"text":"9007199254740993 \\" 12345678901234567","9007199254740993":2,"n":9007199254740991,"f":12345678901234567.5,"e":1e400,"g":12345678901234567e3}';

test('integers beyond 2^53 keep their digits, and nothing else is changed', () => {
  const value = readExactly(LARGE) as Record<string, unknown>;
  expect([numberOf(value.id), numberOf((value.list as unknown[])[0])]).toEqual(['9007199254740993', '-9223372036854775808']);
  const { id: _, list: __, ...rest } = value;
  const { id: ___, list: ____, ...plain } = JSON.parse(LARGE) as Record<string, unknown>;
  expect(rest).toEqual(plain);
  expect(preview(value)).toContain('9007199254740993');
  const lines = linesOf(value, 'msg', new Set(['msg']));
  expect(lines.find(({ key }) => key === 'id')?.kind).toBe('number');
  expect(readExactly('9007199254740993')).toEqual({ __enc__: true, type: 'number', data: '9007199254740993' });
  expect(() => readExactly('{"a":9007199254740993')).toThrow(SyntaxError);
});

test('what is copied or sent has the digits that came', () => {
  const text = '{"a":9007199254740993,"b":["exact-0.5-0","9007199254740993",-9223372036854775808]}';
  expect(writeExactly(readExactly(text))).toBe(text);
  expect(textOf(readExactly('{"a":9007199254740993}'))).toBe('{\n  "a": 9007199254740993\n}');
  // A mark of the gateway for what is no integer stays one.
  const infinite = { __enc__: true, type: 'number', data: 'Infinity' };
  expect(writeExactly({ infinite })).toBe(JSON.stringify({ infinite }));
  expect(writeExactly({ a: { __enc__: true, type: 'number', data: '9007199254740993},"b":{' } })).toContain('\\"b\\"');
});

test('a long text does not stand in the way', () => {
  const long = '\\u0041'.repeat(200_000) + 'x'.repeat(2_000_000);
  const value = readExactly(`{"text":"${long}","n":9007199254740993}`) as { n: unknown; text: string };
  expect([numberOf(value.n), value.text.length]).toEqual(['9007199254740993', 2_200_000]);
});

test('debug, and answers with messages, are read so; other answers are not', async () => {
  expect(numberOf((valueOf({ format: 'Object', msg: '{"n":9007199254740993}' }) as { n: unknown }).n)).toBe('9007199254740993');
  vi.stubGlobal('location', { origin: 'http://gateway' });
  vi.stubGlobal('fetch', async () => new Response('[{"value":9007199254740993}]'));
  expect(numberOf((await ask<{ value: unknown }[]>('/api/v1/dead-letters', { exact: true }))[0]?.value)).toBe('9007199254740993');
  expect((await ask<{ value: unknown }[]>('/api/v1/dead-letters'))[0]?.value).toBe(9007199254740992);
});
