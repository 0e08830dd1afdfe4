import { expect, test } from 'vitest';

import { around, reach, rowIn } from '../../src/lib/forms/pointers';

test('from a place in an item to what is around it', () => {
  expect(around('/rules/0/v')).toEqual(['rules/0/v', 'rules/0', 'rules']);
  expect(around('env/2/value')).toEqual(['env/2/value', 'env/2', 'env']);
  expect(around('')).toEqual([]);
});

test('the row of a list that a place is in', () => {
  expect(rowIn('/rules/12/v', 'rules')).toBe(12);
  expect(rowIn('/rules/12', 'rules')).toBe(12);
  expect(rowIn('/rules', 'rules')).toBeUndefined();
  expect(rowIn('/rulesets/1/v', 'rules')).toBeUndefined();
  expect(rowIn('/rules/1/cases/4/v', 'rules/1/cases')).toBe(4);
  expect(rowIn('/rules/1/cases/4/v', 'rules/0/cases')).toBeUndefined();
});

/** As much of an element as is needed to go to it. */
class Piece {
  open = false;
  readonly done: string[] = [];
  constructor(readonly dataset: Record<string, string>, readonly around?: Piece, readonly control?: Piece) {}
  get parentElement(): { closest: () => Piece | undefined } {
    return { closest: () => this.around };
  }
  closest = (): Piece | null => this.around ?? null;
  querySelector = (): Piece | null => this.control ?? null;
  focus = (): number => this.done.push('focus');
  scrollIntoView = (): number => this.done.push('seen');
}

test('the nearest field is brought into view, gets the focus, and all that it is folded into opens', () => {
  const outer = new Piece({});
  const fold = new Piece({}, outer);
  const [input, whole] = [new Piece({}), new Piece({})];
  const rules = new Piece({ pointer: 'rules' }, undefined, whole);
  const value = new Piece({ pointer: 'rules/0/v', kindPointer: 'rules/0/vt' }, fold, input);
  const form = { querySelectorAll: () => [rules, value] } as unknown as HTMLElement;
  expect(reach(form, '/rules/0/vt')).toBe(true);
  expect([fold.open, outer.open, value.done, input.done]).toEqual([true, true, ['seen'], ['focus']]);
  // Of a row that is not there the list itself is what can be shown.
  expect(reach(form, '/rules/7/v')).toBe(true);
  expect([rules.done, whole.done]).toEqual([['seen'], ['focus']]);
  expect(reach(form, '/wires/0/0')).toBe(false);
});
