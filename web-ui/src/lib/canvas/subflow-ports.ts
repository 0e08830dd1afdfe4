// The ends of a subflow where its inside is open: what comes in, what goes out, and its badge. They stand in lists of the subflow's own item,
// so the canvas gives them ids, and their wires are kept at the subflow.

import { number, type Item } from '../doc/item';
import { PORT_SIZE } from '../doc/size';
import type { Box, Point } from './geometry';

export type EndKind = 'in' | 'out' | 'status';

export interface SubflowEnd {
  readonly id: string;
  readonly kind: EndKind;
  readonly n: number;
  readonly at: Point;
  /** `port` counts at ends that take. */
  readonly wires: readonly { readonly id: string; readonly port: number }[];
}

/** No node has such an id: those of nodes have no space. */
const idOf = (subflow: string, kind: EndKind, n: number): string => `${subflow} ${kind} ${n}`;

export function endOf(id: string): { subflow: string; kind: EndKind; n: number } | undefined {
  const found = /^(.+) (in|out|status) (\d+)$/.exec(id);
  return found ? { subflow: found[1]!, kind: found[2] as EndKind, n: Number(found[3]) } : undefined;
}

export const boxOfEnd = (end: SubflowEnd): Box => ({ x: end.at.x - PORT_SIZE.w / 2, y: end.at.y - PORT_SIZE.h / 2, ...PORT_SIZE });

type Raw = Readonly<Record<string, unknown>>;

const listOf = (value: unknown): Raw[] => (Array.isArray(value) ? value.filter((one): one is Raw => typeof one === 'object' && one !== null) : []);

function rawOf(subflow: Item, kind: EndKind): Raw[] {
  return kind === 'status' ? listOf(subflow.status ? [subflow.status] : []) : listOf(subflow[kind]);
}

export function endsOf(subflow: Item): SubflowEnd[] {
  return (['in', 'out', 'status'] as const).flatMap((kind) =>
    rawOf(subflow, kind).map((raw, n) => ({
      id: idOf(subflow.id, kind, n),
      kind,
      n,
      at: { x: number(raw as Item, 'x', kind === 'in' ? 60 : 500), y: number(raw as Item, 'y', 80 + 60 * n) },
      wires: listOf(raw.wires).map((wire) => ({ id: String(wire.id ?? ''), port: typeof wire.port === 'number' ? wire.port : 0 })),
    })),
  );
}
