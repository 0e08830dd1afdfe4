import { Rabbit } from './support/brokers';
import { pipeline, TAB } from './support/flows';
import { deploy, fit, node } from './support/page';
import { expect, logIn, test } from './support/test';

test.use({ flow: { nodes: [TAB] } });

/** How many messages wait in the outbox of a sink, by the gateway. */
async function waiting(gateway: import('./support/gateway').Gateway, id: string): Promise<number> {
  const queues = await gateway.ask<{ node?: string; queue: string; messages: number }[]>('/api/v1/outboxes');
  return queues.filter((queue) => queue.queue.includes(id) || queue.node === 'Send').reduce((sum, queue) => sum + queue.messages, 0);
}

test('a pipeline to a broker: its rate, its backlog while the broker is away, and that it drains', async ({ page, gateway }) => {
  test.setTimeout(240_000);
  const rabbit = await new Rabbit().start();
  try {
    await logIn(page, gateway);
    await page.locator('[data-id="canvas"]').focus();
    await page.keyboard.press('Control+i');
    const nodes = pipeline(rabbit.port).filter((item) => item.type !== 'tab');
    await page.getByRole('dialog').getByRole('textbox').first().fill(JSON.stringify(nodes));
    await page.getByRole('button', { name: 'Look at it' }).click();
    await page.locator('[data-id="import-now"]').click();
    await expect(page.locator('[data-id="import-now"]')).toHaveCount(0);
    await page.keyboard.press('Escape');
    await deploy(page, { probation: 0 });
    await fit(page);

    const card = (name: string) => page.locator('[data-id="canvas"] [data-id^="node-"]').filter({ hasText: name });
    await expect(card('Work')).toContainText(/\d\/s/, { timeout: 60_000 });
    await expect(card('Show')).toContainText(/\d\/s/, { timeout: 60_000 });

    await rabbit.stop();
    await expect.poll(() => waiting(gateway, 'send'), { timeout: 60_000 }).toBeGreaterThan(20);
    await page.getByRole('button', { name: /^Menu of/ }).click();
    await page.getByRole('menuitem', { name: 'Outboxes' }).click();
    await expect(page.locator('[data-id^="sink-"]').filter({ hasText: 'Send' })).toContainText(/\d+ messages/);

    await rabbit.start();
    // New ticks pass through it all the time: it is empty when fewer wait than came in a second.
    await expect.poll(() => waiting(gateway, 'send'), { timeout: 90_000 }).toBeLessThan(11);
  } finally {
    await rabbit.end();
  }
});

test('a deploy that does not get healthy is taken back by itself, and one by hand at a click', async ({ page, gateway }) => {
  await logIn(page, gateway);
  await page.locator('[data-id="canvas"]').focus();
  await page.keyboard.press('/');
  await page.keyboard.type('debug');
  await page.keyboard.press('Enter');
  await page.locator('[data-id="action-deploy"]').click();
  await page.getByRole('spinbutton').first().fill('60');
  await page.locator('[data-id="deploy-now"]').click();
  await expect(page.getByText('is on probation')).toBeVisible();
  await page.getByRole('button', { name: 'Take back now' }).click();
  await expect.poll(async () => (await gateway.ask<{ flows: unknown[] }>('/api/v1/flows')).flows.length).toBe(1);
  await expect(node(page, 'none')).toHaveCount(0);
});
