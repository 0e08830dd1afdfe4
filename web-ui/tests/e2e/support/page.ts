// What the journeys do on the page again and again.

import { expect, type Locator, type Page } from '@playwright/test';

export const node = (page: Page, id: string): Locator => page.locator(`[data-id="node-${id}"]`);

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** In pixels of the page. */
export async function centreOf(target: Locator): Promise<Point> {
  const box = await target.boundingBox();
  if (!box) throw new Error('it cannot be seen');
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** The whole flow in sight: what is culled is not on the page. */
export async function fit(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Show the whole flow' }).click();
  await stands(page);
}

/** The canvas glides to where it is led: until it stands, what is pointed at moves. */
async function stands(page: Page): Promise<void> {
  await page.locator('[data-id="canvas"] .layer').evaluate(async (layer: HTMLElement) => {
    const nextFrame = () => new Promise(requestAnimationFrame);
    for (let same = 0; same < 3; ) {
      const before = layer.style.transform;
      await nextFrame();
      same = layer.style.transform === before ? same + 1 : 0;
    }
  });
}

/** Deploys the draft, and waits until it has been told what that did. */
export async function deploy(page: Page, { probation }: { probation?: number } = {}): Promise<void> {
  await page.locator('[data-id="action-deploy"]').click();
  if (probation !== undefined) await page.getByRole('spinbutton').first().fill(String(probation));
  await page.locator('[data-id="deploy-now"]').click();
  // It stays open where something did not go as wished.
  await expect(page.locator('dialog[open]')).toHaveCount(0, { timeout: 30_000 });
  await expect(page.locator('[data-id="action-deploy"]')).toBeDisabled();
}

/** Places a node by quick-add, by keys: its type is typed. */
export async function add(page: Page, type: string): Promise<void> {
  await page.locator('[data-id="canvas"]').focus();
  await page.keyboard.press('/');
  await page.locator('[data-id="quick-add"] input').fill(type);
  await page.locator(`[data-id="add-${type}"]`).click();
}

/** Names and data-ids of the nodes on the canvas. */
export async function nodesOf(page: Page): Promise<string[]> {
  return page.locator('[data-id="canvas"] [data-id^="node-"]').evaluateAll((all) => all.map((one) => one.getAttribute('data-id')?.slice('node-'.length) ?? ''));
}


/** Where a wire begins or ends. */
export const port = (page: Page, id: string, side: 'in' | 'out', n = 0): Locator => node(page, id).locator(`[data-port="${side} ${n}"]`);

export const wireBetween = (page: Page, from: string, to: string, n = 0): Locator => page.locator(`[data-id="wire-${from} ${n} ${to}"]`);

/** The middle of a wire, in pixels of the page: a straight one has no box that could be pointed at. */
export async function middleOf(wire: Locator): Promise<{ x: number; y: number }> {
  await expect(wire).toBeAttached();
  return wire.locator('.line').evaluate((line: SVGPathElement) => {
    const { x, y } = line.getPointAtLength(line.getTotalLength() / 2).matrixTransform(line.getScreenCTM() ?? undefined);
    return { x, y };
  });
}

export async function pointAt(wire: Locator): Promise<void> {
  const { x, y } = await middleOf(wire);
  await wire.page().mouse.move(x, y);
}

/** Draws a wire with the mouse, from an output to an input. */
export async function connect(page: Page, from: string, to: string, n = 0): Promise<void> {
  await port(page, from, 'out', n).dragTo(port(page, to, 'in'));
  await expect(wireBetween(page, from, to, n)).toBeAttached();
}

/** The one node that is chosen. */
export async function chosenNode(page: Page): Promise<string> {
  const chosen = page.locator('[data-id="canvas"] [data-node][aria-current="true"]');
  await expect(chosen).toHaveCount(1);
  return (await chosen.getAttribute('data-node')) ?? '';
}

/** Drags a type from the palette to this place of the canvas. Gives the id of the node. */
export async function dragIn(page: Page, type: string, at: { x: number; y: number }): Promise<string> {
  const palette = page.getByRole('searchbox', { name: 'Search the palette' });
  const before = new Set(await nodesOf(page));
  await palette.fill(type);
  await page.locator(`[data-id="palette-${type}"]`).dragTo(page.locator('[data-id="canvas"]'), { targetPosition: at });
  await expect.poll(async () => (await nodesOf(page)).filter((id) => !before.has(id)).length).toBe(1);
  await palette.fill('');
  return chosenNode(page);
}

/** A field in the form of what is chosen. What is needed has an asterisk behind its label. */
export const field = (page: Page, label: string): Locator => page.locator('[data-id="inspector"]').getByLabel(new RegExp(`^${label}\\*?$`));

/** A page of the menu, such as Users. */
export async function openPage(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: /^Menu of/ }).click();
  await page.getByRole('menuitem', { name, exact: true }).click();
  await expect(page.getByRole('heading', { name, exact: true }).first()).toBeVisible();
}
