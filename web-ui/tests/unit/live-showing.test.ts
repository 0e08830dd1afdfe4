import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Showing } from '../../src/lib/live/showing';

class Drawn {
  shown = 0;
  constructor(readonly isFollowed = true) {}
  show(): void {
    this.shown += 1;
  }
}

let showing: Showing;

beforeEach(() => {
  vi.useFakeTimers();
  showing = new Showing();
});
afterEach(() => void vi.useRealTimers());

test('figures are shown at once where nothing moves, and only where somebody draws them', () => {
  const [drawn, undrawn] = [new Drawn(), new Drawn(false)];
  showing.take([drawn, undrawn]);
  showing.take([drawn]);
  expect([drawn.shown, undrawn.shown]).toEqual([2, 0]);
});

test('while something moves they wait, and are shown once when it rests', () => {
  const [first, second] = [new Drawn(), new Drawn()];
  for (let n = 0; n < 100; n++) {
    showing.moves();
    if (n % 50 === 0) showing.take([first]);
    vi.advanceTimersByTime(16);
  }
  showing.take([second]);
  expect([first.shown, second.shown]).toEqual([0, 0]);
  vi.advanceTimersByTime(400);
  expect([first.shown, second.shown]).toEqual([1, 1]);
});

test('however long it moves, they do not wait for ever', () => {
  const drawn = new Drawn();
  for (let n = 0; n < 600; n++) {
    showing.moves();
    if (n % 30 === 0) showing.take([drawn]);
    vi.advanceTimersByTime(16);
  }
  expect(drawn.shown).toBeGreaterThan(2);
  expect(drawn.shown).toBeLessThan(8);
});
