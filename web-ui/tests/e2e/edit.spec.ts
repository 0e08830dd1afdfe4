import { small } from './support/flows';
import { add, deploy, fit, node, nodesOf } from './support/page';
import { expect, logIn, test } from './support/test';

test.use({ flow: { nodes: small } });

test('a flow is built, deployed, pressed, and seen', async ({ page, gateway }) => {
  await logIn(page, gateway);
  await fit(page);
  await add(page, 'change');
  await expect(page.locator('[data-id="action-deploy"]')).toContainText('1');
  await page.locator('[data-id="inspector"]').getByLabel('Name', { exact: true }).fill('Label it');
  await expect(page.getByText('Label it').first()).toBeVisible();
  // It is told what comes before anything can come.
  await page.locator('[data-id="panel-debug"]').click();
  await deploy(page, { probation: 0 });
  const deployed = await gateway.ask<{ flows: { name?: string }[] }>('/api/v1/flows');
  expect(deployed.flows.map((one) => one.name)).toContain('Label it');

  await node(page, 'press').getByRole('button', { name: 'Send now' }).click();
  const row = page.locator('[data-id="debug-row"]').first();
  await expect(row).toContainText('Show');
  // What the function added to it.
  await expect(row).toContainText('roof');
  await expect(row).toContainText('seen');
});

test('whatever is done is undone, a hundred times, and done again', async ({ page, gateway }) => {
  await logIn(page, gateway);
  await fit(page);
  const before = await nodesOf(page);
  await node(page, 'work').click();
  for (let n = 0; n < 12; n += 1) {
    await page.keyboard.press('Control+d');
    await page.keyboard.press('Shift+ArrowRight');
  }
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Control+Delete');
  await expect(page.locator('[data-id="canvas"] [data-id^="node-"]')).toHaveCount(0);
  for (let n = 0; n < 100; n += 1) await page.keyboard.press('Control+z');
  await expect.poll(async () => (await nodesOf(page)).sort()).toEqual([...before].sort());
  await expect(page.locator('[data-id="action-deploy"]')).toBeDisabled();
  for (let n = 0; n < 100; n += 1) await page.keyboard.press('Control+Shift+z');
  await expect(page.locator('[data-id="canvas"] [data-id^="node-"]')).toHaveCount(0);
});

test('by keys only: a node is found, connected, configured and deployed', async ({ page, gateway }) => {
  await logIn(page, gateway);
  await page.locator('[data-id="canvas"]').focus();
  await page.keyboard.press('/');
  await page.keyboard.type('template');
  await page.keyboard.press('Enter');
  await expect(page.locator('[data-id="inspector"]')).toContainText('template');
  await page.keyboard.press('Control+k');
  await expect(page.locator('dialog[open]').getByRole('combobox')).toBeFocused();
  await page.keyboard.type('deploy');
  await expect(page.locator('dialog[open]').getByRole('option').first()).toContainText('Deploy');
  await page.keyboard.press('Enter');
  await expect(page.locator('[data-id="deploy-now"]')).toBeVisible();
  await page.locator('[data-id="deploy-now"]').press('Enter');
  await expect(page.locator('dialog[open]')).toHaveCount(0);
  const { flows } = await gateway.ask<{ flows: { type: string }[] }>('/api/v1/flows');
  expect(flows.some((one) => one.type === 'template')).toBe(true);
});

test('what is typed before the command palette is loaded arrives in its field, and nowhere else', async ({ page, gateway }) => {
  let arrive = (): void => undefined;
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  await page.route('**/editor/later-*.js', async (route) => {
    await arrived;
    await route.fallback();
  });
  // The form of the flow is in the same file, and is asked for first.
  const asked = page.waitForRequest('**/editor/later-*.js');
  await logIn(page, gateway);
  await node(page, 'work').click();
  await page.keyboard.press('Control+k');
  await asked;
  await page.keyboard.type('fitx');
  await page.keyboard.press('Backspace');
  await page.keyboard.press('Delete');
  arrive();
  await expect(page.locator('dialog[open]').getByRole('combobox')).toHaveValue('fit');
  await page.keyboard.type('!');
  await expect(page.locator('dialog[open]').getByRole('combobox')).toHaveValue('fit!');
  await page.keyboard.press('Escape');
  // Delete was no shortcut of the canvas.
  await expect(node(page, 'work')).toBeVisible();
});

test('what is wrong with code is underlined and told while it is typed, and goes when it is right', async ({ page, gateway }) => {
  await logIn(page, gateway);
  await node(page, 'work').click();
  const code = page.locator('[data-id="inspector"] .cm-content').first();
  await code.click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('let x = 1;\nmsg.payload = (x +;\nmsg');
  const told = page.getByRole('list', { name: 'Problems of the code' });
  await expect(told).toContainText('2');
  await expect(code.locator('.cm-fault')).toHaveCount(1);
  await expect(code).toHaveAttribute('aria-invalid', 'true');
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('msg');
  await expect(told).toHaveCount(0);
  await expect(code.locator('.cm-fault')).toHaveCount(0);
});

test('a viewer looks, and changes nothing', async ({ page, gateway, gates }) => {
  gates.expected.push(/status of 403/);
  await logIn(page, gateway, 'vic');
  await fit(page);
  await expect(page.locator('[data-id="action-deploy"]')).toHaveCount(0);
  await node(page, 'work').click();
  await page.keyboard.press('Delete');
  await page.keyboard.press('Control+d');
  expect((await nodesOf(page)).sort()).toEqual(['press', 'show', 'work']);
  const inspector = page.locator('[data-id="inspector"]');
  await expect(inspector).toContainText('Work');
  await expect(inspector.locator('input:enabled:not([readonly])')).toHaveCount(0);
  const status = await page.evaluate(async () => (await fetch('/api/v1/deploy', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '[]' })).status);
  expect(status).toBe(403);
});
