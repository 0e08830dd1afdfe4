// Reads a log in parts, within bounds, and keeps what was read last.

import { untrack } from 'svelte';

import { ask, toldOf, type Schemas } from '$lib/api/client';

const PAGE = 100;
export const MOST_RECORDS = 1_000;
const FOLLOW_EVERY = 2_000;
/** A part of an answer that holds nothing that is wanted says where to read on; so often it is read on at once. */
const MOST_PARTS = 20;

type Records = Schemas['Records'];
type Place = { readonly from?: number; readonly since_ms?: number };

export class Reader {
  records = $state.raw<readonly Schemas['Record'][]>([]);
  gaps = $state.raw<readonly (readonly number[])[]>([]);
  trouble = $state('');
  loaded = $state(false);
  reading = $state(false);
  follows = $state(false);
  /** The newest were asked for. */
  atEnd = $state(false);
  /** How many of this log come after what was read. */
  left = $state(0);
  /** Records that were shown and had to make room. */
  gone = $state(0);
  /** Only messages with this key; empty: all. */
  key = '';
  #name: string;
  #next = 0;
  #current: AbortController | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /** Begins at a place. */
  async from(place: Place): Promise<void> {
    this.atEnd = this.follows = false;
    await this.#read(place, true);
  }

  async newest(): Promise<void> {
    this.atEnd = true;
    try {
      const logs = await ask<Schemas['LogInfo'][]>('/api/v1/logs');
      const log = logs.find(({ name }) => name === this.#name);
      await this.#read({ from: Math.max(log?.first ?? 0, (log?.next ?? 0) - PAGE) }, true);
    } catch (error) {
      this.trouble = toldOf(error);
    }
  }

  /** Reads on where it was. */
  async on(): Promise<void> {
    this.atEnd = false;
    await this.#read({ from: this.#next }, false);
  }

  /** Reads on every two seconds while it is seen; what it gives ends it. */
  follow(): () => void {
    const timer = setInterval(() => untrack(() => document.visibilityState !== 'hidden' && !this.reading && void this.on()), FOLLOW_EVERY);
    // Whoever reads along wants what comes now, and not the whole of a long log first.
    untrack(() => void (this.left > PAGE ? this.newest() : this.on()));
    return () => clearInterval(timer);
  }

  stop(): void {
    this.#current?.abort();
    this.#current = undefined;
  }

  async #read(place: Place, anew: boolean): Promise<void> {
    this.#current?.abort();
    const current = new AbortController();
    this.#current = current;
    this.reading = true;
    try {
      let query: Place = place;
      let found: Schemas['Record'][] = [];
      for (let part = 0; part < MOST_PARTS; part += 1) {
        const answer = await ask<Records>(`/api/v1/logs/${encodeURIComponent(this.#name)}/records`, { query: { ...query, key: this.key || undefined, limit: PAGE }, signal: current.signal, exact: true });
        if (this.#current !== current) return;
        found = answer.records;
        this.#take(answer, anew && part === 0);
        if (found.length > 0 || answer.next >= answer.end) break;
        query = { from: answer.next };
      }
      this.trouble = '';
      this.loaded = true;
    } catch (error) {
      if (current.signal.aborted) return;
      this.trouble = toldOf(error);
    }
    this.reading = false;
  }

  #take({ records, gaps, next, end }: Records, anew: boolean): void {
    const all = anew ? records : [...this.records, ...records];
    const over = Math.max(0, all.length - MOST_RECORDS);
    this.gone = (anew ? 0 : this.gone) + over;
    this.records = all.slice(over);
    this.gaps = [...(anew ? [] : this.gaps), ...gaps].slice(-20);
    this.#next = next;
    this.left = Math.max(0, end - next);
  }
}
