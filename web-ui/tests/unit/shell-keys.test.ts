import { expect, test } from 'vitest';

import { chordOf, shown } from '../../src/lib/ui/shortcut';
import { chordOfEvent } from '../../src/shell/keys';

const event = (key: string, more: Partial<KeyboardEvent> = {}) => ({ key, code: '', ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });

test('a shortcut and the keys that are pressed for it are written in one way', () => {
  expect(chordOf('Shift+Mod+z')).toBe('Mod+Shift+Z');
  expect(chordOfEvent(event('Z', { ctrlKey: true, shiftKey: true }), false)).toBe('Mod+Shift+Z');
  expect(chordOfEvent(event('z', { metaKey: true }), true)).toBe('Mod+Z');
  expect(chordOfEvent(event('z', { ctrlKey: true }), true)).toBe('Z');
  expect(chordOf('Up')).toBe(chordOfEvent(event('ArrowUp')));
  expect(chordOf('Mod++')).toBe(chordOfEvent(event('+', { ctrlKey: true, shiftKey: true }), false));
});

test('a sign is the same whether it needs Shift or not, and Shift with a digit means the digit', () => {
  expect(chordOfEvent(event('?', { shiftKey: true }))).toBe(chordOf('?'));
  expect(chordOfEvent(event('!', { code: 'Digit1', ctrlKey: true, shiftKey: true }), false)).toBe('Mod+Shift+1');
});

test('shortcuts are shown as the keyboard of the person names them', () => {
  expect(shown('Mod+Shift+ArrowUp', false)).toBe('Ctrl+Shift+↑');
  expect(shown('Mod+K', true)).toBe('⌘ K');
  expect(shown('Mod++', false)).toBe('Ctrl++');
});

test('Alt with a letter is that letter, also where Alt makes another one of it', () => {
  expect(chordOfEvent(event('å', { code: 'KeyA', altKey: true }), true)).toBe(chordOf('Alt+A'));
  expect(chordOfEvent(event('a', { code: 'KeyA', altKey: true }), false)).toBe(chordOf('Alt+A'));
});
