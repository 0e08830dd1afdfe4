// Something that a panel asks the gateway for, and again while it is shown. What was there stays while it is asked for anew.

import { untrack } from 'svelte';

import { Fault, toldOf } from '../api/client';

export class Asked<Answer> {
  value = $state.raw<Answer | undefined>();
  trouble = $state('');
  /** The gateway has no such thing, or not any more. */
  missing = $state(false);
  asking = $state(false);
  #load: (signal: AbortSignal) => Promise<Answer>;
  #current: AbortController | undefined;

  constructor(load: (signal: AbortSignal) => Promise<Answer>) {
    this.#load = load;
  }

  async again(): Promise<void> {
    this.#current?.abort();
    const current = new AbortController();
    this.#current = current;
    this.asking = true;
    try {
      const value = await this.#load(current.signal);
      if (this.#current !== current) return;
      this.value = value;
      this.trouble = '';
      this.missing = false;
    } catch (error) {
      if (current.signal.aborted || this.#current !== current) return;
      this.missing = error instanceof Fault && error.status === 404;
      this.trouble = toldOf(error);
    }
    this.asking = false;
  }

  stop(): void {
    this.#current?.abort();
    this.#current = undefined;
    this.asking = false;
  }

  /** Asks now, and every so many milliseconds while the page is seen; for an effect: what it gives ends it. */
  follow(every?: number): () => void {
    const ask = (): void => untrack(() => void this.again());
    ask();
    const timer = every === undefined ? undefined : setInterval(() => document.visibilityState !== 'hidden' && !this.asking && ask(), every);
    return () => {
      clearInterval(timer);
      untrack(() => this.stop());
    };
  }
}
