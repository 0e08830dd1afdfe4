// What stands beside the canvas: what flows remember, people, tokens, the audit, logs, dead letters.

import type { Locator, Page } from '@playwright/test';

import { Mosquitto } from './support/brokers';
import { small, TAB } from './support/flows';
import type { Flow } from './support/gateway';
import { deploy, fit, node, openPage } from './support/page';
import { expect, logIn, PASSWORD, test } from './support/test';

const press = (page: Page): Locator => node(page, 'press').getByRole('button', { name: 'Send now' });

test.describe('what flows remember, and logs', () => {
  const remembering: Flow = [
    ...small.map((item) => (item.id === 'work' ? { ...item, func: 'flow.set("last", msg.payload);\nglobal.update("count", |n| (n ?? 0) + 1);\nmsg', wires: [['show', 'write']] } : item)),
    { id: 'write', type: 'log out', z: 't1', name: 'Write', log: 'rooms', key: 'topic', x: 600, y: 200, wires: [] },
  ];
  test.use({ flow: { nodes: remembering } });

  test('is seen, read again, and forgotten at a word', async ({ page, gateway }) => {
    await logIn(page, gateway);
    await fit(page);
    await press(page).click();
    await page.locator('[data-id="panel-context"]').click();
    const global = page.getByRole('region', { name: 'Global' });
    const flow = page.getByRole('region', { name: 'Flow: First' });
    await expect(async () => {
      await page.getByRole('button', { name: 'Read again', exact: true }).click();
      await expect(global.getByRole('treeitem')).toContainText('1', { timeout: 1_000 });
    }).toPass();
    await expect(flow.getByRole('treeitem').first()).toContainText('roof');
    await flow.getByRole('treeitem').first().click();
    await expect(flow.getByRole('treeitem').filter({ hasText: 'temperature' })).toContainText('21.5');

    await page.getByRole('searchbox', { name: 'Search keys' }).fill('last');
    await expect(global).toContainText('Nothing found.');
    await flow.getByRole('button', { name: 'Delete last' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await expect(flow).toContainText('Nothing found.');
    expect(await gateway.ask('/context/flow/t1')).toEqual({ disk: {}, memory: {} });
  });

  test('a log has what was written, and shows what comes', async ({ page, gateway }) => {
    await logIn(page, gateway);
    await fit(page);
    await press(page).click();
    await openPage(page, 'Logs');
    await page.locator('[data-id="log-rooms"]').click();
    const records = page.getByRole('region', { name: 'Messages of rooms' });
    await expect(records.locator('article')).toHaveCount(1);
    await expect(records.locator('article')).toContainText('roof');
    await page.getByRole('button', { name: 'Follow' }).click();
    await gateway.ask('/inject/press', { method: 'POST' });
    await expect(records.locator('article')).toHaveCount(2);
    await records.getByRole('button', { expanded: false }).first().click();
    await expect(records.getByRole('treeitem').filter({ hasText: 'temperature' })).toContainText('21.5');
    await page.getByRole('searchbox', { name: 'Search in what is shown' }).fill('nothing like it');
    await expect(records).toContainText('No message that is shown has this text.');
  });
});

test.describe('people and machines', () => {
  test.use({ flow: { nodes: small } });

  test('an admin adds somebody, changes what they may, removes them; the last admin stays; the audit has it all', async ({ browser, page, gateway, gates }) => {
    gates.expected.push(/status of 409/);
    await logIn(page, gateway);
    await openPage(page, 'Users');
    await page.getByRole('button', { name: 'Add a user' }).click();
    const dialog = page.getByRole('dialog', { name: 'Add a user' });
    await dialog.getByLabel('Name').fill('nina');
    await dialog.getByLabel(/^Password/).fill(PASSWORD);
    await dialog.getByLabel('Role').selectOption('viewer');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    const nina = page.locator('[data-id="user-nina"]');
    await expect(nina).toBeVisible();

    const other = await browser.newContext();
    const hers = await other.newPage();
    await logIn(hers, gateway, 'nina');
    await expect(hers.locator('[data-id="action-deploy"]')).toHaveCount(0);
    await page.getByLabel('Role of nina').selectOption('editor');
    await hers.reload();
    await expect(hers.locator('[data-id="action-deploy"]')).toBeVisible();

    const ada = page.locator('[data-id="user-ada"]');
    await expect(ada).toContainText('The last admin stays');
    await expect(page.getByLabel('Role of ada')).toBeDisabled();
    await page.getByRole('button', { name: 'More for ada' }).click();
    await expect(page.getByRole('menuitem', { name: 'Remove' })).toBeDisabled();
    await page.keyboard.press('Escape');
    // And the gateway itself says no.
    await expect(gateway.ask('/api/v1/users/ada', { method: 'DELETE' })).rejects.toThrow(/409/);
    await expect(gateway.ask('/api/v1/users/ada', { method: 'PATCH', body: { role: 'viewer' } })).rejects.toThrow(/409/);

    await page.getByRole('button', { name: 'More for nina' }).click();
    await page.getByRole('menuitem', { name: 'Remove' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
    await expect(nina).toHaveCount(0);
    // Her session ended with it.
    await expect(hers.getByText('You have been logged out.')).toBeVisible();
    await other.close();

    await openPage(page, 'Audit');
    await page.getByRole('searchbox', { name: 'Show only' }).fill('nina');
    const rows = page.getByRole('row').filter({ hasText: 'nina' });
    for (const word of ['editor', /remove/]) await expect(rows.filter({ hasText: word }).first()).toContainText('ada');
  });

  test('a token is shown once, does what it may, and nothing after it was revoked', async ({ page, gateway }) => {
    const status = async (path: string, secret: string): Promise<number> => (await fetch(gateway.url + path, { headers: { authorization: `Bearer ${secret}` } })).status;
    await logIn(page, gateway);
    await openPage(page, 'Tokens and sessions');
    await page.getByRole('button', { name: 'Make a token' }).click();
    const dialog = page.getByRole('dialog', { name: 'Make a token' });
    await dialog.getByLabel('Name').fill('grafana');
    await dialog.getByRole('button', { name: 'Make', exact: true }).click();
    const secret = (await dialog.locator('[data-id="secret"]').textContent()) ?? '';
    await dialog.getByRole('button', { name: 'I have kept it' }).click();
    const row = page.locator('[data-id^="token-"]').filter({ hasText: 'grafana' });
    await expect(row).toBeVisible();
    await expect(page.getByText(secret)).toHaveCount(0);
    expect(await status('/api/v1/flows', secret)).toBe(200);
    expect(await status('/api/v1/users', secret)).toBe(403);

    await row.getByRole('button', { name: 'Revoke' }).click();
    await row.getByRole('button', { name: 'Really end it?' }).click();
    await expect(row).toHaveCount(0);
    expect(await status('/api/v1/flows', secret)).toBe(401);
  });

  test('the system tells how the board fares', async ({ page, gateway }) => {
    await logIn(page, gateway);
    await openPage(page, 'System');
    const shown = page.locator('[data-id="page-system"]');
    await expect(shown).toContainText(/of one core/);
    await expect(shown).toContainText(/[\d.]+ MB of the gateway/);
    await expect(shown).toContainText(`process ${gateway.pid}`);
  });
});

test.describe('a message that the other side refuses', () => {
  const refused = (port: number): Flow => [
    TAB,
    { id: 'house', type: 'mqtt-broker', name: 'House', broker: '127.0.0.1', port: String(port), maximumPacketSize: '256' },
    { id: 'press', type: 'inject', z: 't1', name: 'Press', props: [{ p: 'payload' }], payload: 'x'.repeat(400), payloadType: 'str', x: 160, y: 120, wires: [['send']] },
    { id: 'send', type: 'mqtt out', z: 't1', name: 'Send', broker: 'house', topic: 'room/1', qos: '1', retain: '', outbox: { mode: 'always' }, x: 400, y: 120, wires: [] },
    { id: 'take', type: 'mqtt in', z: 't1', name: 'Take', broker: 'house', topic: 'room/#', qos: '1', x: 160, y: 220, wires: [['show']] },
    { id: 'show', type: 'debug', z: 't1', name: 'Show', active: true, tosidebar: true, complete: 'payload', x: 400, y: 220, wires: [] },
  ];

  test('is a dead letter with the reason, and is sent again when that is mended', async ({ page, gateway }) => {
    const broker = await new Mosquitto().start();
    try {
      await gateway.ask('/api/v1/deploy?type=full', { method: 'POST', body: refused(broker.port) });
      await logIn(page, gateway);
      await fit(page);
      await press(page).click();
      await openPage(page, 'Outboxes');
      await page.getByRole('tab', { name: 'Dead letters' }).click();
      const letters = page.getByRole('region', { name: 'Send' });
      await expect(letters.locator('article')).toHaveCount(1);
      await expect(letters.locator('article')).toContainText('xxx');
      await expect(letters.locator('article .reason')).toContainText(/256/);

      await page.getByRole('button', { name: 'Back to the flows' }).click();
      await node(page, 'send').click();
      await page.locator('[data-id="inspector"]').getByRole('button', { name: 'Edit House' }).click();
      await page.getByRole('dialog').getByLabel('Largest packet (bytes)').fill('20000');
      await page.getByRole('dialog').getByRole('button', { name: 'Done' }).click();
      await deploy(page, { probation: 0 });
      await page.locator('[data-id="panel-debug"]').click();
      await openPage(page, 'Outboxes');
      await page.getByRole('tab', { name: 'Dead letters' }).click();
      await letters.getByRole('button', { name: 'Send again' }).click();
      await expect(page.getByText('No dead letters.')).toBeVisible();
      await page.getByRole('button', { name: 'Back to the flows' }).click();
      await expect(page.locator('[data-id="debug-row"]')).toContainText('xxx');
    } finally {
      await broker.end();
    }
  });
});
