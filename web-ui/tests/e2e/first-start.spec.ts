import { deploy } from './support/page';
import { becomeAdmin, expect, test } from './support/test';

test.use({ flow: { nodes: [] }, users: { all: [] } });

test('a new gateway: the first admin, a starter flow, and a wire that is live', async ({ context, page, gateway }) => {
  await page.goto(gateway.url);
  await expect(page.getByText('Nobody can log in to this gateway yet')).toBeVisible();
  await becomeAdmin(page, gateway);
  expect((await context.cookies()).find((cookie) => cookie.name === 'tidegate')).toMatchObject({ httpOnly: true, sameSite: 'Strict' });

  await page.locator('[data-id="canvas"]').getByRole('button', { name: /Room temperature/ }).click();
  const nodes = page.locator('[data-id="canvas"] [data-id^="node-"]');
  await expect(nodes.first()).toBeVisible();
  await deploy(page);
  await expect(nodes.filter({ hasText: /\d\/(s|min)/ }).first()).toBeVisible({ timeout: 60_000 });
});
