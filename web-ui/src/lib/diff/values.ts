// Values of properties as a person reads them in a difference.

import type { Field } from '../api/node-types';
import { t } from '../i18n/i18n.svelte';

const LONGEST = 160;

export function shortValue(value: unknown): string {
  if (value === undefined) return t('nothing');
  if (value === '') return t('empty');
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text;
}

/** Texts of several lines, such as code, and what is too long to stand on one, are compared line by line. */
export const isLong = (old: unknown, now: unknown): boolean => [old, now].some((value) => (typeof value === 'string' && value.includes('\n')) || asLines(value).length > LONGEST);

export function asLines(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

/** `/rules/0/v` as "Rules, 1, v": by the labels of the node type where it has some. */
export function pathInWords(pointer: string, fields: readonly Field[]): string {
  const parts = pointer.split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  let among: readonly Field[] | undefined = fields;
  const words: string[] = [];
  for (const part of parts) {
    if (/^\d+$/.test(part)) {
      words.push(String(Number(part) + 1));
      continue;
    }
    const field: Field | undefined = among?.find((each) => each.name === part);
    words.push(field?.label ?? part);
    among = field && 'fields' in field ? field.fields : undefined;
  }
  return words.join(', ');
}
