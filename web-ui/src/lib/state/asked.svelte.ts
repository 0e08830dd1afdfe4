// An answer of the gateway that a page shows: asked for when the page is shown, again when wanted, and every so often.

import { ask, toldOf, type Ask } from '../api/client';

export class Asked<Answer> {
  value = $state.raw<Answer | undefined>();
  /** Why there is no newer answer. The last one stays. */
  trouble = $state('');
  #path: string;
  #how: Ask;

  constructor(path: string, how: Ask = {}) {
    this.#path = path;
    this.#how = how;
  }

  async again(): Promise<void> {
    try {
      this.value = await ask<Answer>(this.#path, this.#how);
      this.trouble = '';
    } catch (error) {
      this.trouble = toldOf(error);
    }
  }

  /** Within an effect: asks now, and then again and again, but not for a page that nobody sees. */
  every(ms: number, then?: (answer: Answer) => void): () => void {
    const once = async () => {
      if (document.hidden) return;
      await this.again();
      if (this.value !== undefined && this.trouble === '') then?.(this.value);
    };
    void once();
    const timer = setInterval(() => void once(), ms);
    return () => clearInterval(timer);
  }
}
