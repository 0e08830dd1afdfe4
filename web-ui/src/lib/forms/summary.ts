// A row of a list in one line.

import type { Field } from '../api/node-types';
import { kindOfTyped, typedKind } from './typed-kinds';
import { isOn, isVisible, shownOf, textOf, type Holder } from './values';

const LONGEST = 40;
const MOST = 4;

const short = (text: string): string => {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
};

export function summaryOf(fields: readonly Field[], row: Holder): string {
  const parts: string[] = [];
  for (const field of fields) {
    if (parts.length >= MOST || field.secret || !isVisible(field, fields, row)) continue;
    const part = partOf(field, row);
    if (part !== '') parts.push(part);
  }
  return parts.join(' · ');
}

function partOf(field: Field, row: Holder): string {
  const value = shownOf(field, row);
  switch (field.kind) {
    case 'choice':
      return short(field.options.find((option) => option.value === textOf(value))?.label ?? textOf(value));
    case 'bool':
      return isOn(value) ? field.label : '';
    case 'typed': {
      const kind = kindOfTyped(field, row);
      const { sign, writing } = typedKind(kind, field.types);
      if (writing === 'secret') return '•••';
      if (writing === 'none') return sign;
      if (['path', 'key'].includes(writing)) return short(`${sign}${textOf(value)}`);
      return short(writing === 'text' && textOf(value) !== '' ? `“${textOf(value)}”` : textOf(value));
    }
    case 'text':
    case 'number':
    case 'integer':
      return short(textOf(value));
    default:
      return '';
  }
}
