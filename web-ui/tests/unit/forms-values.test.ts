import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

import { expect, test } from 'vitest';

import type { Field, NodeType } from '../../src/lib/api/node-types';
import { Edit, FlowDoc } from '../../src/lib/doc/flow-doc';
import { carried, entriesOf, envWith, fieldsOfInstance, holderOfInstance, namesAround, secretOfSetting } from '../../src/lib/forms/env';
import { withPartners } from '../../src/lib/forms/links';
import { outputsOfCount, outputsOfList } from '../../src/lib/forms/outputs';
import { summaryOf } from '../../src/lib/forms/summary';
import { typedKindLabels } from '../../src/lib/forms/typed-kinds';
import { ownOf, replaceOwn, undescribed } from '../../src/lib/forms/undescribed';
import { usersOf, usersOfAll } from '../../src/lib/forms/users';
import { wrongOf } from '../../src/lib/forms/validate';
import { blank, chosen, isVisible, setIn, typedJson, typedNumber } from '../../src/lib/forms/values';
import german from '../../src/lib/i18n/de/forms';

const base = { label: '', help: '', required: false, secret: false };
const text = (name: string, more: object = {}): Field => ({ ...base, name, kind: 'text', ...more }) as Field;

test('changing what is deep keeps the rest, and changes nothing in place', () => {
  const before = { outbox: { mode: 'off', other: 1 }, rules: [{ t: 'eq' }, { t: 'else' }] };
  expect(setIn(before, ['outbox', 'mode'], 'always')).toEqual({ outbox: { mode: 'always', other: 1 }, rules: before.rules });
  expect(setIn(before, ['rules', 1, 'v'], '5')).toEqual({ ...before, rules: [{ t: 'eq' }, { t: 'else', v: '5' }] });
  expect(setIn(before, ['outbox', 'other'], undefined)).toEqual({ ...before, outbox: { mode: 'off' } });
  expect(setIn({}, ['outbox', 'retry', 'wait'], 2)).toEqual({ outbox: { retry: { wait: 2 } } });
  expect(before.outbox).toEqual({ mode: 'off', other: 1 });
});

test('fields show by the value of another, by its default, and switches that were never touched are off', () => {
  const fields: Field[] = [
    { ...base, name: 'mode', kind: 'choice', default: 'auto', options: [] },
    { ...base, name: 'once', kind: 'bool' },
    text('a', { visible_if: { field: 'mode', values: ['auto'] } }),
    text('b', { visible_if: { field: 'once', values: ['true'] } }),
    text('c', { visible_if: { field: 'once', values: ['false'] } }),
  ];
  const shown = (holder: object) => fields.slice(2).filter((field) => isVisible(field, fields, holder as never)).map((field) => field.name);
  expect(shown({})).toEqual(['a', 'c']);
  expect(shown({ mode: 'custom', once: true })).toEqual(['b']);
});

test('values keep the kind that stood there', () => {
  expect([typedNumber('10', '5'), typedNumber('10', 5), typedNumber('1.', 5), typedNumber('${N}', 5)]).toEqual(['10', 10, 1, '${N}']);
  expect([chosen('true', true), chosen('1', 0), chosen('true', 'false'), chosen('x', 0)]).toEqual([true, 1, 'true', 'x']);
  expect([typedJson('{"a":1}', undefined), typedJson('{"a":1}', '{}'), typedJson('online', undefined), typedJson('{"a":', {})]).toEqual([{ a: 1 }, '{"a":1}', 'online', '{"a":']);
});

test('a new row has what shows, with the first kind of typed values', () => {
  const fields: Field[] = [
    { ...base, name: 't', kind: 'choice', default: 'eq', options: [] },
    { ...base, name: 'v', kind: 'typed', type_field: 'vt', types: ['str', 'num'], visible_if: { field: 't', values: ['eq'] } },
    { ...base, name: 'v2', kind: 'typed', type_field: 'v2t', types: ['str'], visible_if: { field: 't', values: ['btwn'] } },
    text('password', { secret: true }),
  ];
  expect(blank(fields)).toEqual({ t: 'eq', v: '', vt: 'str' });
});

