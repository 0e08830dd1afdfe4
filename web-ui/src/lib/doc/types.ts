// What the document has to know of node types. Only their shapes: where they come from is no matter of this folder.

import type { Field, NodeType } from '../api/node-types';

export type { Field, NodeType };

export interface Types {
  readonly all: readonly NodeType[];
  get(name: string): NodeType | undefined;
}

/** Where nothing is known of types. */
export const noTypes: Types = { all: [], get: () => undefined };
