// How the board and the store fare, in words: figures alone say nothing to somebody who is on the phone beside it.

import type { Schemas } from '$lib/api/client';
import { t, tn } from '$lib/i18n/i18n.svelte';
import { size } from '$lib/ui/amounts';

export interface Concern {
  readonly kind: 'good' | 'warn' | 'bad';
  readonly text: string;
}

const LITTLE_DISK = 500e6;
const LITTLE_MEMORY = 0.08;
/** A cheap SD card of 16 GB stands about 10 TB: 10 years at this rate. */
const MUCH_WEAR = 3e9;
const CLOCK_OFF_MS = 120_000;

export function concerns(system: Schemas['System'] | undefined, health: Schemas['Health'] | undefined, browserMs: number): Concern[] {
  const found: Concern[] = [];
  const bad = (text: string) => found.push({ kind: 'bad', text });
  const warn = (text: string) => found.push({ kind: 'warn', text });
  if (health) {
    const { store } = health;
    if (store.damaged) bad(t('The store is damaged: part of what was kept cannot be read. Look into the log of the gateway.'));
    if (store.trouble) bad(t('The store does not work: {why}', { why: store.trouble }));
    if (store.warning) warn(store.warning);
    if (store.in_reserve) bad(t('The disk is full: the gateway lives on its reserve. Free some space.'));
    if (health.refused > 0) bad(tn(health.refused, '1 node does not run, for its configuration is wrong.', '{n} nodes do not run, for their configuration is wrong.'));
    if (health.stopped > 0) bad(tn(health.stopped, '1 node has stopped.', '{n} nodes have stopped.'));
    if (health.away > 0) warn(tn(health.away, '1 connection is down; it is tried again.', '{n} connections are down; they are tried again.'));
    for (const node of health.full) bad(t('The outbox of {node} is full.', { node }));
  }
  if (system) {
    const { disk, memory, clock } = system;
    if (typeof disk.free_bytes === 'number' && disk.free_bytes < LITTLE_DISK) warn(t('Only {size} of the disk are free.', { size: size(disk.free_bytes) }));
    if (memory.total_bytes && typeof memory.available_bytes === 'number' && memory.available_bytes / memory.total_bytes < LITTLE_MEMORY) {
      warn(t('Only {size} of memory are left on the board.', { size: size(memory.available_bytes) }));
    }
    if (disk.wear.bytes_a_day && disk.wear.bytes_a_day > MUCH_WEAR) warn(t('{size} a day are written: a memory card wears out by that.', { size: size(disk.wear.bytes_a_day) }));
    if (!clock.synchronized) warn(t('The clock of the board is not set by the network: times may be wrong.'));
    if (Math.abs(clock.wall_ms - browserMs) > CLOCK_OFF_MS) warn(t('The clocks of this device and of the gateway differ. The editor goes by that of the gateway.'));
  }
  if (found.length === 0 && system && health) found.push({ kind: 'good', text: t('All is well.') });
  return found;
}
