// The environment around an item, and what instances of a subflow can set of it.

import type { Field, Option } from '../api/node-types';
import type { FlowDoc } from '../doc/flow-doc';
import { groupOf, placeOf, subflowOf, type Item } from '../doc/item';
import { isHolder, textOf, type Holder } from './values';

export const ENV_TYPES = ['str', 'num', 'bool', 'json', 'bin', 'env', 'jsonata', 'cred'] as const;

export interface EnvEntry {
  readonly name: string;
  readonly type: string;
  readonly value: unknown;
  readonly ui?: Holder;
}

export function entriesOf(item: Item | undefined): EnvEntry[] {
  const env = item?.env;
  if (!Array.isArray(env)) return [];
  return env.filter(isHolder).filter((entry) => typeof entry.name === 'string' && entry.name !== '') as unknown as EnvEntry[];
}

/** How the gateway names the secret of a setting, as it ran last: by its name, whatever its place. */
export const secretOfSetting = ({ name, was }: { readonly name: string; readonly was?: unknown }): string =>
  `env/${(typeof was === 'string' ? was : name).replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** What goes along when a setting is renamed: the gateway finds the secret of one by the name that it had. */
export function carried(setting: Holder, name: unknown): Holder {
  if (setting.type !== 'cred' || typeof setting.value === 'string') return {};
  const before = typeof setting.was === 'string' ? setting.was : setting.name;
  if (typeof before !== 'string' || before === '') return {};
  return { was: before === name ? undefined : before };
}

const MOST_LEVELS = 20;

/** Names that `${NAME}` finds from an item on: those of its groups, its tab or subflow, and the global ones; the nearest first. */
export function namesAround(doc: FlowDoc, item: Item): string[] {
  const names = new Set<string>();
  const note = (level: Item | undefined) => entriesOf(level).forEach((entry) => names.add(entry.name));
  let group = doc.get(groupOf(item));
  for (let level = 0; group && level < MOST_LEVELS; level += 1) {
    note(group);
    group = doc.get(groupOf(group));
  }
  note(doc.get(placeOf(item)));
  doc.items().filter((one) => one.type === 'global-config').forEach(note);
  return [...names];
}

const texts = (value: unknown): string => {
  if (typeof value === 'string') return value;
  if (!isHolder(value)) return '';
  return textOf(value['en-US'] ?? value.en ?? Object.values(value)[0]);
};

/** The form of an instance: a field for each setting of the subflow, as its template says that it is shown. */
export function fieldsOfInstance(subflow: Item | undefined, isConfigType: (type: string) => boolean): Field[] {
  return entriesOf(subflow).flatMap((entry) => fieldOf(entry, isConfigType) ?? []);
}

export const typeFieldOf = (name: string): string => `${name} type`;

function fieldOf({ name, type, value, ui = {} }: EnvEntry, isConfigType: (type: string) => boolean): Field | undefined {
  const opts = isHolder(ui.opts) ? ui.opts : {};
  const base = { name, label: texts(ui.label) || name, help: '', required: false, secret: false, default: value };
  const number = (limit: unknown) => (typeof limit === 'number' ? limit : undefined);
  if (ui.type === 'hide' || ui.type === 'none') return undefined;
  if (isConfigType(type)) return { ...base, kind: 'resource', of: type };
  if (ui.type === 'checkbox') return { ...base, kind: 'bool' };
  if (ui.type === 'spinner') {
    const [min, max] = [number(opts.min), number(opts.max)];
    return { ...base, kind: 'number', ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
  }
  if (ui.type === 'select' && Array.isArray(opts.opts)) {
    const options = (opts.opts as unknown[]).filter(isHolder).map((option): Option => ({ value: textOf(option.v), label: texts(option.l) || textOf(option.v) }));
    return { ...base, kind: 'choice', options };
  }
  const allowed = Array.isArray(opts.types) ? opts.types.filter((one): one is string => typeof one === 'string') : [];
  const types: readonly string[] = type === 'cred' || ui.type === 'cred' ? ['cred'] : allowed.length > 0 ? allowed : ENV_TYPES;
  return { ...base, kind: 'typed', type_field: typeFieldOf(name), types: types.includes(type) ? types : [type, ...types] };
}

/** What the form of an instance shows: its own values, and where it has none, those of the subflow. */
export function holderOfInstance(instance: Item, subflow: Item | undefined): Holder {
  const own = new Map(entriesOf(instance).map((entry) => [entry.name, entry]));
  return Object.fromEntries(
    entriesOf(subflow).flatMap((usual) => {
      const entry = own.get(usual.name) ?? usual;
      return [[usual.name, entry.value], [typeFieldOf(usual.name), entry.type]];
    }),
  );
}

/** The settings of an instance with other values. One that is undefined is as the subflow says again. */
export function envWith(instance: Item, subflow: Item | undefined, values: Holder): EnvEntry[] {
  const usual = new Map(entriesOf(subflow).map((entry) => [entry.name, entry]));
  let env = entriesOf(instance);
  for (const name of usual.keys()) {
    const typeField = typeFieldOf(name);
    if (!(name in values) && !(typeField in values)) continue;
    const before = env.find((entry) => entry.name === name);
    const kept = before ?? usual.get(name);
    if (name in values && values[name] === undefined) env = env.filter((entry) => entry.name !== name);
    else {
      const type = typeof values[typeField] === 'string' ? values[typeField] : (kept?.type ?? 'str');
      const { ui: _, ...rest } = { ...kept, name, type, value: name in values ? values[name] : kept?.value };
      env = before ? env.map((entry) => (entry === before ? rest : entry)) : [...env, rest];
    }
  }
  return env;
}

export const subflowOfInstance = (doc: FlowDoc, item: Item): Item | undefined => doc.get(subflowOf(item));
