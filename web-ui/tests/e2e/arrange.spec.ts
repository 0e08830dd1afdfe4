// What a person does to the shape of a flow: groups, subflows, wires, links, lining up, the clipboard.

import type { Locator, Page } from '@playwright/test';

import { small, TAB } from './support/flows';
import { add, chosenNode, connect, deploy, dragIn, field, fit, middleOf, node, nodesOf, wireBetween } from './support/page';
import { expect, logIn, test } from './support/test';

test.use({ flow: { nodes: [...small, { id: 't2', type: 'tab', label: 'Second' }, { id: 'far', type: 'debug', z: 't2', name: 'Far', active: true, tosidebar: true, complete: 'payload', x: 300, y: 120, wires: [] }] } });

test.beforeEach(async ({ page, gateway }) => {
  await logIn(page, gateway);
  await fit(page);
});

async function choose(page: Page, ...ids: string[]): Promise<void> {
  for (const [n, id] of ids.entries()) await node(page, id).click(n === 0 ? {} : { modifiers: ['Shift'] });
}

/** From the menu that the right button opens. */
async function fromMenu(page: Page, on: Locator, name: string): Promise<void> {
  await on.click({ button: 'right' });
  await page.getByRole('menuitem', { name }).click();
}

const group = (page: Page, name: string): Locator => page.getByRole('group', { name, exact: true });
const nodes = (page: Page): Locator => page.locator('[data-id="canvas"] [data-node]');
const placeOf = async (one: Locator): Promise<{ x: number; y: number }> => {
  const box = await one.boundingBox();
  return { x: Math.round(box?.x ?? 0), y: Math.round(box?.y ?? 0) };
};

test('a group is made, named, moved with what is in it, folded, opened, and undone', async ({ page }) => {
  await choose(page, 'press', 'work');
  await page.keyboard.press('Control+g');
  await field(page, 'Name').fill('Inside');
  await expect(group(page, 'Inside')).toBeVisible();

  const before = await placeOf(node(page, 'press'));
  const still = await placeOf(node(page, 'show'));
  await page.locator('[data-group]').filter({ hasText: 'Inside' }).dragTo(page.locator('[data-id="canvas"]'), { targetPosition: { x: 260, y: 480 } });
  await expect.poll(async () => (await placeOf(node(page, 'press'))).y).toBeGreaterThan(before.y + 40);
  expect(await placeOf(node(page, 'show'))).toEqual(still);

  await page.getByRole('button', { name: 'Fold', exact: true }).click();
  await expect(node(page, 'press')).toHaveCount(0);
  // The wire that leaves it is seen, and the one inside is not.
  await expect(wireBetween(page, 'work', 'show')).toBeAttached();
  await expect(wireBetween(page, 'press', 'work')).toHaveCount(0);
  await deploy(page, { probation: 0 });
  await page.reload();
  await expect(nodes(page)).toHaveCount(2);
  await fromMenu(page, nodes(page).filter({ hasText: 'Inside' }), 'Unfold the group');
  await expect(node(page, 'press')).toBeVisible();

  await fromMenu(page, page.locator('[data-group]').filter({ hasText: 'Inside' }), 'Ungroup');
  await expect(group(page, 'Inside')).toHaveCount(0);
  await expect(nodes(page)).toHaveCount(3);
  await page.keyboard.press('Control+z');
  await expect(group(page, 'Inside')).toBeVisible();
});

test('a subflow is made of what is chosen, changed inside, works, and is unpacked', async ({ page }) => {
  await choose(page, 'work');
  await fromMenu(page, node(page, 'work'), 'Make a subflow of it');
  const instance = await chosenNode(page);
  await expect(node(page, 'work')).toHaveCount(0);
  await expect(wireBetween(page, 'press', instance)).toBeAttached();
  await expect(wireBetween(page, instance, 'show')).toBeAttached();

  await fromMenu(page, node(page, instance), 'Open the subflow');
  await fit(page);
  await node(page, 'work').click();
  await field(page, 'Name').fill('Deep inside');
  await page.getByRole('tab', { name: 'First' }).click();
  // It is told what comes before anything can come.
  await page.locator('[data-id="panel-debug"]').click();
  await deploy(page, { probation: 0 });
  await node(page, 'press').getByRole('button', { name: 'Send now' }).click();
  await expect(page.locator('[data-id="debug-row"]').first()).toContainText('seen');

  await fromMenu(page, node(page, instance), 'Put the inside of the subflow here');
  await expect(node(page, instance)).toHaveCount(0);
  const inside = nodes(page).filter({ hasText: 'Deep inside' });
  await expect(inside).toHaveCount(1);
  const id = (await inside.getAttribute('data-node')) ?? '';
  await expect(wireBetween(page, 'press', id)).toBeAttached();
  await expect(wireBetween(page, id, 'show')).toBeAttached();
});

