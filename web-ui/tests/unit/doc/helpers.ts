import { FlowDoc, type Edit } from '../../../src/lib/doc/flow-doc';
import { wiresOf, type Item } from '../../../src/lib/doc/item';
import type { Field, NodeType, Types } from '../../../src/lib/doc/types';

const field = (name: string, kind: string, more: object = {}): Field =>
  ({ name, kind, label: name, help: `What ${name} is.`, required: false, secret: false, ...more }) as unknown as Field;

const type = (name: string, category: string, inputs: number, outputs: NodeType['outputs'], fields: readonly Field[]): NodeType => ({
  type: name,
  category,
  summary: '',
  help: '',
  inputs,
  outputs,
  fields,
});

/** A few types as the gateway describes them. */
export const all: readonly NodeType[] = [
  type('inject', 'common', 0, 1, [
    field('props', 'list', { default: [{ p: 'payload' }], fields: [field('p', 'text', { required: true }), field('v', 'typed', { type_field: 'vt', types: ['str', 'num'] })] }),
    field('repeat', 'number', { default: '' }),
    field('topic', 'text', { default: '' }),
  ]),
  type('debug', 'common', 1, 0, [field('active', 'bool', { default: true }), field('complete', 'typed', { default: 'payload', type_field: 'targetType', types: ['msg', 'full'] })]),
  type('comment', 'common', 0, 0, [field('info', 'code', { language: 'markdown' })]),
  type('junction', 'structure', 1, 1, []),
  type('function', 'function', 1, { field: 'outputs' }, [
    field('lang', 'choice', { required: true, default: 'rhai', options: [{ value: 'rhai', label: 'Rhai' }, { value: 'js', label: 'JavaScript' }] }),
    field('func', 'code', { default: 'msg', language: 'rhai' }),
    field('outputs', 'integer', { default: 1, min: 0, max: 64 }),
  ]),
  type('switch', 'function', 1, { items_of: 'rules' }, [
    field('property', 'typed', { required: true, default: 'payload', type_field: 'propertyType', types: ['msg', 'flow'] }),
    field('rules', 'list', {
      default: [],
      fields: [
        field('t', 'choice', { required: true, default: 'eq', options: [{ value: 'eq', label: '==' }, { value: 'else', label: 'otherwise' }] }),
        field('v', 'typed', { type_field: 'vt', types: ['str', 'num'] }),
      ],
    }),
  ]),
  type('range', 'function', 1, 1, [field('minin', 'number', { required: true }), field('maxin', 'number', { required: true })]),
  type('link in', 'common', 0, 1, [field('links', 'nodes', { default: [] })]),
  type('link out', 'common', 1, 0, [field('mode', 'choice', { default: 'link', options: [{ value: 'link', label: '' }, { value: 'return', label: '' }] }), field('links', 'nodes', { default: [] })]),
  type('link call', 'common', 1, 1, [field('links', 'nodes', { default: [] })]),
  type('catch', 'common', 0, 1, [field('scope', 'nodes'), field('uncaught', 'bool', { default: false })]),
  type('mqtt in', 'network', 1, 1, [
    field('broker', 'resource', { of: 'mqtt-broker', required: true }),
    field('inputs', 'choice', { default: 0, options: [{ value: '0', label: '' }, { value: '1', label: '' }] }),
    field('topic', 'text', { visible_if: { field: 'inputs', values: ['0'] } }),
    field('qos', 'choice', { default: '2', options: [{ value: '0', label: '' }, { value: '1', label: '' }, { value: '2', label: '' }] }),
  ]),
  type('mqtt out', 'network', 1, 0, [
    field('broker', 'resource', { of: 'mqtt-broker', required: true }),
    field('topic', 'text'),
    field('outbox', 'group', { default: { mode: 'offline' }, fields: [field('mode', 'choice', { default: 'offline', options: [{ value: 'offline', label: '' }, { value: 'off', label: '' }] }), field('limit', 'integer', { min: 1, max: 1000 })] }),
  ]),
  type('mqtt-broker', 'config', 0, 0, [
    field('broker', 'text', { default: 'localhost' }),
    field('port', 'integer', { default: 1883, min: 1, max: 65535 }),
    field('tls', 'resource', { of: 'tls-config' }),
    field('key', 'text', { secret: true }),
  ]),
  type('tls-config', 'config', 0, 0, [field('servername', 'text')]),
];

const byName = new Map(all.map((each) => [each.type, each]));
export const types: Types = { all, get: (name) => byName.get(name) };

export const node = (id: string, to: readonly (readonly string[])[] = [], more: object = {}): Item => ({ id, type: 'function', z: 't', name: id, x: 100, y: 100, ...more, wires: to });
export const tab = (id = 't', more: object = {}): Item => ({ id, type: 'tab', label: id, ...more });

export function done(items: readonly Item[], work: (edit: Edit) => void): FlowDoc {
  const doc = new FlowDoc(items);
  doc.edit('Test', work);
  return doc;
}

export const wiresIn = (doc: FlowDoc, id: string): readonly (readonly string[])[] => wiresOf(doc.get(id));

/** Everything that names another names one that is there. */
export function dangling(items: readonly Item[]): string[] {
  const ids = new Set(items.map(({ id }) => id));
  const wrong: string[] = [];
  const look = (item: Item, what: string, id: unknown): void => {
    if (typeof id === 'string' && id !== '' && !ids.has(id)) wrong.push(`${item.id} ${what} ${id}`);
  };
  const ends = (port: unknown): unknown[] => ((port as { wires?: { id: string }[] } | undefined)?.wires ?? []).map(({ id }) => id);
  for (const item of items) {
    for (const end of wiresOf(item).flat()) look(item, 'wire', end);
    for (const property of ['links', 'scope', 'nodes']) if (Array.isArray(item[property])) for (const id of item[property] as unknown[]) look(item, property, id);
    for (const property of item.type.startsWith('mqtt ') ? ['z', 'g', 'broker'] : ['z', 'g']) look(item, property, item[property]);
    if (item.type === 'subflow') {
      for (const port of [...((item.in as unknown[]) ?? []), ...((item.out as unknown[]) ?? []), item.status]) for (const id of ends(port)) look(item, 'port', id);
    }
    if (item.type.startsWith('subflow:')) look(item, 'subflow', item.type.slice(8));
    // Groups and their members agree.
    if (typeof item.g === 'string' && !(items.find(({ id }) => id === item.g)?.nodes as unknown[] | undefined)?.includes(item.id)) wrong.push(`${item.id} not in its group`);
    if (item.type === 'group') for (const id of item.nodes as string[]) if (items.find((each) => each.id === id)?.g !== item.id) wrong.push(`${id} is listed and not in ${item.id}`);
  }
  return wrong;
}
