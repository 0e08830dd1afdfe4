// The frame around the canvas: tabs, the lines between parts, files that leave and come.

import { readFileSync } from 'node:fs';

import type { Locator, Page } from '@playwright/test';

import { small } from './support/flows';
import { deploy, fit, node, nodesOf } from './support/page';
import { expect, logIn, test } from './support/test';

test.use({ flow: { nodes: [...small, { id: 't2', type: 'tab', label: 'Second' }, { id: 't3', type: 'tab', label: 'Third' }] } });

test.beforeEach(async ({ page, gateway }) => logIn(page, gateway));

const tab = (page: Page, name: string): Locator => page.getByRole('tablist', { name: 'Flows' }).getByRole('tab', { name });
const tabs = (page: Page): Promise<string[]> => page.getByRole('tablist', { name: 'Flows' }).locator('[data-tab]').evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset.tab ?? ''));

test('tabs are moved by the mouse and by keys, renamed, and switched off', async ({ page, gateway }) => {
  // Let go on the first half of a tab, it stands before that.
  await tab(page, 'First').dragTo(tab(page, 'Third'), { targetPosition: { x: 8, y: 16 } });
  await expect.poll(() => tabs(page)).toEqual(['t2', 't1', 't3']);
  await tab(page, 'First').focus();
  await page.keyboard.press('Alt+ArrowRight');
  await expect.poll(() => tabs(page)).toEqual(['t2', 't3', 't1']);
  // It is still the one that keys are about.
  await page.keyboard.press('Alt+ArrowLeft');
  await page.keyboard.press('Alt+ArrowLeft');
  await expect.poll(() => tabs(page)).toEqual(['t1', 't2', 't3']);
  await page.keyboard.press('Alt+ArrowRight');

  await tab(page, 'Second').dblclick();
  await page.getByRole('textbox', { name: 'Name of the flow' }).fill('Another');
  await page.keyboard.press('Enter');
  await expect(tab(page, 'Another')).toBeVisible();
  await tab(page, 'Another').press('F2');
  await page.getByRole('textbox', { name: 'Name of the flow' }).fill('Nothing of it');
  await page.keyboard.press('Escape');
  await expect(tab(page, 'Another')).toBeVisible();

  await tab(page, 'First').click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Switch the flow on or off' }).click();
  await expect(tab(page, 'First')).toHaveAttribute('title', 'First (switched off)');
  await deploy(page, { probation: 0 });
  const { flows } = await gateway.ask<{ flows: { id: string; type: string; label?: string; disabled?: boolean }[] }>('/api/v1/flows');
  expect(flows.filter(({ type }) => type === 'tab').map(({ id, label, disabled }) => [id, label, disabled === true])).toEqual([['t2', 'Another', false], ['t1', 'First', true], ['t3', 'Third', false]]);

  await page.locator('[data-id="canvas"]').focus();
  await page.keyboard.press('Control+z');
  await page.keyboard.press('Control+z');
  await expect(tab(page, 'Second')).toBeVisible();
});

test('the parts of the screen are drawn wider and smaller, by mouse and keys, and stay so', async ({ page }) => {
  const side = page.getByRole('separator', { name: 'Width of the left side' });
  const size = async (): Promise<number> => Number(await side.getAttribute('aria-valuenow'));
  const before = await size();
  const { x, y } = (await side.boundingBox())!;
  await page.mouse.move(x, y + 300);
  await page.mouse.down();
  await page.mouse.move(x + 40, y + 300);
  await page.mouse.move(x + 80, y + 300);
  await page.mouse.up();
  await expect.poll(size).toBe(before + 80);
  expect((await page.getByRole('complementary', { name: 'Left side' }).boundingBox())?.width).toBeCloseTo(before + 80, -1);

  const other = page.getByRole('separator', { name: 'Width of the right side' });
  const wide = Number(await other.getAttribute('aria-valuenow'));
  await other.press('ArrowLeft');
  await expect(other).toHaveAttribute('aria-valuenow', String(wide + 16));
  await other.press('Home');
  await expect(other).toHaveAttribute('aria-valuenow', '160');
  await page.reload();
  await expect(side).toHaveAttribute('aria-valuenow', String(before + 80));
  await side.dblclick();
  await expect.poll(size).toBe(before);
});

test('a flow leaves as a file, and comes back when it is dropped on the canvas', async ({ page }) => {
  await fit(page);
  await page.getByRole('button', { name: /^Menu of/ }).click();
  await page.getByRole('menuitem', { name: /^Export/ }).click();
  const download = page.waitForEvent('download');
  await page.locator('[data-id="download"]').click();
  const file = await download;
  expect(file.suggestedFilename()).toBe('First.json');
  const text = readFileSync(await file.path(), 'utf8');
  expect((JSON.parse(text) as { id: string }[]).map(({ id }) => id)).toEqual(['t1', 'press', 'work', 'show']);

  const dropped = await page.evaluateHandle((content) => {
    const carried = new DataTransfer();
    carried.items.add(new File([content], 'First.json', { type: 'application/json' }));
    return carried;
  }, text);
  await page.locator('[data-id="canvas"]').dispatchEvent('dragover', { dataTransfer: dropped });
  await page.locator('[data-id="canvas"]').dispatchEvent('drop', { dataTransfer: dropped });
  await expect(page.locator('[data-id="import-report"]')).toBeVisible();
  await page.locator('[data-id="import-now"]').click();
  await expect(page.getByRole('tablist', { name: 'Flows' }).getByRole('tab')).toHaveCount(4);
  await expect.poll(async () => (await nodesOf(page)).length).toBe(3);
  await expect(node(page, 'press')).toHaveCount(0);
  await expect(page.locator('[data-id="canvas"] [data-node]').filter({ hasText: 'Press' })).toHaveCount(1);
});