test('what is wrong is said, and what comes from the environment is not', () => {
  const port = { ...base, name: 'port', kind: 'integer', min: 1, max: 65535 } as Field;
  const wrong = (field: Field, value: unknown, more: object = {}) => wrongOf(field, { [field.name]: value, ...more });
  expect(wrong(port, 1883)).toBeUndefined();
  expect(wrong(port, '${PORT}')).toBeUndefined();
  expect(wrong(port, '70000')).toBe('At most 65535.');
  expect(wrong(port, 1.5)).toBe('This has to be a whole number.');
  expect(wrong(port, 'x')).toBe('This is no number.');
  expect(wrong(text('t', { required: true }), '')).toBe('This is needed.');
  expect(wrong(text('t', { required: true, default: 'a' }), '')).toBeUndefined();
  const typed = { ...base, name: 'v', kind: 'typed', type_field: 'vt', types: ['str', 'num', 'json', 'msg', 're', 'bin', 'flow'] } as Field;
  for (const [vt, good, bad] of [['num', '1.5', 'a'], ['json', '{"a":[1]}', '{a:1}'], ['msg', 'payload.list[0]["a b"].c', 'a..b'], ['re', '^(a|b)+$', '('], ['bin', '[1,2]', '[a]'], ['flow', '#:(disk)::limits.high', 'a b']]) {
    expect(wrong(typed, good, { vt }), `${vt} ${good}`).toBeUndefined();
    expect(wrong(typed, bad, { vt }), `${vt} ${bad}`).toBeTypeOf('string');
  }
  expect(wrong(typed, 'x', { vt: 'odd' })).toBeTypeOf('string');
});

const ruled: NodeType = { type: 'switch', category: '', summary: '', help: '', inputs: 1, outputs: { items_of: 'rules' }, fields: [text('rules'), { ...base, name: 'outputs', kind: 'integer' }] };

test('wires and labels go with their rules', () => {
  const item = { id: 'a', type: 'switch', wires: [['x'], ['y'], ['z']], outputLabels: ['X', 'Y', 'Z'] };
  expect(outputsOfList(item, ruled, 'rules', { move: 0, to: 2 }, 3)).toEqual({ wires: [['y'], ['z'], ['x']], outputLabels: ['Y', 'Z', 'X'], outputs: 3 });
  expect(outputsOfList(item, ruled, 'rules', { remove: 1 }, 2)).toEqual({ wires: [['x'], ['z']], outputLabels: ['X', 'Z'], outputs: 2 });
  expect(outputsOfList(item, ruled, 'rules', { add: 3 }, 4)).toEqual({ wires: [['x'], ['y'], ['z'], []], outputLabels: ['X', 'Y', 'Z', ''], outputs: 4 });
  expect(outputsOfList(item, ruled, 'other', { add: 3 }, 4)).toEqual({});
  const counted = { ...ruled, outputs: { field: 'outputs' } };
  expect(outputsOfCount(item, counted, 'outputs', 1)).toEqual({ wires: [['x']] });
  expect(outputsOfCount(item, counted, 'outputs', '1e9')).toEqual({});
});

test('users of a connection are found, however deep it is named', () => {
  const doc = new FlowDoc([
    { id: 'b', type: 'mqtt-broker', name: 'b' },
    { id: 'm', type: 'mqtt in', z: 't', x: 1, y: 1, broker: 'b', wires: [['b']] },
    { id: 'd', type: 'odd', deep: [{ tls: 'b' }] },
    { id: 'w', type: 'debug', z: 't', x: 1, y: 1, name: 'b', wires: [['b']] },
  ]);
  expect(usersOf(doc, 'b').map((item) => item.id)).toEqual(['m', 'd']);
  expect(usersOfAll(doc, new Set(['b'])).get('b')?.map((item) => item.id)).toEqual(['m', 'd']);
});

test('an instance sets what differs from its subflow, and keeps what it does not know', () => {
  const subflow = { id: 's', type: 'subflow', env: [{ name: 'SITE', type: 'str', value: 'x', ui: { label: { 'en-US': 'Site' } } }, { name: 'LIMIT', type: 'num', value: '30' }, { name: 'HIDDEN', type: 'str', value: '', ui: { type: 'hide' } }] };
  const instance = { id: 'i', type: 'subflow:s', env: [{ name: 'LIMIT', type: 'num', value: '26' }, { name: 'OLD', type: 'str', value: '1' }] };
  expect(fieldsOfInstance(subflow, () => false).map((field) => [field.name, field.label, field.kind])).toEqual([['SITE', 'Site', 'typed'], ['LIMIT', 'LIMIT', 'typed']]);
  expect(holderOfInstance(instance, subflow)).toMatchObject({ SITE: 'x', LIMIT: '26', 'LIMIT type': 'num' });
  expect(envWith(instance, subflow, { SITE: 'Hue' })).toEqual([...instance.env, { name: 'SITE', type: 'str', value: 'Hue' }]);
  expect(envWith(instance, subflow, { LIMIT: 'A', 'LIMIT type': 'env' })[0]).toEqual({ name: 'LIMIT', type: 'env', value: 'A' });
  expect(envWith(instance, subflow, { LIMIT: undefined })).toEqual([instance.env[1]]);
  expect(entriesOf({ id: 'i', type: 't', env: 'no list' })).toEqual([]);
});

