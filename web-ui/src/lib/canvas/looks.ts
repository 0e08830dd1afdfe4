// What a node looks like: its hue says what it is for, its icon what it talks to. Both follow from its description, so a new node type has them at once.

import type { NodeTypes } from '../api/node-types';
import { subflowOf, type Item } from '../doc/item';

export type Hue = 'input' | 'storage' | 'output' | 'logic' | 'function' | 'system';

export interface Look {
  readonly hue: Hue;
  readonly icon: string;
}

interface Described {
  readonly type: string;
  readonly category: string;
  readonly inputs: number;
  readonly outputs: unknown;
}

const byCategory: Readonly<Record<string, Look>> = {
  input: { hue: 'input', icon: 'gauge' },
  storage: { hue: 'storage', icon: 'storage' },
  function: { hue: 'function', icon: 'function' },
  parser: { hue: 'function', icon: 'parser' },
  sequence: { hue: 'logic', icon: 'sequence' },
  config: { hue: 'system', icon: 'settings' },
  structure: { hue: 'system', icon: 'flow' },
  dashboard: { hue: 'output', icon: 'board' },
};

/** Where the shape of a node does not tell what it does. */
const iconOf: Readonly<Record<string, string>> = {
  inject: 'play',
  debug: 'bug',
  comment: 'comment',
  catch: 'error',
  complete: 'check',
  status: 'tap',
  probe: 'eye',
  switch: 'logic',
  rbe: 'filter',
  delay: 'clock',
  trigger: 'clock',
  template: 'file',
  change: 'edit',
  range: 'chart',
  junction: 'add',
};

function bySides({ type, inputs, outputs }: Described): Look {
  if (type.startsWith('link ')) return { hue: 'system', icon: 'link' };
  if (inputs === 0 || type.endsWith(' in')) return { hue: 'input', icon: 'input' };
  if (outputs === 0) return { hue: 'output', icon: 'output' };
  return { hue: 'output', icon: 'network' };
}

export function lookOfType(described: Described): Look {
  const look = byCategory[described.category] ?? bySides(described);
  const hue = described.type === 'debug' || described.type === 'comment' || described.type === 'probe' ? 'system' : look.hue;
  return { hue, icon: iconOf[described.type] ?? look.icon };
}

const UNKNOWN: Look = { hue: 'system', icon: 'help' };
const SUBFLOW: Look = { hue: 'logic', icon: 'subflow' };

export function lookOf(item: Item, types: NodeTypes): Look {
  if (subflowOf(item) || item.type === 'subflow') return SUBFLOW;
  const type = types.get(item.type);
  return type ? lookOfType(type) : UNKNOWN;
}
