// The canvas with a thousand nodes and live rates: how long frames take. It counts only where nothing else runs, so it is a part of `make soak` and not
// of `make test`; what can be counted without a clock is in tests/e2e/large.spec.ts.

import { centreOf, node } from '../e2e/support/page';
import { expect, test } from '../e2e/support/test';
import { largeFlow, NODES, WIRES } from './large-flow';
import { dragging, feed, ready, told, type Frames } from './measure';

/** Milliseconds that 95 of 100 frames may take, drawn by the processor. */
const GATE = 40;
/** Pixels from the middle of a node to where nothing is, when the whole flow is seen. */
const BETWEEN = 5;
const large = largeFlow();

test.use({ flow: { nodes: large.flow } });

test('a thousand nodes are panned and dragged within the budget', async ({ page, gateway, gates }) => {
  void gates;
  await feed(page, large);
  const took = await ready(page, gateway);
  console.log(`ready in ${took.toFixed(0)} ms`);
  const canvas = page.locator('[data-id=canvas]');
  await expect(page.locator('[data-wire].live').first()).toBeVisible();

  const results: Record<string, Frames> = {};
  const middle = await centreOf(canvas);
  results['pan at 100 %'] = await dragging(page, middle, 'middle');
  results['drag at 100 %'] = await dragging(page, await centreOf(node(page, 'n126')));

  await page.getByRole('button', { name: 'Show the whole flow' }).click();
  await expect(page.locator('[data-node]')).toHaveCount(NODES);
  await expect(page.locator('[data-wire]')).toHaveCount(WIRES);
  results['pan of all'] = await dragging(page, middle, 'middle');
  const at = await centreOf(node(page, 'n512'));
  results['drag in all'] = await dragging(page, at);
  await page.keyboard.press('Control+z');
  results['box in all'] = await dragging(page, { x: at.x, y: at.y + BETWEEN });
  expect(await page.locator('[data-node][aria-current=true]').count()).toBeGreaterThan(20);

  for (const [what, frames] of Object.entries(results)) console.log(told(what, frames));
  for (const [what, frames] of Object.entries(results)) expect(frames.p95, what).toBeLessThanOrEqual(GATE);
});
