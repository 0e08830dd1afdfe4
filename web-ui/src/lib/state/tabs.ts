// The tabs of one browser agree on which of them has the draft of a person.

interface Said {
  readonly tab: string;
  /** `ask`: does somebody have it? `held`: I have. `taken`: I have it now, whoever had it. `freed`: nobody has it. */
  readonly kind: 'ask' | 'held' | 'taken' | 'freed';
}

interface Heard {
  /** Another tab has taken it over. */
  readonly taken: () => void;
  /** The other tab has it no more. */
  readonly freed: () => void;
}

/** A tab that is there answers within this time; one that sleeps may be late, and then says that it has been taken from it. */
const ANSWERS_MS = 250;

export class Tabs {
  holds = false;
  #tab = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('');
  #channel: BroadcastChannel | undefined;
  #held = false;
  #asks = false;
  #heard: Heard;

  constructor(user: string, heard: Heard) {
    this.#heard = heard;
    if (typeof BroadcastChannel === 'undefined') return;
    this.#channel = new BroadcastChannel(`tidegate.draft.${user}`);
    this.#channel.onmessage = ({ data }: MessageEvent<Said>) => this.#hear(data);
  }

  /** Has it from now on, unless another tab has it. */
  async hold(): Promise<boolean> {
    if (this.holds) return true;
    this.#held = false;
    this.#asks = true;
    this.#say('ask');
    await new Promise((resolve) => setTimeout(resolve, ANSWERS_MS));
    this.#asks = false;
    // It may have been taken meanwhile.
    this.holds ||= !this.#held;
    // One that has begun to ask since then learns it too.
    if (this.holds) this.#say('held');
    return this.holds;
  }

  take(): void {
    this.holds = true;
    this.#say('taken');
  }

  free(): void {
    if (this.holds) this.#say('freed');
    this.holds = false;
  }

  #asked(tab: string): void {
    if (this.holds) this.#say('held');
    // Of those that ask at once, as when a browser opens all its tabs again, the one whose name comes first gets it.
    else if (this.#asks && tab < this.#tab) this.#held = true;
    else if (this.#asks) this.#say('ask');
  }

  #say(kind: Said['kind']): void {
    this.#channel?.postMessage({ tab: this.#tab, kind } satisfies Said);
  }

  #hear({ tab, kind }: Said): void {
    if (tab === this.#tab) return;
    if (kind === 'ask') this.#asked(tab);
    else if (kind === 'held') this.#held = true;
    else if (kind === 'freed') this.#heard.freed();
    else if (kind === 'taken') {
      [this.holds, this.#held] = [false, true];
      this.#heard.taken();
    }
  }
}
