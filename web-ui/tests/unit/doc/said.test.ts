import { expect, test } from 'vitest';

import { toldOf } from '../../../src/lib/api/client';
import { check } from '../../../src/lib/doc/check';
import { FlowDoc } from '../../../src/lib/doc/flow-doc';
import { readFlows } from '../../../src/lib/doc/read-flows';
import { english, Refusal, type Say } from '../../../src/lib/doc/words';

/** Another language: each text by its English, in brackets. */
const other: Say = (text, values) => `<${english(text, values)}>`;

test('what is wrong with the document is said in the language of whoever asks, also when it was asked for in another before', () => {
  const field = { name: 'n', label: 'N', help: 'A figure.', required: false, secret: false, kind: 'number' as const, min: 1 };
  const all = [{ type: 'a', inputs: 1, outputs: 1, fields: [field] }];
  const types = { all, get: (name: string) => all.find(({ type }) => type === name) } as unknown as Parameters<typeof check>[1];
  const doc = new FlowDoc([{ id: 't', type: 'tab' }, { id: 'x', type: 'a', z: 't', n: 'many', wires: [['y']] }]);
  const before = check(doc, types).map(({ message }) => message);
  expect(before).toEqual(['a (x): it is wired to "y", which is not in the document', 'a (x): n: expected a number, found "many"']);
  expect(check(doc, types, other).map(({ message }) => message)).toEqual(['a (x): <it is wired to "y", which is not in the document>', 'a (x): n: <expected <a number>, found "many">']);
  expect(check(doc, types).map(({ message }) => message)).toEqual(before);
  // The editor has one way to say things, and it says them otherwise after a change of the language.
  let language = english;
  const say: Say = (text, values) => language(text, values);
  expect(check(doc, types, say).map(({ message }) => message)).toEqual(before);
  language = other;
  expect(check(doc, types, say).map(({ message }) => message)).toEqual(check(doc, types, other).map(({ message }) => message));
});

test('so is why a text is no flows, and why something cannot be done', () => {
  expect(readFlows('[1', other).wrong).toBe('<this is not JSON: line 1, column 3: <it ends too early: a ] is missing>>');
  expect([...readFlows('[1, {"id": "a", "type": "b"}]', other).leftOut.keys()]).toEqual(['<it is no object>']);
  const refusal = new Refusal('at most {n} nodes', { n: 3 });
  expect([refusal.message, toldOf(refusal), refusal.text]).toEqual(['at most 3 nodes', 'at most 3 nodes', 'at most {n} nodes']);
});
