import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { parseMarkdown, type Block, type Inline } from '../../src/lib/ui/markdown';

const plain = (parts: readonly Inline[]): string =>
  parts.map((part) => ('text' in part ? part.text : 'parts' in part ? plain(part.parts) : '\n')).join('');
const kinds = (text: string) => parseMarkdown(text).map((block) => block.kind);
const only = (text: string): Block => {
  const [first, ...more] = parseMarkdown(text);
  if (!first || more.length > 0) throw new Error(`${more.length + 1} blocks`);
  return first;
};

test('blocks', () => {
  expect(kinds('# A\n\ntext\nmore\n\n```rhai\nlet a = 1;\n\n# no heading\n```\n\n---\n> said\n\n- a\n- b')).toEqual(['heading', 'paragraph', 'code', 'rule', 'quote', 'list']);
  expect(only('```rhai\na | b\n```')).toEqual({ kind: 'code', language: 'rhai', text: 'a | b' });
  expect(only('```\nnever closed')).toMatchObject({ kind: 'code', text: 'never closed' });
});

test('lists, also in lists and with lines that go on', () => {
  const list = only('- one\n  goes on\n- two\n  - inner\n  - other\n\n- three');
  if (list.kind !== 'list') throw new Error(list.kind);
  expect(list.items.map((item) => item.map((block) => block.kind))).toEqual([['paragraph'], ['paragraph', 'list'], ['paragraph']]);
  expect(only('3. c\n4. d')).toMatchObject({ kind: 'list', ordered: true, start: 3 });
});

test('tables keep a bar that is escaped or in code', () => {
  const table = only('| a | b |\n|---|---|\n| `x \\| y` | **z** |');
  if (table.kind !== 'table') throw new Error(table.kind);
  expect(table.head.map(plain)).toEqual(['a', 'b']);
  expect(table.rows.map((row) => row.map(plain))).toEqual([['x | y', 'z']]);
});

test('inline parts', () => {
  const paragraph = only('a `b*c*` **bold *both*** *it* snake_case_name 2 * 3 * 4 [link](https://rhai.rs/book/) \\*no\\*');
  if (paragraph.kind !== 'paragraph') throw new Error(paragraph.kind);
  expect(paragraph.parts.map((part) => part.kind)).toEqual(['text', 'code', 'text', 'strong', 'text', 'em', 'text', 'link', 'text']);
  expect(plain(paragraph.parts)).toContain('snake_case_name 2 * 3 * 4');
});

test('what is no link to another place is text', () => {
  const paragraph = only('[a](javascript:alert(1)) [b](flow-tests.md) <b>bold</b> ![x](data:text/html,1)');
  if (paragraph.kind !== 'paragraph') throw new Error(paragraph.kind);
  expect(paragraph.parts.every((part) => part.kind === 'text')).toBe(true);
});

test('help of all nodes is read, quickly, and nothing of it is lost', () => {
  const text = readFileSync(new URL('../../../docs/nodes.md', import.meta.url), 'utf8');
  const started = performance.now();
  const blocks = parseMarkdown(text);
  expect(performance.now() - started).toBeLessThan(500);
  expect(blocks.length).toBeGreaterThan(500);
  expect(blocks.filter((block) => block.kind === 'table').length).toBeGreaterThan(10);
});

test('hostile text ends', () => {
  for (const text of ['['.repeat(20_000), '*'.repeat(20_000), '> '.repeat(5_000), '`'.repeat(20_001), `${'- '.repeat(3_000)}x`, '**a '.repeat(5_000)]) {
    const started = performance.now();
    parseMarkdown(text);
    expect(performance.now() - started, text.slice(0, 4)).toBeLessThan(2_000);
  }
});

test('what begins everywhere and ends nowhere is text, however much of it there is', () => {
  const much = 100_000;
  const spaces = ' '.repeat(much);
  expect(only('**a b '.repeat(much / 6))).toMatchObject({ kind: 'paragraph', parts: [{ kind: 'text' }] });
  expect(only(`# a${spaces}b ##`)).toEqual({ kind: 'heading', level: 1, parts: [{ kind: 'text', text: `a${spaces}b` }] });
  expect(only(`a${spaces}b`)).toMatchObject({ parts: [{ kind: 'text' }] });
  expect(kinds(`a|b\n|-${spaces}x`)).toEqual(['paragraph']);
  const list = only('- a\n'.repeat(much / 4));
  expect(list.kind === 'list' && list.items.length).toBe(much / 4);
  // Each goes over the one inside, to the next of its own kind.
  expect(kinds('```\n~~~\n'.repeat(much / 10))).toHaveLength(Math.ceil(much / 15));
});

test('a heading is without the signs at its end', () => {
  expect(['# a #', '## a##', '#', '# ', '#a', '# #'].map((text) => parseMarkdown(text)[0])).toEqual([
    { kind: 'heading', level: 1, parts: [{ kind: 'text', text: 'a' }] },
    { kind: 'heading', level: 2, parts: [{ kind: 'text', text: 'a' }] },
    { kind: 'paragraph', parts: [{ kind: 'text', text: '#' }] },
    { kind: 'heading', level: 1, parts: [] },
    { kind: 'paragraph', parts: [{ kind: 'text', text: '#a' }] },
    { kind: 'heading', level: 1, parts: [] },
  ]);
});
