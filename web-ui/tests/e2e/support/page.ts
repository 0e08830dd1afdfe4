// What the journeys do on the page again and again.

import { expect, type Locator, type Page } from '@playwright/test';

export const node = (page: Page, id: string): Locator => page.locator(`[data-id="node-${id}"]`);

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** In pixels of the page. */
export async function middleOf(target: Locator): Promise<Point> {
  const box = await target.boundingBox();
  if (!box) throw new Error('it cannot be seen');
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** The whole flow in sight: what is culled is not on the page. */
export async function fit(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Show the whole flow' }).click();
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

