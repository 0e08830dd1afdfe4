import type { Page } from '@playwright/test';

import { Mosquitto, Rabbit } from './support/brokers';
import { TAB } from './support/flows';
import { freePort, type Gateway } from './support/gateway';
import { add, connect, deploy, dragIn, field, node, openPage, port, wireBetween } from './support/page';
import { becomeAdmin, expect, logIn, test } from './support/test';

/** How many messages wait in the outboxes, by the gateway. */
async function waiting(gateway: Gateway): Promise<number> {
  const queues = await gateway.ask<{ node?: string; messages: number }[]>('/api/v1/outboxes');
  return queues.filter((queue) => queue.node).reduce((sum, queue) => sum + queue.messages, 0);
}

/** A connection of the node that is chosen, made in its form. */
async function newConnection(page: Page, type: string, fields: Readonly<Record<string, string>>): Promise<void> {
  await page.locator('[data-id="inspector"]').getByRole('button', { name: `New ${type}` }).click();
  const dialog = page.getByRole('dialog', { name: type });
  for (const [label, value] of Object.entries(fields)) await dialog.getByLabel(label, { exact: true }).fill(value);
  await dialog.getByRole('button', { name: 'Done' }).click();
}

test.describe('on a new gateway', () => {
  test.use({ flow: { nodes: [] }, users: { all: [] } });

  test('a pipeline drawn by hand: its rate, its backlog while the broker is away, that it drains, and the way back', async ({ page, gateway }) => {
    test.setTimeout(300_000);
    const rabbit = new Rabbit();
    const mosquitto = new Mosquitto();
    try {
      await Promise.all([rabbit.start(), mosquitto.start()]);
      mosquitto.publish('room/1', { temperature: 21.5 });
      await becomeAdmin(page, gateway);

      // There is no flow yet: the first node brings one.
      const listen = await dragIn(page, 'mqtt in', { x: 120, y: 80 });
      await expect(page.getByRole('tab', { name: 'Flow 1' })).toBeVisible();
      await newConnection(page, 'mqtt-broker', { Name: 'House', Server: '127.0.0.1', Port: String(mosquitto.port) });
      await field(page, 'Topic').fill('room/#');
      const work = await dragIn(page, 'function', { x: 360, y: 80 });
      await field(page, 'Name').fill('Work');
      await field(page, 'On message').fill('msg.payload.seen = true;\nmsg');
      const send = await dragIn(page, 'amqp out', { x: 580, y: 80 });
      await field(page, 'Name').fill('Send');
      await newConnection(page, 'amqp-broker', { Name: 'Rabbit', Server: '127.0.0.1', Port: String(rabbit.port) });
      await field(page, 'Routing key').fill('readings');
      await connect(page, listen, work);
      await connect(page, work, send);

      // What comes back from the broker is shown, by a wire that is let go where there is nothing.
      const take = await dragIn(page, 'amqp in', { x: 120, y: 200 });
      await field(page, 'Server').selectOption({ label: 'Rabbit' });
      await field(page, 'Queue').fill('readings');
      await field(page, 'Before it starts').selectOption({ label: 'declare it: made when it is not there' });
      await port(page, take, 'out').dragTo(page.locator('[data-id="canvas"]'), { targetPosition: { x: 360, y: 200 } });
      await page.locator('[data-id="add-debug"]').click();
      // It is told what comes before anything can come.
      await page.locator('[data-id="panel-debug"]').click();
      await deploy(page, { probation: 0 });

      await expect(node(page, work)).toContainText(/\d\/s/);
      await expect(wireBetween(page, work, send)).toHaveAttribute('aria-label', /Wire from Work to Send, [\d.]+\/s/);
      await expect(page.locator('[data-id="debug-row"]').first()).toContainText('seen', { timeout: 60_000 });

      await rabbit.stop();
      const told = wireBetween(page, work, send);
      await expect(told).toHaveAttribute('aria-label', /\d+ % full, .*going to the disk/, { timeout: 60_000 });
      await expect(node(page, send)).toContainText(/▤ \d\d/);
      await openPage(page, 'Outboxes');
      const sink = page.locator(`[data-id="sink-${send}"]`);
      await expect(sink).toContainText(/[3-9]\d messages/);
      await expect(sink).toContainText('waiting');

      await rabbit.start();
      // New messages pass through it all the time: it is empty when fewer wait than come in a second.
      await expect.poll(() => waiting(gateway), { timeout: 90_000 }).toBeLessThan(11);
      await expect(sink).not.toContainText('waiting', { timeout: 60_000 });
      await page.keyboard.press('Escape');
      await expect(told).not.toHaveAttribute('aria-label', /going to the disk/);

      await node(page, work).click();
      await field(page, 'Name').fill('Worse');
      await deploy(page, { probation: 0 });
      await openPage(page, 'Revisions');
      await page.locator('[data-id="revision-2"]').click();
      await page.getByRole('button', { name: 'Bring this revision back' }).click();
      await page.getByRole('dialog').getByLabel('Probation, in seconds').fill('0');
      await page.getByRole('dialog').getByRole('button', { name: 'Bring back' }).click();
      await expect(page.getByRole('group', { name: 'Notices' })).toContainText('it is what revision 2 was');
      await page.keyboard.press('Escape');
      await expect(node(page, work)).toContainText('Work');
      await expect(node(page, work)).toContainText(/\d\/s/);
    } finally {
      await Promise.all([rabbit.end(), mosquitto.end()]);
    }
  });
});

test.describe('a deploy', () => {
  test.use({ flow: { nodes: [TAB] } });

  const running = async (gateway: Gateway): Promise<number> => (await gateway.ask<{ flows: unknown[] }>('/api/v1/flows')).flows.length;

  test('is taken back at a click, and stays as a draft', async ({ page, gateway }) => {
    await logIn(page, gateway);
    await add(page, 'debug');
    await deploy(page, { probation: 60 });
    await expect(page.getByText('is on probation')).toBeVisible();
    expect(await running(gateway)).toBe(2);
    await page.getByRole('button', { name: 'Take back now' }).click();
    await expect.poll(() => running(gateway)).toBe(1);
    await expect(page.locator('[data-id="action-deploy"]')).toContainText('1');
    await expect(page.locator('[data-id="canvas"] [data-id^="node-"]')).toHaveCount(1);
  });

  test('whose connection does not come up is taken back by itself', async ({ page, gateway }) => {
    await logIn(page, gateway);
    await add(page, 'amqp out');
    // Nobody listens there.
    await newConnection(page, 'amqp-broker', { Server: '127.0.0.1', Port: String(await freePort()) });
    await deploy(page, { probation: 2 });
    expect(await running(gateway)).toBe(3);
    await expect(page.getByText(/taken back/)).toBeVisible();
    expect(await running(gateway)).toBe(1);
    await expect(page.locator('[data-id="action-deploy"]')).toContainText('2');
  });
});
