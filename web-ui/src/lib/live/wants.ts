// What all parts of the editor want, as the one message that is said to the gateway.

import { wireKey, type Wire } from '../doc/item';
import type { Wants } from './types';

/** What moves on the screen, and so is of no use on a page that nobody sees. */
const MOTION = ['metrics', 'statuses', 'queues', 'timings'] as const;
const FLAGS = [...MOTION, 'debug', 'problems', 'backlogs', 'dashboard'] as const;
/** The gateway takes no more, and refuses the whole message where there is more. */
const MOST_TAPS = 20;
const MOST_FLOWS = 1_000;
const MOST_NODES = 5_000;
/** The gateway takes 64 KiB a message. */
const LONGEST = 60_000;

export interface How {
  /** Nobody sees the page: nothing that moves is wanted. */
  readonly asleep?: boolean;
  /** Properties that this gateway does not know: it would refuse the whole message. */
  readonly without?: ReadonlySet<string>;
}

/** Flows and nodes add up; where nobody names any, it is all there is. */
export function together(all: Iterable<Wants>, { asleep = false, without = new Set() }: How = {}): Record<string, unknown> {
  const said: Record<string, unknown> = { type: 'watch' };
  const flows = new Set<string>();
  const nodes = new Set<string>();
  const taps = new Set<string>();
  const wireTaps = new Map<string, Wire>();
  for (const wants of all) {
    for (const flag of FLAGS) if (wants[flag]) said[flag] = true;
    wants.flows?.forEach((flow) => flows.add(flow));
    wants.nodes?.forEach((node) => nodes.add(node));
    wants.taps?.forEach((node) => taps.add(node));
    wants.wireTaps?.forEach((wire) => wireTaps.set(wireKey(wire), wire));
    if (wants.at !== undefined) said.at = wants.at;
  }
  if (asleep) for (const flag of MOTION) delete said[flag];
  // A list that is too long is left out: it is told of more then, and not of less.
  if (flows.size <= MOST_FLOWS && nodes.size <= MOST_NODES && lengthOf(flows, nodes) < LONGEST) {
    if (flows.size > 0) said.flows = [...flows];
    if (nodes.size > 0) said.nodes = [...nodes];
  }
  if (taps.size > 0) said.taps = [...taps].slice(0, MOST_TAPS);
  if (wireTaps.size > 0) said.wire_taps = [...wireTaps.values()].slice(0, MOST_TAPS).map(({ from, port, to }) => ({ from, port, to }));
  for (const name of without) delete said[name];
  return said;
}

function lengthOf(...lists: readonly ReadonlySet<string>[]): number {
  let length = 0;
  for (const list of lists) for (const id of list) length += id.length + 3;
  return length;
}

/** The property that a gateway complains about which is older than this page. */
export function unknownProperty(complaint: string): string | undefined {
  return /unknown field `(\w+)`/.exec(complaint)?.[1];
}