test('a node goes into a wire, a reroute point too, and deleting them joins it again', async ({ page }) => {
  const wire = wireBetween(page, 'press', 'work');
  const middle = await middleOf(wire);
  const frame = (await page.locator('[data-id="canvas"]').boundingBox())!;
  const inserted = await dragIn(page, 'change', { x: middle.x - frame.x, y: middle.y - frame.y });
  await expect(wire).toHaveCount(0);
  await expect(wireBetween(page, 'press', inserted)).toBeAttached();
  await expect(wireBetween(page, inserted, 'work')).toBeAttached();
  await node(page, inserted).click();
  await page.keyboard.press('Control+Delete');
  await expect(wire).toBeAttached();
  await expect(nodes(page)).toHaveCount(3);

  await page.mouse.dblclick(middle.x, middle.y);
  const point = await chosenNode(page);
  await expect(wireBetween(page, 'press', point)).toBeAttached();
  await page.keyboard.press('Control+z');
  await expect(wire).toBeAttached();

  await page.mouse.click(middle.x, middle.y);
  await page.keyboard.press('Delete');
  await expect(wire).toHaveCount(0);
  await expect(nodes(page)).toHaveCount(3);
  await connect(page, 'press', 'work');
});

test('link nodes lead to another flow', async ({ page, gateway }) => {
  await add(page, 'link out');
  const out = await chosenNode(page);
  await page.getByRole('tab', { name: 'Second' }).click();
  await add(page, 'link in');
  const into = await chosenNode(page);
  await field(page, 'Name').fill('Hatch');
  await fit(page);
  await connect(page, into, 'far');
  await page.getByRole('tab', { name: 'First' }).click();
  await fit(page);
  await node(page, out).click();
  await page.locator('[data-id="inspector"]').getByRole('checkbox', { name: /Hatch/ }).check();
  await connect(page, 'press', out);
  // It is told what comes before anything can come.
  await page.locator('[data-id="panel-debug"]').click();
  await deploy(page, { probation: 0 });
  await page.getByRole('tab', { name: 'Second' }).click();
  await expect(node(page, 'far')).toBeVisible();
  await gateway.ask('/inject/press', { method: 'POST' });
  await expect(page.locator('[data-id="debug-row"]').filter({ hasText: 'Far' })).toHaveCount(1);
});

test('nodes are tidied up, lined up and put on the grid, each a step that is undone', async ({ page }) => {
  const all = ['press', 'work', 'show'];
  const places = () => Promise.all(all.map((id) => placeOf(node(page, id))));
  await page.keyboard.press('Control+k');
  await page.keyboard.type('snap to the grid');
  await page.keyboard.press('Enter');
  await node(page, 'work').dragTo(page.locator('[data-id="canvas"]'), { targetPosition: { x: 333, y: 507 } });
  await node(page, 'show').dragTo(page.locator('[data-id="canvas"]'), { targetPosition: { x: 117, y: 451 } });
  const before = await places();

  await page.keyboard.press('Escape');
  await page.locator('[data-id="canvas"]').click({ button: 'right', position: { x: 300, y: 60 } });
  await page.getByRole('menuitem', { name: 'Tidy up' }).click();
  // From left to right, as the wires lead.
  await expect.poll(async () => {
    const [press, work, show] = await places();
    return press!.x < work!.x && work!.x < show!.x;
  }).toBe(true);
  await page.keyboard.press('Control+z');
  await expect.poll(places).toEqual(before);

  await choose(page, ...all);
  await page.keyboard.press('Alt+w');
  await expect.poll(async () => new Set((await places()).map(({ y }) => y)).size).toBe(1);
  await page.keyboard.press('Control+z');
  await page.keyboard.press('Alt+a');
  await expect.poll(async () => new Set((await places()).map(({ x }) => x)).size).toBe(1);
  await page.keyboard.press('Control+z');
  await expect.poll(places).toEqual(before);
});

test('what is copied on one flow is pasted on another, and is JSON in the clipboard', async ({ context, page }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await choose(page, 'press', 'work');
  await page.keyboard.press('Control+c');
  const text = await page.evaluate(() => navigator.clipboard.readText());
  expect((JSON.parse(text) as { id: string }[]).map(({ id }) => id).sort()).toEqual(['press', 'work']);
  await page.getByRole('tab', { name: 'Second' }).click();
  await page.locator('[data-id="canvas"]').focus();
  await page.keyboard.press('Control+v');
  await expect(nodes(page)).toHaveCount(3);
  const [press, work] = await Promise.all(['Press', 'Work'].map(async (name) => (await nodes(page).filter({ hasText: name }).getAttribute('data-node')) ?? ''));
  expect(press).not.toBe('press');
  await expect(wireBetween(page, press!, work!)).toBeAttached();

  // Whatever is no flow is said to be none, and changes nothing.
  await page.evaluate(() => navigator.clipboard.writeText('{"hello": 1}'));
  await page.keyboard.press('Control+v');
  await expect(page.getByRole('group', { name: 'Notices' })).toContainText('is no flow');
  expect((await nodesOf(page)).length).toBe(3);
});

test.describe('without a flow', () => {
  test.use({ flow: { nodes: [TAB] } });

  test('what is open goes by an undo, and something else that is there is open', async ({ page }) => {
    await page.getByRole('button', { name: 'Add a flow' }).click();
    await expect(page.getByRole('tab', { name: 'Flow 2' })).toBeVisible();
    await page.locator('[data-id="canvas"]').focus();
    await page.keyboard.press('Control+z');
    await expect(page.getByRole('tab', { name: 'First' })).toHaveAttribute('aria-selected', 'true');
    await add(page, 'debug');
    await expect(nodes(page)).toHaveCount(1);
    await page.getByRole('tab', { name: 'First' }).press('Delete');
    await expect(page.getByRole('tablist', { name: 'Flows' }).getByRole('tab')).toHaveCount(0);
  });
});
