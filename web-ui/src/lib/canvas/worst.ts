// What is worst about a node, for its badge.

import type { Editor } from '../state/editor.svelte';

export interface Worst {
  /** `bad`: it has failed. `warn`: something is wrong with it. */
  readonly kind: 'bad' | 'warn';
  readonly message: string;
}

export function worstOf(_editor: Editor, _id: string): Worst | undefined {
  return undefined;
}
