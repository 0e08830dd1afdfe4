import { beforeEach, expect, test, vi } from 'vitest';

import type { Canvas } from '../../src/lib/canvas/canvas.svelte';
import { keysOfCanvas, pressKey } from '../../src/lib/canvas/keys';
import type { Editor } from '../../src/lib/state/editor.svelte';
import { chordOf } from '../../src/lib/ui/shortcut';

vi.mock('../../src/lib/canvas/canvas.svelte', () => ({ canvasOf: (editor: { canvas: unknown }) => editor.canvas }));

vi.stubGlobal('CSS', { escape: (text: string) => text });

const nodes = ['a', 'b', 'c'].map((id) => ({ id, box: { x: 0, y: 0, w: 1, h: 1 } }));
let canvas: Pick<Canvas, 'focused' | 'leaving'> & { onFrame: number; busy: boolean };
const press = (key: string, more: Partial<KeyboardEvent> = {}): boolean => pressKey({ key, ...more } as KeyboardEvent, { canvas, selection: { only: () => undefined } } as unknown as Editor);

beforeEach(() => {
  canvas = {
    focused: '',
    leaving: false,
    onFrame: 0,
    busy: false,
    scene: { inReadingOrder: nodes, byId: new Map(nodes.map((node) => [node.id, node])), wires: [] },
    reveal: () => undefined,
    cancel: () => canvas.busy,
    element: { focus: () => (canvas.onFrame += 1), querySelector: () => null },
  } as unknown as typeof canvas;
});

test('Tab goes from node to node, and behind the last one out of the flow', () => {
  expect([press('Tab'), canvas.focused]).toEqual([true, 'a']);
  expect([press('Tab'), press('Tab'), canvas.focused]).toEqual([true, true, 'c']);
  expect([press('Tab', { shiftKey: true }), canvas.focused]).toEqual([true, 'b']);
  press('Tab');
  expect([press('Tab'), canvas.focused]).toEqual([false, '']);
});

test('Escape and then Tab leaves the flow from wherever one is, forwards and backwards', () => {
  press('Tab');
  // Whatever else Escape does may go on: it has not been taken.
  expect(press('Escape')).toBe(false);
  expect([canvas.focused, canvas.onFrame]).toEqual(['', 1]);
  expect([press('Tab'), canvas.focused]).toEqual([false, '']);
  // Whoever comes again walks through it again.
  expect([press('Tab'), canvas.focused]).toEqual([true, 'a']);
  press('Escape');
  press('Shift', { shiftKey: true });
  expect(press('Tab', { shiftKey: true })).toBe(false);
});

test('Escape stops what is going on first, and stays where it is', () => {
  press('Tab');
  canvas.busy = true;
  expect([press('Escape'), canvas.focused, canvas.leaving]).toEqual([true, 'a', false]);
});

test('each key of the canvas is in the page of shortcuts, as shortcuts are written', () => {
  const keys = keysOfCanvas().flatMap((line) => line.keys);
  expect(keys).toEqual(expect.arrayContaining(['Tab', 'Escape', 'Enter', 'Space', 'C', 'W', 'Alt+ArrowRight']));
  expect(keys.map(chordOf)).toEqual(keys);
  expect(new Set(keys).size).toBe(keys.length);
});
