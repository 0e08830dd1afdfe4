import { small } from './support/flows';
import { deploy, fit, node } from './support/page';
import { expect, logIn, test } from './support/test';

test.use({ flow: { nodes: small } });

async function rename(page: import('@playwright/test').Page, id: string, name: string): Promise<void> {
  await fit(page);
  await node(page, id).click();
  await page.locator('[data-id="inspector"]').getByLabel('Name', { exact: true }).fill(name);
}

test('two people change different things at once: both are kept', async ({ browser, page, gateway, gates }) => {
  gates.expected.push(/status of 409/);
  await logIn(page, gateway);
  const other = await (await browser.newContext()).newPage();
  await logIn(other, gateway, 'eve');
  await rename(page, 'work', 'Ada was here');
  await rename(other, 'show', 'Eve was here');
  await deploy(other, { probation: 0 });
  await expect(page.getByText('eve has deployed revision')).toBeVisible();
  await page.getByRole('button', { name: /Put together/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Put both together' }).click();
  await deploy(page, { probation: 0 });
  const { flows } = await gateway.ask<{ flows: { id: string; name?: string }[] }>('/api/v1/flows');
  expect(flows.find((one) => one.id === 'work')?.name).toBe('Ada was here');
  expect(flows.find((one) => one.id === 'show')?.name).toBe('Eve was here');
  await other.context().close();
});

test('a gateway that goes away: it is said, the draft stays, and the page comes back by itself', async ({ page, gateway, gates }) => {
  gates.expected.push(/ERR_CONNECTION_REFUSED/, /WebSocket/);
  await logIn(page, gateway);
  await rename(page, 'work', 'Not lost');
  await gateway.kill();
  await expect(page.getByText('The gateway cannot be reached.')).toBeVisible();
  await gateway.run();
  await expect(page.getByText('The gateway cannot be reached.')).toHaveCount(0, { timeout: 40_000 });
  await expect(page.locator('[data-id="action-deploy"]')).toContainText('1');
  await page.reload();
  await expect(page.getByText(/Your draft of .* is here again/)).toBeVisible();
  await expect(page.getByText('Not lost').first()).toBeVisible();
});

test('a gateway that goes away in the middle of a deploy: what became of it is looked up', async ({ page, gateway, gates }) => {
  gates.expected.push(/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_FAILED/, /WebSocket/);
  await logIn(page, gateway);
  await rename(page, 'work', 'In the middle');
  await page.locator('[data-id="action-deploy"]').click();
  await page.route('**/api/v1/deploy*', async (route) => {
    await gateway.kill();
    await route.continue().catch(() => undefined);
  });
  await page.locator('[data-id="deploy-now"]').click();
  await expect(page.getByText('it is not known whether the deploy has arrived').first()).toBeVisible();
  await page.unroute('**/api/v1/deploy*');
  await gateway.run();
  await expect(page.getByText('it is not known whether the deploy has arrived')).toHaveCount(0, { timeout: 40_000 });
  const { flows } = await gateway.ask<{ flows: { id: string; name?: string }[] }>('/api/v1/flows');
  expect(flows.find((one) => one.id === 'work')?.name).toBe('Work');
  await page.keyboard.press('Escape');
  await expect(page.locator('[data-id="action-deploy"]')).toContainText('1');
});

test('a log-in that has ended: the draft waits behind the form', async ({ page, gateway }) => {
  await logIn(page, gateway);
  await rename(page, 'work', 'Waits');
  const sessions = await gateway.ask<{ id: string; owner?: string; kind: string }[]>('/api/v1/tokens');
  for (const session of sessions) if (session.kind === 'session') await gateway.ask(`/api/v1/tokens/${session.id}`, { method: 'DELETE' }).catch(() => undefined);
  await expect(page.getByText('You have been logged out.')).toBeVisible();
  await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await expect(page.locator('[data-id="action-deploy"]')).toContainText('1');
  await expect(page.getByText('Waits').first()).toBeVisible();
});

test('a browser whose clock is a day wrong tells ages by the gateway', async ({ page, gateway }) => {
  await page.clock.install({ time: Date.now() - 86_400_000 });
  await page.clock.resume();
  await logIn(page, gateway);
  await rename(page, 'work', 'By the clock');
  await page.locator('[data-id="action-deploy"]').click();
  await page.getByRole('spinbutton').first().fill('60');
  await page.locator('[data-id="deploy-now"]').click();
  // Not a day more or less.
  await expect(page.getByRole('timer')).toHaveText(/^(1:00|0:[0-5]\d) left/);
});

test('two tabs of one browser: one of them has the draft', async ({ context, page, gateway }) => {
  await logIn(page, gateway);
  await rename(page, 'work', 'In the first tab');
  const second = await context.newPage();
  // The draft is kept a moment after the last letter.
  await expect(async () => {
    await second.goto(gateway.url);
    await expect(second.getByText('The draft is being edited in another tab')).toBeVisible({ timeout: 5_000 });
  }).toPass({ timeout: 60_000 });
});
