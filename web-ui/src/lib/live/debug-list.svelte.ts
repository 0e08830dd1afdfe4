// What debug nodes and taps have shown, within bounds. Rows come together and are told a few times a second: a hundred messages a
// second must not make a page draw a hundred times.

import type { Wire } from '../doc/item';
import type { Taps } from './taps.svelte';
import type { Back, LiveApi } from './types';
import { valueOf, type ShownMessage } from './values';

export const MOST_ROWS = 1_000;
export const MOST_BYTES = 8 * 1024 * 1024;
const TELL_EVERY = 150;
/** A panel that is hidden for a moment misses nothing. */
const LINGER = 60_000;
/** What a row takes beside its texts. */
const ROW = 200;

export type RowKind = 'message' | 'tap' | 'warn' | 'error' | 'away' | 'unwatched' | 'restarted';

export class DebugRow {
  readonly number: number;
  readonly at: number;
  readonly kind: RowKind;
  readonly shown: ShownMessage;
  /** Of a stretch in which nothing was told: when it ended. */
  readonly until: number;
  readonly bytes: number;
  /** Of a tap on a wire. */
  readonly wire: Wire | undefined;
  #value: { readonly of: unknown } | undefined;
  #searched: string | undefined;

  constructor(number: number, at: number, kind: RowKind, shown: ShownMessage, { until = at, wire }: { until?: number; wire?: Wire | undefined } = {}) {
    this.number = number;
    this.at = at;
    this.until = until;
    this.kind = kind;
    this.shown = shown;
    this.wire = wire;
    this.bytes = ROW + 2 * ((shown.msg?.length ?? 0) + (shown.topic?.length ?? 0) + (shown.name?.length ?? 0));
  }

  /** The node as it stands in the document. */
  get node(): string {
    return this.shown._alias ?? this.shown.id;
  }

  get isNote(): boolean {
    return this.kind === 'away' || this.kind === 'unwatched' || this.kind === 'restarted';
  }

  get value(): unknown {
    return (this.#value ??= { of: valueOf(this.shown) }).of;
  }

  /** The path of the value within the message. */
  get path(): string {
    return this.shown.property ?? (this.kind === 'tap' ? 'msg' : '');
  }

  has(text: string): boolean {
    const { msg = '', name = '', topic = '', property = '', id } = this.shown;
    this.#searched ??= `${name}\n${topic}\n${property}\n${id}\n${msg}`.toLowerCase();
    return this.#searched.includes(text);
  }
}

export class DebugList {
  paused = $state(false);
  /** Rows that came while it was paused. */
  leftOut = $state(0);
  /** Rows that were there and had to go, and messages that the gateway has not shown because they came too fast. */
  gone = $state(0);
  skipped = $state(0);
  refused = $state(false);
  #rows: DebugRow[] = [];
  #bytes = 0;
  #number = 0;
  #told = $state(0);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #live: LiveApi;
  #watchers = 0;
  #release: (() => void) | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #unwatchedSince: number | undefined;

  constructor(live: LiveApi, taps: Taps) {
    this.#live = live;
    live.on('debug', (told) => {
      const shown = told.shown as ShownMessage;
      if (this.#release) this.#add(shown.level === 20 ? 'error' : shown.level === 30 ? 'warn' : 'message', shown);
    });
    taps.onMessage((tap, shown) => this.#add('tap', shown, { wire: tap.wire }));
    live.on('skipped', (told) => {
      for (const count of Object.values((told.nodes ?? {}) as Record<string, number>)) this.skipped += count;
    });
    live.on('watching', (told) => (this.refused = ((told.not_allowed ?? []) as string[]).includes('debug')));
    live.on('back', (told) => {
      const { from_ms, to_ms, restarted } = told as Back;
      if (this.#rows.length > 0) this.#note(restarted ? 'restarted' : 'away', from_ms, to_ms);
    });
  }

  get rows(): readonly DebugRow[] {
    void this.#told;
    return this.#rows;
  }

  get bytes(): number {
    void this.#told;
    return this.#bytes;
  }

  /** Somebody looks, until the function that it gives is called. */
  watch(): () => void {
    this.#watchers += 1;
    clearTimeout(this.#linger);
    if (!this.#release) {
      this.#release = this.#live.want({ debug: true });
      if (this.#unwatchedSince !== undefined && this.#rows.length > 0) this.#note('unwatched', this.#unwatchedSince, this.#live.now());
      this.#unwatchedSince = undefined;
    }
    let watching = true;
    return () => {
      if (!watching) return;
      watching = false;
      this.#watchers -= 1;
      if (this.#watchers > 0) return;
      this.#linger = setTimeout(() => {
        this.#release?.();
        this.#release = undefined;
        this.#unwatchedSince = this.#live.now();
      }, LINGER);
    };
  }

  pause(paused: boolean): void {
    this.paused = paused;
    if (!paused) this.leftOut = 0;
  }

  clear(): void {
    this.#rows = [];
    this.#bytes = 0;
    this.gone = this.skipped = this.leftOut = 0;
    this.#tell();
  }

  #add(kind: RowKind, shown: ShownMessage, more: { until?: number; wire?: Wire | undefined } = {}): void {
    if (this.paused) this.leftOut += 1;
    else this.#push(new DebugRow((this.#number += 1), this.#live.now(), kind, shown, more));
  }

  #note(kind: RowKind, from: number, until: number): void {
    this.#push(new DebugRow((this.#number += 1), from, kind, { id: '' }, { until }));
  }

  #push(row: DebugRow): void {
    this.#rows.push(row);
    this.#bytes += row.bytes;
    // A tenth more than is kept, so that the list is not moved for each row.
    if (this.#rows.length > MOST_ROWS * 1.1 || this.#bytes > MOST_BYTES) this.#trim();
    this.#timer ??= setTimeout(() => this.#tell(), TELL_EVERY);
  }

  #trim(): void {
    let drop = Math.max(0, this.#rows.length - MOST_ROWS);
    let bytes = 0;
    this.#rows.forEach((row, n) => {
      if (n < drop) bytes += row.bytes;
      else if (this.#bytes - bytes > MOST_BYTES && n < this.#rows.length - 1) {
        bytes += row.bytes;
        drop = n + 1;
      }
    });
    this.#rows = this.#rows.slice(drop);
    this.#bytes -= bytes;
    this.gone += drop;
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#trim();
    // Another list, so that whoever compares sees that it is one.
    this.#rows = [...this.#rows];
    this.#told += 1;
  }
}
