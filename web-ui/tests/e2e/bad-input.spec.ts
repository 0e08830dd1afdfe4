import { enormous, large, overlapping, scripted, small, unknown } from './support/flows';
import { fit, node, nodesOf } from './support/page';
import { expect, logIn, test } from './support/test';

for (const [name, flow] of Object.entries({ scripted, enormous, unknown })) {
  test.describe(`${name} names and nodes`, () => {
    test.use({ flow: { nodes: flow } });

    test('are only text, fit their places, and can be read', async ({ page, gateway }) => {
      await logIn(page, gateway);
      await fit(page);
      await node(page, 'a').click();
      await expect(page.locator('[data-id="inspector"]')).toBeVisible();
      for (const panel of ['outline', 'connections', 'debug', 'problems']) await page.locator(`[data-id="panel-${panel}"]`).click();
      await node(page, 'a').getByRole('button', { name: 'Send now' }).click({ force: true });
      expect(await page.evaluate(() => 'broken' in globalThis)).toBe(false);
      const { width, scroll } = await page.evaluate(() => ({ width: innerWidth, scroll: document.documentElement.scrollWidth }));
      expect(scroll).toBeLessThanOrEqual(width);
      for (const box of await page.locator('[data-id="canvas"] [data-id^="node-"]').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().width))) {
        expect(box).toBeLessThan(700);
      }
    });
  });
}

test.describe('an import', () => {
  test.use({ flow: { nodes: small } });

  test('of overlapping ids and wires to nowhere is told before it is done, and is one step', async ({ page, gateway }) => {
    await logIn(page, gateway);
    await fit(page);
    await page.locator('[data-id="canvas"]').focus();
    await page.keyboard.press('Control+i');
    await page.getByRole('dialog').getByRole('textbox').first().fill(JSON.stringify(overlapping));
    await page.getByRole('button', { name: 'Look at it' }).click();
    await expect(page.locator('[data-id="import-report"]')).toContainText(/id/);
    await page.locator('[data-id="import-now"]').click();
    await expect.poll(async () => (await nodesOf(page)).length).toBeGreaterThan(3);
    await page.keyboard.press('Escape');
    await page.locator('[data-id="canvas"]').focus();
    await page.keyboard.press('Control+z');
    await expect.poll(async () => (await nodesOf(page)).sort()).toEqual(['press', 'show', 'work']);
  });

  test('of what is no flow says what is wrong', async ({ page, gateway }) => {
    await logIn(page, gateway);
    await page.locator('[data-id="canvas"]').focus();
    await page.keyboard.press('Control+i');
    for (const text of ['[{"id": "a", ]', '{"hello": 1}', '[]', 'null']) {
      await page.getByRole('dialog').getByRole('textbox').first().fill(text);
      await page.getByRole('button', { name: 'Look at it' }).click();
      // Either it is said where it breaks, or there is nothing that could be put in.
      await expect(page.locator('[data-id="import-now"]:enabled')).toHaveCount(0);
      await expect(page.getByRole('dialog').locator('.trouble, [role="alert"], [data-id="import-report"]').first()).toBeVisible();
      const back = page.getByRole('dialog').getByRole('button', { name: 'Back', exact: true });
      if (await back.isVisible()) await back.click();
    }
  });
});

test.describe('three hundred nodes', () => {
  test.use({ flow: { nodes: large(300) } });

  test('are there at once, and only what is in sight is drawn', async ({ page, gateway }) => {
    await logIn(page, gateway);
    const drawn = page.locator('[data-id="canvas"] [data-id^="node-"]');
    await expect(drawn.first()).toBeVisible();
    expect(await drawn.count()).toBeLessThan(150);
  });
});
