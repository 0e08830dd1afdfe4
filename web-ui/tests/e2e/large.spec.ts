// A thousand nodes: what is in the page, and how much of it is touched by what a person does. A drag or a figure that touches all of them would be seen
// here as a number, on any machine; how long frames take is measured by tests/perf.

import type { Page, WebSocketRoute } from '@playwright/test';

import { largeFlow, legend, NODES, WIRES } from '../perf/large-flow';
import { fit, centreOf, node, type Point } from './support/page';
import { expect, logIn, test } from './support/test';

const large = largeFlow();
const MOVES = 40;
/** The number of a wire. */
const BUSY = 700;

test.use({ flow: { nodes: large.flow } });

interface Touched {
  /** How many elements of the canvas have changed in any way. */
  readonly elements: number;
  readonly changes: number;
}

/** Looks at what changes on the canvas while something is done. */
async function touchedBy(page: Page, work: () => Promise<void>): Promise<Touched> {
  await page.evaluate(() => {
    const noted = { elements: new Set<Node>(), changes: 0 };
    const observer = new MutationObserver((records) => {
      for (const record of records) {
        noted.changes += 1;
        noted.elements.add(record.target);
        for (const added of record.addedNodes) noted.elements.add(added);
      }
    });
    observer.observe(document.querySelector('[data-id=canvas]')!, { subtree: true, attributes: true, childList: true, characterData: true });
    Object.assign(globalThis, { touched: () => ({ elements: noted.elements.size, changes: noted.changes }) });
  });
  await work();
  return page.evaluate(() => (globalThis as unknown as { touched: () => Touched }).touched());
}

async function drags(page: Page, from: Point, button: 'left' | 'middle'): Promise<void> {
  for (let n = 1; n <= MOVES; n++) await page.mouse.move(from.x + n, from.y + n / 2);
  await page.mouse.up({ button });
}

test('of a thousand nodes only what is near the screen is in the page, and all of them when all are seen', async ({ page, gateway }) => {
  await logIn(page, gateway);
  const shown = page.locator('[data-node]');
  await shown.first().waitFor();
  expect(await shown.count()).toBeGreaterThan(10);
  expect(await shown.count()).toBeLessThan(150);
  await fit(page);
  await expect(shown).toHaveCount(NODES);
  await expect(page.locator('[data-wire]')).toHaveCount(WIRES);
});

test('a pan, a drag and a choice touch what they are about, however many nodes there are', async ({ page, gateway }) => {
  await logIn(page, gateway);
  await fit(page);
  await expect(page.locator('[data-node]')).toHaveCount(NODES);

  const at = await centreOf(node(page, 'n512'));
  const choice = await touchedBy(page, () => page.mouse.click(at.x, at.y));
  await expect(node(page, 'n512')).toHaveAttribute('aria-current', 'true');
  expect(choice.elements).toBeGreaterThan(0);
  expect(choice.elements).toBeLessThan(6);

  await page.mouse.move(at.x, at.y);
  await page.mouse.down();
  const drag = await touchedBy(page, () => drags(page, at, 'left'));
  const moved = await centreOf(node(page, 'n512'));
  expect(moved.x).toBeGreaterThan(at.x + MOVES / 2);
  // The node, its wires, the map: a few with each move.
  expect(drag.changes).toBeGreaterThan(MOVES / 4);
  expect(drag.elements).toBeLessThan(15);
  expect(drag.changes).toBeLessThan(MOVES * 15);

  const ground = await centreOf(page.locator('[data-id=canvas]'));
  await page.mouse.move(ground.x, ground.y);
  await page.mouse.down({ button: 'middle' });
  const pan = await touchedBy(page, () => drags(page, ground, 'middle'));
  expect((await centreOf(node(page, 'n512'))).x).toBeGreaterThan(moved.x + MOVES / 2);
  expect(pan.changes).toBeGreaterThan(MOVES / 4);
  expect(pan.elements).toBeLessThan(12);
  expect(pan.changes).toBeLessThan(MOVES * 10);
});

test('a figure that changes touches the wire and the nodes that it is about', async ({ page, gateway }) => {
  let socket: WebSocketRoute | undefined;
  await page.routeWebSocket('**/api/v1/live', (opened) => {
    socket = opened;
    opened.connectToServer();
  });
  await logIn(page, gateway);
  await fit(page);
  await expect(page.locator('[data-node]')).toHaveCount(NODES);
  await expect.poll(() => socket !== undefined).toBe(true);
  const busy = page.locator('[data-wire].live');
  const wire = large.wires[BUSY]!;
  socket!.send(JSON.stringify(legend(large)));
  const figures = await touchedBy(page, async () => {
    // The number of a node is in its name.
    socket!.send(JSON.stringify({ type: 'metrics', span_ms: 500, nodes: [Number(wire.to.slice(1)), 1000, 1000, 0], wires: [BUSY, 1000] }));
    await expect(busy).toHaveCount(1);
  });
  expect(figures.elements).toBeGreaterThan(0);
  expect(figures.elements).toBeLessThan(8);
});
