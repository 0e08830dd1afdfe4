import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import written from '../../src/lib/i18n/german';
import { finder, pack } from '../../src/lib/i18n/packed';

const source = new URL('../../src', import.meta.url).pathname;
const files = readdirSync(source, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(ts|svelte)$/.test(entry.name))
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((path) => !path.includes('/i18n/') && !path.endsWith('generated.ts'));

/** Literals that stand in `t(...)` and `tn(...)`, and the names of actions and panels, which are translated where they are shown. */
function texts(code: string): string[] {
  const literal = `'((?:[^'\\\\\\n]|\\\\.)*)'`;
  const plain = [...code.matchAll(new RegExp(`\\bt\\(\\s*${literal}`, 'g'))].map((match) => match[1]);
  const counted = [...code.matchAll(new RegExp(`\\btn\\([^,]+,\\s*${literal},\\s*${literal}`, 'g'))].flatMap((match) => [match[1], match[2]]);
  return [...plain, ...counted].filter((text) => text !== undefined).map((text) => text.replace(/\\(.)/g, '$1'));
}

/** The document knows no language: it says its texts by what it is given to say them with, or refuses in them. */
const saidByDocument = (code: string): string[] => [...code.matchAll(/\b(?:say|new Refusal)\(\s*'((?:[^'\\\n]|\\.)*)'/g)].map((match) => (match[1] ?? '').replace(/\\(.)/g, '$1'));

function named(code: string): string[] {
  return [...code.matchAll(/\b(?:name|title): '((?:[^'\\\n]|\\.)*)'/g)].map((match) => (match[1] ?? '').replace(/\\(.)/g, '$1'));
}

async function germanTexts(): Promise<Record<string, string>> {
  const folder = new URL('../../src/lib/i18n/de', import.meta.url).pathname;
  const german: Record<string, string> = {};
  for (const name of readdirSync(folder)) {
    const { default: texts } = (await import(join(folder, name))) as { default: Record<string, string> };
    // The same English text means the same everywhere, or it has to be another one.
    for (const [text, translated] of Object.entries(texts)) expect(german[text] ?? translated, `${name}: ${text}`).toBe(translated);
    Object.assign(german, texts);
  }
  return german;
}

test('every text of the editor has its German', async () => {
  const german = await germanTexts();
  const used = new Set<string>();
  for (const path of files) {
    const code = readFileSync(path, 'utf8');
    texts(code).forEach((text) => used.add(text));
    if (path.includes('/lib/doc/')) saidByDocument(code).forEach((text) => used.add(text));
    if (path.includes('/actions/') || /panels\/[^/]+\/index\.ts$/.test(path)) named(code).forEach((text) => used.add(text));
  }
  expect([...used].filter((text) => !(text in german)).sort()).toEqual([]);
  // Of both folders some are there: what collects them has not gone blind.
  expect([...used]).toEqual(expect.arrayContaining(['it is wired to {id}, which is not in the document', 'a subflow cannot contain itself', 'Problems of this item']));
  const parameters = (text: string) => [...text.matchAll(/\{\w+\}/g)].map((match) => match[0]).sort();
  for (const [text, translated] of Object.entries(german)) expect(parameters(translated), text).toEqual(parameters(text));
});

test('packed texts are found as those that are written', async () => {
  const german = await germanTexts();
  const packed = finder(pack(german));
  expect(Object.keys(german).length).toBeGreaterThan(500);
  for (const [english, translated] of Object.entries(german)) {
    expect(packed(english), english).toBe(translated);
    expect(written(english), english).toBe(translated);
  }
  expect(packed('a text that nobody has written')).toBeUndefined();
});

test('no text at all, an empty one and one with other letters are packed too', () => {
  expect(finder(pack({}))('Deploy')).toBeUndefined();
  const find = finder(pack({ '': 'leer', Deploy: 'Ausrollen', 'Café {n}': 'Kaffee {n}' }));
  expect([find(''), find('Deploy'), find('Café {n}'), find('deploy')]).toEqual(['leer', 'Ausrollen', 'Kaffee {n}', undefined]);
});