test('a secret setting that is renamed says what it was called, until it is called so again', () => {
  const stored = { name: 'KEY', type: 'cred' };
  expect(carried(stored, 'TOKEN')).toEqual({ was: 'KEY' });
  const renamed = { name: 'TOKE', type: 'cred', was: 'KEY' };
  expect([carried(renamed, 'TOKEN'), carried(renamed, 'KEY')]).toEqual([{ was: 'KEY' }, { was: undefined }]);
  // One that is typed anew needs no old one, and what is no secret has none.
  expect([carried({ ...stored, value: 'new' }, 'X'), carried({ ...stored, type: 'str' }, 'X'), carried({ ...stored, name: '' }, 'X')]).toEqual([{}, {}, {}]);
  expect([secretOfSetting(stored), secretOfSetting(renamed), secretOfSetting({ name: 'a/b~' })]).toEqual(['env/KEY', 'env/KEY', 'env/a~1b~0']);
});

test('names of the environment: of groups, the tab, and all', () => {
  const env = (name: string) => [{ name, type: 'str', value: '' }];
  const doc = new FlowDoc([
    { id: 't', type: 'tab', env: env('TAB') },
    { id: 'g', type: 'group', z: 't', g: 'h', env: env('INNER') },
    { id: 'h', type: 'group', z: 't', g: 'g', env: env('OUTER') },
    { id: 'c', type: 'global-config', env: env('ALL') },
    { id: 'n', type: 'debug', z: 't', g: 'g', x: 0, y: 0 },
  ]);
  expect(namesAround(doc, doc.get('n')!)).toEqual(['INNER', 'OUTER', 'TAB', 'ALL']);
});

test('both ends of a link name each other; a call is not named', () => {
  const doc = new FlowDoc([
    { id: 'o', type: 'link out', links: ['i'] },
    { id: 'i', type: 'link in', links: ['o', 'p'] },
    { id: 'j', type: 'link in', links: [] },
    { id: 'c', type: 'link call', links: [] },
  ]);
  const edit = new Edit(doc);
  withPartners(edit, doc.get('o')!, ['j']);
  withPartners(edit, doc.get('c')!, ['i']);
  expect(['o', 'i', 'j', 'c'].map((id) => edit.get(id)?.links)).toEqual([['j'], ['p'], ['o'], ['i']]);
});

test('an unknown type is edited as JSON, and keeps its place and its wires', () => {
  const item = { id: 'a', type: 'odd', z: 't', x: 1, y: 2, wires: [['b']], name: 'n', speed: 3, deep: { a: 1 }, credentials: { password: 'p' } };
  expect(ownOf(item)).toEqual({ speed: 3, deep: { a: 1 } });
  expect(replaceOwn(item, { deep: { a: 2 }, wires: [], id: 'z', more: 1 })).toEqual({ speed: undefined, deep: { a: 2 }, more: 1 });
  expect(undescribed(item, ruled)).toEqual({ speed: 3, deep: { a: 1 } });
});

test('kinds of typed values have their German', () => {
  expect(typedKindLabels.filter((label) => !(label in german))).toEqual([]);
});

const program = process.env.TIDEGATE ?? '';
test.skipIf(!existsSync(program))('a new row of every list of every node has nothing wrong but what is needed, and a summary', () => {
  const types = execFileSync(program, ['nodes', '--json'], { encoding: 'utf8' }).trim().split('\n').map((line) => JSON.parse(line) as NodeType);
  for (const type of types) {
    for (const field of type.fields) {
      if (field.kind !== 'list') continue;
      const row = blank(field.fields);
      expect(typeof summaryOf(field.fields, row)).toBe('string');
      const wrong = field.fields.map((inner) => wrongOf(inner, row)).filter((one) => one !== undefined && one !== 'This is needed.');
      expect(wrong, `${type.type} ${field.name} ${JSON.stringify(row)}`).toEqual([]);
    }
  }
});
