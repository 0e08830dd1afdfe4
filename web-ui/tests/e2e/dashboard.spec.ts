import type { Page } from '@playwright/test';

import { board } from './support/flows';
import type { Gateway } from './support/gateway';
import { accessible, expect, logIn, PASSWORD, test } from './support/test';

test.use({ flow: { nodes: board }, users: { all: [{ name: 'ada', role: 'admin', seesPayloads: true }, { name: 'dora', role: 'dashboard' }, { name: 'vic', role: 'viewer' }] } });

async function open(page: Page, gateway: Gateway, name: string): Promise<void> {
  await page.goto(`${gateway.url}/dashboard`);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'House' })).toBeVisible();
}

const widget = (page: Page, id: string) => page.locator(`[data-id="widget-${id}"]`);

/** A number that moves with what the flow sends, and not only once. */
async function goesUp(read: () => Promise<number>): Promise<void> {
  await expect.poll(read).toBeGreaterThan(0);
  const before = await read();
  await expect.poll(read).toBeGreaterThan(before);
}

test('whoever may only see it: values that live, a button and a slider that reach the flow, and nothing else', async ({ browser, page, gateway, gates }) => {
  gates.expected.push(/status of 403/);
  // The admin sees in the editor what the button sends.
  const other = await browser.newContext();
  const editor = await other.newPage();
  await logIn(editor, gateway);
  await editor.locator('[data-id="panel-debug"]').click();

  // What stands behind another window is drawn seldom, and is not still to be pressed.
  await page.bringToFront();
  await open(page, gateway, 'dora');
  await goesUp(async () => Number(await widget(page, 'text').locator('dd').textContent()));
  await goesUp(async () => Number(await page.getByRole('meter', { name: 'Level' }).getAttribute('aria-valuenow')));
  await goesUp(async () => Number(/count (\d+)/.exec((await page.getByRole('img', { name: /^Course/ }).getAttribute('aria-label')) ?? '')?.[1]));
  await expect(widget(page, 'chart').locator('svg .line').first()).toBeVisible();
  // Not more rows than it may have.
  await expect(widget(page, 'table').getByRole('row')).toHaveCount(6);

  await page.getByRole('button', { name: 'Ring' }).click();
  await expect(widget(page, 'said')).toContainText('rung');
  await expect(editor.locator('[data-id="debug-row"]').filter({ hasText: 'rung' })).toHaveCount(1);
  const slider = page.getByRole('slider', { name: 'Limit' });
  await slider.focus();
  await slider.press('End');
  await slider.press('ArrowLeft');
  await expect(widget(page, 'limits')).toContainText('399');
  await expect(widget(page, 'limit')).toContainText('399');
  await expect(editor.locator('[data-id="debug-row"]').filter({ hasText: '399' })).toHaveCount(1);
  await other.close();

  await expect(page.getByRole('link', { name: 'To the editor' })).toHaveCount(0);
  const refused = await page.evaluate(async () => {
    const paths = ['/api/v1/flows', '/api/v1/nodes', '/api/v1/status', '/api/v1/revisions', '/api/v1/logs', '/api/v1/users', '/api/v1/outboxes', '/api/v1/dead-letters', '/api/v1/audit', '/api/v1/system', '/metrics', '/context/global'];
    return Promise.all(paths.map(async (path) => `${path} ${(await fetch(path)).status}`));
  });
  for (const told of refused) expect(told).toMatch(/ (403|404)$/);
  await page.goto(gateway.url);
  await expect(page).toHaveURL(/\/dashboard/);
  await expect(page.getByRole('heading', { name: 'House' })).toBeVisible();
});

test('a viewer sees it, and moves nothing', async ({ page, gateway }) => {
  await open(page, gateway, 'vic');
  await goesUp(async () => Number(await widget(page, 'text').locator('dd').textContent()));
  await expect(page.getByRole('button', { name: 'Ring' })).toBeDisabled();
  await expect(page.getByRole('slider', { name: 'Limit' })).toBeDisabled();
});

test('a gateway that goes away: values are said to be old, nothing can be pressed, and it comes back by itself', async ({ page, gateway, gates }) => {
  gates.expected.push(/ERR_CONNECTION_REFUSED/, /WebSocket/);
  await open(page, gateway, 'dora');
  const counted = async () => Number(await widget(page, 'text').locator('dd').textContent());
  await goesUp(counted);
  await gateway.kill();
  await expect(page.getByRole('button', { name: 'Ring' })).toBeDisabled();
  await gateway.run();
  await expect(page.getByRole('button', { name: 'Ring' })).toBeEnabled({ timeout: 40_000 });
  await goesUp(counted);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`on a phone, ${colorScheme}`, () => {
    test.use({ viewport: { width: 390, height: 844 }, colorScheme, hasTouch: true, isMobile: true });

    test('by touch: it fits, and can be used', async ({ page, gateway }) => {
      await open(page, gateway, 'dora');
      await goesUp(async () => Number(await widget(page, 'text').locator('dd').textContent()));
      await expect(widget(page, 'chart').locator('svg .line').first()).toBeVisible();
      const { width, scroll } = await page.evaluate(() => ({ width: innerWidth, scroll: document.documentElement.scrollWidth }));
      expect(scroll, 'nothing sticks out').toBeLessThanOrEqual(width);
      await accessible(page);
      await page.getByRole('button', { name: 'Ring' }).tap();
      await expect(widget(page, 'said')).toContainText('rung');
    });
  });
}
