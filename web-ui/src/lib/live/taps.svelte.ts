// Messages of a wire or a node, looked at without a debug node. The last ones are kept, so that others can see what shape they have.

import { untrack } from 'svelte';

import { wireKey, type Wire } from '../doc/item';
import { newcomer } from './newcomers.svelte';
import type { LiveApi, Told } from './types';
import { valueOf, type ShownMessage } from './values';

/** Each costs the gateway something: it copies every message that passes there. */
export const MOST_TAPS = 8;
const MOST_KEPT = 50;
const MOST_CHARACTERS = 1024 * 1024;

export interface Tapped {
  /** By the gateway's clock. */
  readonly at: number;
  readonly shown: ShownMessage;
}

export class Tap {
  readonly key: string;
  /** The node, or where the wire begins. */
  readonly node: string;
  readonly wire: Wire | undefined;
  /** In the list of taps; the others are only for a form that wants to know what messages look like. */
  listed = $state(false);
  paused = $state(false);
  /** It cannot be tapped: the gateway runs no such node or wire, or this person may not see messages. */
  trouble = $state<'' | 'not-running' | 'not-allowed'>('');
  count = $state(0);
  recent = $state.raw<readonly Tapped[]>([]);
  holders = 0;
  release: (() => void) | undefined;

  constructor(node: string, wire?: Wire) {
    this.node = node;
    this.wire = wire;
    this.key = wire ? wireKey(wire) : node;
  }

  add(shown: ShownMessage, at: number): void {
    const kept = [...this.recent, { at, shown }].slice(-MOST_KEPT);
    let characters = kept.reduce((sum, { shown: { msg = '' } }) => sum + msg.length, 0);
    while (characters > MOST_CHARACTERS && kept.length > 1) characters -= kept.shift()?.shown.msg?.length ?? 0;
    this.recent = kept;
    this.count += 1;
  }
}

export class Taps {
  #live: LiveApi;
  #taps = new Map<string, Tap>();
  #changes = $state(0);
  #hearers = new Set<(tap: Tap, shown: ShownMessage) => void>();

  constructor(live: LiveApi) {
    this.#live = live;
    live.on('tap', (told) => this.#heard(told));
    live.on('watching', (told) => this.#answered(told));
  }

  /** Those that a person has asked for, the oldest first. */
  get list(): readonly Tap[] {
    void this.#changes;
    return [...this.#taps.values()].filter((tap) => tap.listed);
  }

  watch(node: string, wire?: Wire): Tap {
    const tap = this.#get(node, wire);
    const listed = untrack(() => this.list);
    if (!tap.listed && listed.length >= MOST_TAPS && listed[0]) this.stop(listed[0]);
    tap.listed = true;
    tap.paused = false;
    this.#settle(tap);
    return tap;
  }

  isWatched(node: string, wire?: Wire): boolean {
    void this.#changes;
    return this.#taps.get(wire ? wireKey(wire) : node)?.listed ?? false;
  }

  stop(tap: Tap): void {
    tap.listed = false;
    this.#settle(tap);
  }

  pause(tap: Tap, paused: boolean): void {
    tap.paused = paused;
    this.#settle(tap);
  }

  /** Wants the messages of a node without showing them, until the function that it gives is called. */
  hold(node: string): () => void {
    const tap = this.#get(node);
    tap.holders += 1;
    this.#settle(tap);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      tap.holders -= 1;
      this.#settle(tap);
    };
  }

  /** The last messages at a node that is watched or held, the oldest first: whole messages, as far as the gateway shows them. */
  recentAt(node: string): readonly unknown[] {
    void this.#changes;
    return (this.#taps.get(node)?.recent ?? []).map(({ shown }) => valueOf(shown));
  }

  /** Is told what comes of listed taps. */
  onMessage(hear: (tap: Tap, shown: ShownMessage) => void): () => void {
    this.#hearers.add(hear);
    return () => this.#hearers.delete(hear);
  }

  #get(node: string, wire?: Wire): Tap {
    const key = wire ? wireKey(wire) : node;
    let tap = this.#taps.get(key);
    if (!tap) this.#taps.set(key, (tap = new Tap(node, wire)));
    return tap;
  }

  /** Wants what has to be wanted, and no more. */
  #settle(tap: Tap): void {
    const wanted = tap.holders > 0 || untrack(() => tap.listed && !tap.paused);
    if (wanted && !tap.release) tap.release = this.#live.want(tap.wire ? { wireTaps: [tap.wire] } : { taps: [tap.node] });
    else if (!wanted) {
      tap.release?.();
      tap.release = undefined;
    }
    if (tap.holders === 0 && untrack(() => !tap.listed)) this.#taps.delete(tap.key);
    // Whoever calls this in an effect does not want to be run again by it.
    untrack(() => (this.#changes += 1));
  }

  #heard(told: Told): void {
    const wire = told.wire as Wire | undefined;
    const tap = this.#taps.get(wire ? wireKey(wire) : String(told.node));
    if (!tap?.release) return;
    const shown = told.shown as ShownMessage;
    tap.trouble = '';
    tap.add(shown, this.#live.now());
    if (tap.listed && !tap.paused) for (const hear of this.#hearers) hear(tap, shown);
  }

  #answered(told: Told): void {
    const refused = ((told.not_allowed ?? []) as string[]).some((what) => what === 'taps' || what === 'wire_taps');
    const nodes = new Set(told.unknown as string[] | undefined);
    const wires = new Set(((told.unknown_wires ?? []) as Wire[]).map(wireKey));
    for (const tap of this.#taps.values()) {
      tap.trouble = refused ? 'not-allowed' : (tap.wire ? wires : nodes).has(tap.key) ? 'not-running' : '';
    }
  }
}

interface Editing {
  readonly live: LiveApi;
}

const all = new WeakMap<LiveApi, Taps>();

/** The taps of an editor. */
export function tapsOf({ live }: Editing): Taps {
  let taps = all.get(live);
  if (!taps) all.set(live, (taps = newcomer(new Taps(live))));
  return taps;
}

export const watchWire = (editor: Editing, wire: Wire): Tap => tapsOf(editor).watch(wire.from, wire);
export const watchNode = (editor: Editing, id: string): Tap => tapsOf(editor).watch(id);
