import { toldOf } from '../api/client';

export interface Notice {
  readonly number: number;
  readonly kind: 'said' | 'wrong';
  readonly text: string;
  readonly act?: { readonly label: string; readonly perform: () => void };
}

/** Short words at the edge of the screen. What went wrong stays until somebody has read it. */
export class Notices {
  all = $state.raw<readonly Notice[]>([]);
  #next = 1;

  say(text: string, act?: Notice['act']): void {
    const number = this.#add({ kind: 'said', text, ...(act ? { act } : {}) });
    setTimeout(() => this.dismiss(number), act ? 10_000 : 4_000);
  }

  wrong(error: unknown): void {
    this.#add({ kind: 'wrong', text: toldOf(error) });
  }

  dismiss(number: number): void {
    this.all = this.all.filter((notice) => notice.number !== number);
  }

  #add(notice: Omit<Notice, 'number'>): number {
    const number = this.#next++;
    this.all = [...this.all.filter((other) => other.text !== notice.text), { ...notice, number }].slice(-5);
    return number;
  }
}
