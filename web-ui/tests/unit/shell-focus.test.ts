import { expect, test } from 'vitest';

import { nextOf } from '../../src/panels/alarms/next';
import { giveBack } from '../../src/shell/focus.svelte';

interface Piece {
  readonly name: string;
  readonly isConnected: boolean;
  focus(): void;
}

function page(): { activeElement: Piece | null; body: Piece; querySelector: () => Piece; piece: (name: string, takes?: boolean, isConnected?: boolean) => Piece } {
  const piece = (name: string, takes = true, isConnected = true): Piece => ({ name, isConnected, focus() { if (takes) all.activeElement = this; } });
  const canvas = piece('canvas');
  const body = piece('body', false);
  const all = { activeElement: body as Piece | null, body, querySelector: () => canvas, piece };
  return all;
}

test('what had the focus has it again; where that is gone or hidden, the canvas', () => {
  const after = (takes: boolean, isConnected: boolean) => {
    const all = page();
    giveBack(all.piece('button', takes, isConnected), all);
    return all.activeElement?.name;
  };
  expect(after(true, true)).toBe('button');
  expect(after(true, false)).toBe('canvas');
  expect(after(false, true)).toBe('canvas');
  const nothing = page();
  giveBack(nothing.body, nothing);
  expect(nothing.activeElement?.name).toBe('canvas');
});

test('what has led elsewhere by itself is left there', () => {
  const all = page();
  all.activeElement = all.piece('field of the inspector');
  giveBack(all.piece('button'), all);
  expect(all.activeElement?.name).toBe('field of the inspector');
});

test('after an alarm was acknowledged comes the next one, and after the last the one before', () => {
  expect(nextOf(['a', 'b', 'c'], 'b', ['a', 'b', 'c'])).toBe('c');
  expect(nextOf(['a', 'b', 'c'], 'b', ['a', 'c'])).toBe('c');
  expect(nextOf(['a', 'b', 'c'], 'c', ['a', 'b'])).toBe('b');
  // It stands still, and was the last.
  expect(nextOf(['a', 'b', 'c'], 'c', ['a', 'b', 'c'])).toBe('c');
  expect(nextOf(['a'], 'a', [])).toBeUndefined();
});
