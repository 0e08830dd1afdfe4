import type { Field } from '../../api/node-types';
import type { Holder, Path } from '../values';

/** What every widget is given. It reads its value from the holder, and changes it by the form, at the path of the holder. */
export interface WidgetProps<F = Field> {
  readonly field: F;
  readonly holder: Holder;
  readonly path: Path;
  readonly id: string;
  readonly describedby: string | undefined;
  readonly invalid: boolean;
}

export type FieldOf<K extends Field['kind']> = Extract<Field, { readonly kind: K }>;
export type WithFields = Extract<Field, { readonly fields: readonly Field[] }>;
