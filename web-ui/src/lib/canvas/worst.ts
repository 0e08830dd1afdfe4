// What is worst about a node, for its badge.

import { problemsIn } from '../live/problems.svelte';
import type { Editor } from '../state/editor.svelte';

export interface Worst {
  /** `bad`: it has failed where it runs. `warn`: something is wrong with it as it stands in the draft. */
  readonly kind: 'bad' | 'warn';
  readonly message: string;
}

export function worstOf(editor: Editor, id: string): Worst | undefined {
  const problems = problemsIn(editor).of(id);
  const failed = problems.find((problem) => problem.from === 'running' && problem.severity !== 'warning');
  if (failed) return { kind: 'bad', message: failed.message };
  // That a node is of a kind that is switched off is seen at the node itself.
  const wrong = problems.find((problem) => problem.severity !== 'disabled');
  return wrong && { kind: 'warn', message: wrong.message };
}
