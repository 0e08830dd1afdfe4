// The dashboard page, with the example of the repository: its chart draws what the gateway sends, and tells values at the pointer.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { accessible, expect, PASSWORD, test } from './support/test';
import type { Flow } from './support/gateway';

const nodes = JSON.parse(readFileSync(join(import.meta.dirname, '../../../flows/dashboard.json'), 'utf8')) as Flow;

test.use({ flow: { nodes }, locale: 'de-DE', viewport: { width: 1280, height: 900 } });

test('a chart draws its lines and tells what is at the pointer, in German', async ({ page, gateway }) => {
  test.setTimeout(150_000);
  await page.goto(`${gateway.url}/dashboard`);
  await page.getByLabel('Name').fill('vic');
  await page.getByLabel('Passwort', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Anmelden', exact: true }).click();
  const chart = page.locator('figure').filter({ has: page.locator('svg .line') }).first();
  // Until there is a line and not a point only.
  await expect(chart.locator('.line').first()).toHaveAttribute('d', /^M[\d.]+ [\d.]+(?:[LHV][\d. ]+){2}/, { timeout: 90_000 });
  const drawing = chart.locator('.plot > svg');
  await expect(drawing.locator('text').first()).not.toBeEmpty();
  await drawing.hover();
  await expect(chart.locator('.read')).toContainText(/^\d\d:\d\d:\d\d/);
  await expect(chart.locator('.read li').nth(1)).toContainText(/\d/);
  await accessible(page);
  const { width, scroll } = await page.evaluate(() => ({ width: innerWidth, scroll: document.documentElement.scrollWidth }));
  expect(scroll, 'nothing sticks out').toBeLessThanOrEqual(width);
  await page.mouse.move(5, 5);
  await expect(chart.locator('.read')).toHaveCount(0);
});
