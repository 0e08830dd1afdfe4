// Steps of a document: what was before and what is after, so that each can be turned round.

import type { Item } from './item';

/** One item before and after: `undefined` where it was not there, or is gone. */
export interface Patch {
  readonly id: string;
  readonly before: Item | undefined;
  readonly after: Item | undefined;
  /** Where it stands in the document afterwards; as it was, when it was taken out. */
  readonly at: number;
  /** Where it stood before, when it has another place in the document now. */
  readonly was?: number;
}

export interface Step {
  /** What was done, for a person: "Move 3 nodes". */
  readonly label: string;
  readonly patches: readonly Patch[];
}

/** A step as it is kept. Edits that joined it and put items in or out stay apart: their places mean something only in order. */
export interface KeptStep {
  readonly label: string;
  readonly parts: readonly (readonly Patch[])[];
}

/** Whether something is put in or taken out, or gets another place. */
export const isPlaced = ({ before, after, was }: Patch): boolean => !before !== !after || was !== undefined;

export const turned = ({ id, before, after, at, was }: Patch): Patch =>
  was === undefined ? { id, before: after, after: before, at } : { id, before: after, after: before, at: was, was: at };

/** Two steps as one: what was before the first, what is after the second. */
export function joined(first: readonly Patch[], second: readonly Patch[]): Patch[] {
  const all = new Map(first.map((patch) => [patch.id, patch]));
  for (const patch of second) {
    const before = all.get(patch.id);
    all.set(patch.id, before ? { ...before, after: patch.after } : patch);
  }
  return [...all.values()];
}
