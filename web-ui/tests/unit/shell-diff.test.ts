import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { lines } from '../../src/lib/diff/lines';
import { pathInWords } from '../../src/lib/diff/values';
import { rank } from '../../src/shell/rank';

test('what has changed in a text is told by lines, and what is far from it is counted', () => {
  const before = Array.from({ length: 20 }, (_, n) => `line ${n}`);
  const after = before.map((line) => (line === 'line 10' ? 'another' : line));
  const told = lines(before.join('\n'), after.join('\n'));
  expect(told.filter(({ kind }) => kind === 'gone').map(({ text }) => text)).toEqual(['line 10']);
  expect(told.filter(({ kind }) => kind === 'come').map(({ text }) => text)).toEqual(['another']);
  expect(told.filter(({ kind }) => kind === 'left-out').map(({ count }) => count)).toEqual([7, 6]);
  expect(lines('a', 'a').some(({ kind }) => kind !== 'left-out')).toBe(false);
});

test('with what is told, the text of before becomes the text of after', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 }).map((all) => all.join('\n'));
  fc.assert(
    fc.property(text, text, (before, after) => {
      const told = lines(before, after);
      const whole = (kind: string) => told.filter((line) => line.kind === kind || line.kind === 'same').map((line) => line.text);
      if (told.some(({ kind }) => kind === 'left-out')) return;
      expect(whole('gone').join('\n')).toBe(before);
      expect(whole('come').join('\n')).toBe(after);
    }),
  );
});

test('a very long text is told as gone and come, and does not take for ever', () => {
  const long = (sign: string) => Array.from({ length: 5_000 }, (_, n) => `${sign}${n}`).join('\n');
  const told = lines(long('a'), long('b'));
  expect(told).toHaveLength(10_000);
});

test('a pointer is told by the labels of the node type', () => {
  const field = { help: '', required: false, secret: false };
  const fields = [{ ...field, name: 'rules', label: 'Rules', kind: 'list', fields: [{ ...field, name: 'v', label: 'Value', kind: 'text' }] }] as const;
  expect(pathInWords('/rules/0/v', fields)).toBe('Rules, 1, Value');
  expect(pathInWords('/a~1b', fields)).toBe('a/b');
});

test('what is sought is found by the beginnings of its words, in any order, without accents', () => {
  const names = ['Deploy changed flows', 'Undeploy', 'Größe der Leinwand', 'Show flows'];
  const found = (query: string) => rank(names, query, (name) => [name]);
  expect(found('dep')).toEqual(['Deploy changed flows', 'Undeploy']);
  expect(found('flows dep')).toEqual(['Deploy changed flows']);
  expect(found('grosse')).toEqual([]);
  expect(found('große')).toEqual(['Größe der Leinwand']);
  expect(found('')).toEqual(names);
});
