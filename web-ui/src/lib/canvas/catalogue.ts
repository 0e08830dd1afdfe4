// Everything that can be put on the canvas, and how it is found: the palette and quick-add are made of it.

import type { NodeType, NodeTypes } from '../api/node-types';
import { text, type Item } from '../doc/item';
import { isNear } from '../doc/near';
import { lookOfType, type Look } from './looks';

export interface Entry extends Look {
  /** The node type, or `subflow:<id>`. */
  readonly key: string;
  readonly name: string;
  readonly category: string;
  readonly summary: string;
  readonly takes: boolean;
  readonly gives: boolean;
  readonly type?: NodeType;
  readonly subflow?: Item;
}

/** Words that people look for, where the name of a node is another one. */
const alsoCalled: Readonly<Record<string, string>> = {
  rbe: 'filter deadband change report by exception',
  change: 'set delete move property',
  switch: 'if condition route rule',
  function: 'script code rhai javascript',
  inject: 'timer start button interval cron schedule timestamp',
  debug: 'log print show watch',
  template: 'mustache text format',
  delay: 'throttle rate limit wait',
  trigger: 'watchdog timeout pulse',
  join: 'collect merge combine',
  split: 'array each loop',
  batch: 'window collect',
  buffer: 'queue store forward disk',
  range: 'scale map linear',
  catch: 'error exception',
  complete: 'done finished',
  comment: 'note text label',
  junction: 'reroute point wire',
  sqlite: 'database sql table',
  'sensor simulator': 'fake test demo random data',
  'http in': 'rest api endpoint webhook server',
  'http request': 'rest api get post fetch client',
  'log out': 'file append record',
  'log in': 'file replay read',
  'amqp out': 'rabbitmq queue',
  'amqp in': 'rabbitmq queue',
  'mqtt in': 'broker subscribe topic',
  'mqtt out': 'broker publish topic',
};

/** What is used most stands first; a category that is not known comes last. */
const ORDER = ['common', 'function', 'network', 'storage', 'sequence', 'parser', 'dashboard', 'input', 'subflows', 'structure'];

const gives = (type: NodeType): boolean => type.outputs !== 0;

export function catalogue(types: NodeTypes, flows: readonly Item[]): Entry[] {
  const junction = types.get('junction');
  const nodes = [...types.placeable, ...(junction ? [junction] : [])].map((type) => ({
    key: type.type,
    name: type.type,
    category: type.category,
    summary: type.summary,
    takes: type.inputs > 0,
    gives: gives(type),
    type,
    ...lookOfType(type),
  }));
  const ends = (subflow: Item, side: string): boolean => Array.isArray(subflow[side]) && subflow[side].length > 0;
  const subflows = flows
    .filter((item) => item.type === 'subflow')
    .map((subflow) => ({
      key: `subflow:${subflow.id}`,
      name: text(subflow, 'name') || subflow.id,
      category: 'subflows',
      summary: text(subflow, 'info').split('\n')[0]?.slice(0, 200) ?? '',
      takes: ends(subflow, 'in'),
      gives: ends(subflow, 'out'),
      subflow,
      hue: 'logic' as const,
      icon: 'subflow',
    }));
  const rank = (category: string): number => (ORDER.indexOf(category) + 1 || ORDER.length + 1);
  return [...nodes, ...subflows].sort((a, b) => rank(a.category) - rank(b.category));
}

/** How well an entry goes with what was typed: higher is better, 0 not at all. */
function score(entry: Entry, query: string): number {
  const name = entry.name.toLowerCase();
  if (name === query) return 100;
  if (name.startsWith(query)) return 90;
  if (name.split(/[\s-]+/).some((word) => word.startsWith(query))) return 80;
  if (name.includes(query)) return 70;
  const also = alsoCalled[entry.key] ?? '';
  if (also.split(' ').some((word) => word.startsWith(query))) return 60;
  if (entry.category.startsWith(query)) return 50;
  if (query.length > 2 && entry.summary.toLowerCase().includes(query)) return 40;
  if (query.length > 2 && name.split(/[\s-]+/).some((word) => isNear(word, query))) return 30;
  return 0;
}

/** What goes with all the words, the best first. */
export function find(entries: readonly Entry[], typed: string): Entry[] {
  const words = typed.toLowerCase().slice(0, 80).split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...entries];
  const whole = words.join(' ');
  const scored = entries.map((entry) => {
    const each = words.map((word) => score(entry, word));
    return { entry, score: each.includes(0) ? score(entry, whole) : Math.max(score(entry, whole), Math.min(...each)) };
  });
  return scored
    .filter((one) => one.score > 0)
    .sort((a, b) => b.score - a.score || a.entry.name.length - b.entry.name.length || a.entry.name.localeCompare(b.entry.name))
    .map((one) => one.entry);
}
