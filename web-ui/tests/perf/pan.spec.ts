// The canvas with a thousand nodes and live rates. What is drawn is looked at always; how fast it is counts only where nothing else runs:
// TIDEGATE_GATES=1 makes of the figures a gate, as the long tests do.

import { expect, test } from '../e2e/support/test';
import { largeFlow, NODES, WIRES } from './large-flow';
import { centreOf, dragging, feed, ready, told, type Frames } from './measure';

/** Milliseconds that 95 of 100 frames may take, drawn by the processor. */
const GATE = 40;
const isGate = process.env.TIDEGATE_GATES !== undefined;
const large = largeFlow();

test.use({ flow: { nodes: large.flow } });

test('a thousand nodes are ready, panned and dragged within the budget', async ({ page, gateway, gates }) => {
  void gates;
  expect(large.flow.length - 1).toBe(NODES);
  expect(large.wires.length).toBe(WIRES);
  await feed(page, large);
  const took = await ready(page, gateway);
  console.log(`ready in ${took.toFixed(0)} ms`);
  const canvas = page.locator('[data-id=canvas]');
  const shown = page.locator('[data-node]');
  // What cannot be seen is not there.
  expect(await shown.count()).toBeGreaterThan(10);
  expect(await shown.count()).toBeLessThan(150);
  await expect(page.locator('[data-wire].live').first()).toBeVisible();

  const results: Record<string, Frames> = {};
  const frame = (await canvas.boundingBox())!;
  const middle = { x: frame.x + frame.width / 2, y: frame.y + frame.height / 2 };
  results['pan at 100 %'] = await dragging(page, middle, 'middle');
  expect(await shown.count()).toBeLessThan(200);
  results['drag at 100 %'] = await dragging(page, await centreOf(page.locator('[data-id=node-n126]')));

  await page.getByRole('button', { name: 'Show the whole flow' }).click();
  await expect(shown).toHaveCount(NODES);
  await expect(page.locator('[data-wire]')).toHaveCount(WIRES);
  results['pan of all'] = await dragging(page, middle, 'middle');
  results['drag in all'] = await dragging(page, await centreOf(page.locator('[data-id=node-n512]')));

  for (const [what, frames] of Object.entries(results)) console.log(told(what, frames));
  if (!isGate) return;
  for (const [what, frames] of Object.entries(results)) expect(frames.p95, what).toBeLessThanOrEqual(GATE);
});
