// What nodes say about themselves: palette, forms and help are made from it, so the editor knows no single node.

import { ask } from './client';

export interface Option {
  readonly value: string;
  readonly label: string;
}

interface FieldBase {
  readonly name: string;
  readonly label: string;
  readonly help: string;
  readonly required: boolean;
  readonly secret: boolean;
  readonly default?: unknown;
  /** For numbers the smallest and largest value, for text its length, for lists their size. */
  readonly min?: number;
  readonly max?: number;
  readonly visible_if?: { readonly field: string; readonly values: readonly string[] };
}

export type Field = FieldBase &
  (
    | { readonly kind: 'text' | 'number' | 'integer' | 'bool' | 'nodes' | 'json' }
    | { readonly kind: 'code'; readonly language: string }
    | { readonly kind: 'choice'; readonly options: readonly Option[] }
    | { readonly kind: 'typed'; readonly type_field: string; readonly types: readonly string[] }
    | { readonly kind: 'resource'; readonly of: string }
    | { readonly kind: 'list' | 'group'; readonly fields: readonly Field[] }
  );

export type Outputs = number | 'wires' | { readonly field: string } | { readonly items_of: string };

export interface NodeType {
  readonly type: string;
  readonly category: string;
  readonly summary: string;
  /** Markdown. */
  readonly help: string;
  readonly inputs: number;
  readonly outputs: Outputs;
  readonly fields: readonly Field[];
}

export class NodeTypes {
  readonly all: readonly NodeType[];
  #byName: Map<string, NodeType>;

  constructor(all: readonly NodeType[]) {
    this.all = all;
    this.#byName = new Map(all.map((type) => [type.type, type]));
  }

  static async fetch(): Promise<NodeTypes> {
    return new NodeTypes(await ask<NodeType[]>('/api/v1/nodes'));
  }

  get(name: string): NodeType | undefined {
    return this.#byName.get(name);
  }

  /** What stands in the palette: no config nodes, and nothing that is only part of a document. */
  get placeable(): NodeType[] {
    return this.all.filter((type) => type.category !== 'config' && type.category !== 'structure');
  }
}
