import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { lines, type Line } from '../../src/lib/diff/lines';
import { asLines, isLong, pathInWords } from '../../src/lib/diff/values';
import { rank } from '../../src/shell/rank';

const leftOut = (told: ReturnType<typeof lines>): number[] => told.flatMap((row) => (row.kind === 'left-out' ? [row.lines.length] : []));
const only = (told: ReturnType<typeof lines>, kind: Line['kind']): Line[] => told.filter((row): row is Line => row.kind === kind);
/** As it is shown: changed words in brackets. */
const marked = ({ text, parts }: Line): string => parts?.map((part) => (part.kind === 'changed' ? `[${part.text}]` : part.kind === 'left-out' ? '…' : part.text)).join('') ?? text;

test('what has changed in a text is told by lines, and what is far from it is left out', () => {
  const before = Array.from({ length: 20 }, (_, n) => `line ${n}`);
  const after = before.map((line) => (line === 'line 10' ? 'another' : line));
  const told = lines(before.join('\n'), after.join('\n'));
  expect(only(told, 'gone').map(({ text }) => text)).toEqual(['line 10']);
  expect(only(told, 'come').map(({ text }) => text)).toEqual(['another']);
  expect(leftOut(told)).toEqual([7, 6]);
  expect(lines('a\nb', 'a\nb').some(({ kind }) => kind !== 'left-out')).toBe(false);
  // A text that was empty had no line.
  expect(lines('', 'a\nb')).toEqual([{ kind: 'come', text: 'a' }, { kind: 'come', text: 'b' }]);
});

test('with what is told, the text of before becomes the text of after', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', 'some line', 'some other line', ''), { maxLength: 12 }).map((all) => all.join('\n'));
  fc.assert(
    fc.property(text, text, (before, after) => {
      const told = lines(before, after).flatMap((row) => (row.kind === 'left-out' ? row.lines : [row]));
      const whole = (side: 'gone' | 'come') => told.filter(({ kind }) => kind === side || kind === 'same');
      expect(whole('gone').map((line) => line.text).join('\n')).toBe(before);
      expect(whole('come').map((line) => line.text).join('\n')).toBe(after);
      // Of a line of which parts are told, they are the whole line.
      for (const { text: line, parts: some } of told) if (some) expect(some.map((part) => part.text).join('')).toBe(line);
    }),
  );
});

test('in a line that has changed a little, what is otherwise is marked; in another line nothing is', () => {
  const [gone, come] = [only(lines('let limit = 40;', 'let limit = 45.5;'), 'gone')[0]!, only(lines('let limit = 40;', 'let limit = 45.5;'), 'come')[0]!];
  expect([marked(gone), marked(come)]).toEqual(['let limit = [40];', 'let limit = [45.5];']);
  expect(only(lines('let limit = 40;', 'publish("site/alarm")'), 'gone')[0]!.parts).toBeUndefined();
  // Only the room at the start is otherwise, which nobody would see.
  expect(marked(only(lines('msg', '  msg'), 'come')[0]!)).toBe('[  ]msg');
  // The first of some lines has become the first of those that stand there now.
  expect(only(lines('let a = 1;\nlet b = 2;', 'let a = 10;\nlet b = 20;'), 'come').map(marked)).toEqual(['let a = [10];', 'let b = [20];']);
});

test('of a very long line only what is near the change is shown', () => {
  const words = (from: number): string => Array.from({ length: 400 }, (_, n) => `word${from + n}`).join(' ');
  const [gone] = only(lines(`${words(0)} old ${words(400)}`, `${words(0)} new ${words(400)}`), 'gone');
  const shown = gone!.parts!.filter(({ kind }) => kind !== 'left-out').map(({ text }) => text).join('');
  expect(shown).toContain(' old ');
  expect(shown.length).toBeLessThan(100);
  expect(gone!.parts!.map(({ text }) => text).join('')).toBe(gone!.text);
});

test('a line that stands elsewhere now has been moved', () => {
  const told = lines('first line\nlet a = 1;\nlet b = 2;\nlet c = 3;\n}', 'let a = 1;\nlet b = 2;\nlet c = 3;\nfirst line\n}');
  expect(told.filter((row) => row.kind !== 'same')).toEqual([{ kind: 'gone', text: 'first line', moved: true }, { kind: 'come', text: 'first line', moved: true }]);
  // What stands beside it is still told by its parts.
  const beside = lines('let a = 1;\nlog(msg);\nmsg', 'let a = 2;\nmsg\nlog(msg);');
  expect(only(beside, 'come').map(marked)).toEqual(['let a = [2];', 'log(msg);']);
  // A bracket is not the one of before.
  expect(lines('}\na\nb\nc', 'a\nb\nc\n}').some((row) => row.kind !== 'left-out' && row.moved)).toBe(false);
});

test('a very long text is told as gone and come, and does not take for ever', () => {
  const long = (sign: string) => Array.from({ length: 5_000 }, (_, n) => `${sign}${n}`).join('\n');
  const told = lines(long('a'), long('b'));
  expect(told).toHaveLength(10_000);
});

test('what is too long for one line is compared by lines, also when it is no text', () => {
  expect(isLong('a', 'b')).toBe(false);
  expect(isLong(undefined, 'a\nb')).toBe(true);
  expect(isLong('x'.repeat(200), undefined)).toBe(true);
  expect(isLong({ a: 'x'.repeat(200) }, 1)).toBe(true);
  expect(asLines({ a: [1] })).toBe('{\n  "a": [\n    1\n  ]\n}');
  expect(asLines(null)).toBe('null');
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
