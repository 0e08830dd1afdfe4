// What a hand does on the canvas: with a mouse, and with fingers.

import type { CDPSession, Locator, Page } from '@playwright/test';

import { small } from './support/flows';
import { fit, centreOf, node, nodesOf, type Point } from './support/page';
import type { Gateway } from './support/gateway';
import { expect, logIn, test } from './support/test';

const LONE = { id: 'lone', type: 'change', z: 't1', name: 'Lone', rules: [], x: 380, y: 320, wires: [[]] };

/** With their left edges on the grid: what is moved keeps to it. */
const nodes = [...small, LONE].map((item) => ('x' in item ? { ...item, x: Number(item.x) + 10 } : item));
/** Pixels of a step of the grid, at 100 %. */
const STEP = 25;

test.use({ flow: { nodes } });

const wire = (page: Page, key: string): Locator => page.locator(`[data-wire="${key}"]`);

const by = (at: Point, x: number, y: number): Point => ({ x: at.x + x, y: at.y + y });

/** At 100 %, where the grid has whole pixels. */
async function begin(page: Page, gateway: Gateway): Promise<void> {
  await logIn(page, gateway);
  await page.getByRole('button', { name: 'Zoom to 100 %' }).click();
}

async function standsAt(item: Locator, at: Point): Promise<void> {
  await expect.poll(async () => (await centreOf(item)).x).toBeCloseTo(at.x, 0);
  await expect.poll(async () => (await centreOf(item)).y).toBeCloseTo(at.y, 0);
}

async function drag(page: Page, from: Point, to: Point, button: 'left' | 'middle' = 'left'): Promise<void> {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down({ button });
  await page.mouse.move(to.x, to.y, { steps: 8 });
  await page.mouse.up({ button });
}

/** The zoom, as the canvas tells it. */
const zoomOf = async (page: Page): Promise<number> => Number((await page.getByRole('button', { name: 'Zoom to 100 %' }).textContent())?.replace(/\D/g, ''));

test.describe('with a mouse', () => {
  test('a node is moved, and put into a wire that it is let go on; Escape leaves it where it was', async ({ page, gateway }) => {
    await begin(page, gateway);
    const before = await centreOf(node(page, 'lone'));
    await page.mouse.move(before.x, before.y);
    await page.mouse.down();
    await page.mouse.move(before.x + 3 * STEP, before.y + 3 * STEP, { steps: 4 });
    await standsAt(node(page, 'lone'), by(before, 3 * STEP, 3 * STEP));
    await page.keyboard.press('Escape');
    await page.mouse.up();
    await standsAt(node(page, 'lone'), before);

    await drag(page, before, by(before, 4 * STEP, 2 * STEP));
    await standsAt(node(page, 'lone'), by(before, 4 * STEP, 2 * STEP));

    const [from, to] = [await centreOf(node(page, 'work')), await centreOf(node(page, 'show'))];
    await drag(page, by(before, 4 * STEP, 2 * STEP), { x: (from.x + to.x) / 2, y: from.y });
    await expect(wire(page, 'work 0 lone')).toHaveCount(1);
    await expect(wire(page, 'lone 0 show')).toHaveCount(1);
  });

  test('a box chooses what it touches, and what is chosen is moved together', async ({ page, gateway }) => {
    await begin(page, gateway);
    const [first, last] = [(await node(page, 'press').boundingBox())!, (await node(page, 'work').boundingBox())!];
    await drag(page, { x: first.x - 15, y: first.y - 20 }, { x: last.x + 10, y: last.y + last.height + 10 });
    const chosen = page.locator('[data-node][aria-current=true]');
    await expect(chosen).toHaveCount(2);
    const [press, work] = [await centreOf(node(page, 'press')), await centreOf(node(page, 'work'))];
    await drag(page, work, by(work, 0, 4 * STEP));
    await standsAt(node(page, 'press'), by(press, 0, 4 * STEP));
    await standsAt(node(page, 'work'), by(work, 0, 4 * STEP));
  });

  test('a wire is drawn from a port to a node, and on empty ground it is asked for what should be there', async ({ page, gateway }) => {
    await begin(page, gateway);
    const port = await centreOf(page.locator('[data-id=node-lone] [data-port="out 0"]'));
    await drag(page, port, await centreOf(node(page, 'show')));
    await expect(wire(page, 'lone 0 show')).toHaveCount(1);
    await drag(page, port, by(port, 120, 80));
    await expect(page.locator('[data-id="quick-add"]')).toBeVisible();
    await page.keyboard.press('Escape');
    // By two clicks as well.
    const start = await centreOf(page.locator('[data-id=node-press] [data-port="out 0"]'));
    await page.mouse.click(start.x, start.y);
    const end = await centreOf(node(page, 'lone'));
    await page.mouse.move(end.x, end.y, { steps: 3 });
    await page.mouse.click(end.x, end.y);
    await expect(wire(page, 'press 0 lone')).toHaveCount(1);
  });

  test('the middle button takes the canvas along, and a wheel moves and zooms it', async ({ page, gateway }) => {
    await begin(page, gateway);
    const before = await centreOf(node(page, 'work'));
    await drag(page, before, by(before, 70, 30), 'middle');
    await standsAt(node(page, 'work'), by(before, 70, 30));
    await page.mouse.wheel(0, 40);
    await standsAt(node(page, 'work'), by(before, 70, 30 - 40));
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, -50);
    await page.keyboard.up('Control');
    await expect.poll(() => zoomOf(page)).toBeGreaterThan(105);
  });

  test('what is held at the edge goes on', async ({ page, gateway }) => {
    await begin(page, gateway);
    const at = await centreOf(node(page, 'lone'));
    const frame = (await page.locator('[data-id=canvas]').boundingBox())!;
    const other = await centreOf(node(page, 'work'));
    await page.mouse.move(at.x, at.y);
    await page.mouse.down();
    await page.mouse.move(frame.x + frame.width - 10, at.y, { steps: 6 });
    await expect.poll(async () => (await centreOf(node(page, 'work'))).x).toBeLessThan(other.x - 100);
    await page.mouse.up();
    // It is still under the pointer, to the grid.
    expect(Math.abs((await centreOf(node(page, 'lone'))).x - (frame.x + frame.width - 10))).toBeLessThan(30);
  });

  test('a second click opens, and the right button has a menu', async ({ page, gateway }) => {
    await begin(page, gateway);
    await node(page, 'lone').dblclick();
    await expect(page.locator('[data-id="inspector"]')).toContainText('Lone');
    await page.locator('[data-id=canvas]').dblclick({ position: { x: 300, y: 420 } });
    await expect(page.locator('[data-id="quick-add"]')).toBeVisible();
    await page.keyboard.press('Escape');
    await node(page, 'work').click({ button: 'right' });
    await expect(page.getByRole('menuitem').first()).toBeVisible();
  });

  test('a drag that the system ends leaves the node where it was, and live motion goes on', async ({ page, gateway }) => {
    await begin(page, gateway);
    const before = await centreOf(node(page, 'lone'));
    await page.mouse.move(before.x, before.y);
    await page.mouse.down();
    await page.mouse.move(before.x + 3 * STEP, before.y, { steps: 4 });
    await page.locator('[data-id=canvas]').dispatchEvent('pointercancel', { pointerId: 1 });
    await standsAt(node(page, 'lone'), before);
    await page.mouse.up();
    await expect(page.locator('[data-id="action-deploy"]')).toBeDisabled();
  });

  test('what is chosen on one flow is not deleted from another', async ({ page, gateway }) => {
    await begin(page, gateway);
    await node(page, 'lone').click();
    await page.getByRole('button', { name: 'Add a flow' }).click();
    await page.keyboard.press('Escape');
    await page.locator('[data-id=canvas]').focus();
    await page.keyboard.press('Delete');
    await page.getByRole('tab', { name: 'First' }).click();
    await expect(node(page, 'lone')).toBeVisible();
  });
});

test.describe('with many outputs', () => {
  const rules = [{ t: 'eq', v: '1', vt: 'num' }, { t: 'eq', v: '2', vt: 'num' }, { t: 'else' }];
  test.use({ flow: { nodes: [...nodes, { id: 'three', type: 'switch', z: 't1', name: 'Three', property: 'payload', propertyType: 'msg', rules, checkall: 'true', outputs: 3, x: 170, y: 320, wires: [[], [], []] }] } });

  test('a wire begins at the output that is nearest, also where the areas that can be hit cover each other', async ({ page, gateway }) => {
    await begin(page, gateway);
    for (const n of [0, 1, 2]) {
      const port = await centreOf(page.locator(`[data-id=node-three] [data-port="out ${n}"]`));
      // The lower edge of the dot, where the next one's area is above it.
      await drag(page, by(port, 0, 5), await centreOf(node(page, 'lone')));
      await expect(wire(page, `three ${n} lone`)).toHaveCount(1);
    }
  });
});

test.describe('with fingers', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  const touch = (session: CDPSession, type: 'touchStart' | 'touchMove' | 'touchEnd', ...points: Point[]): Promise<unknown> =>
    session.send('Input.dispatchTouchEvent', { type, touchPoints: points.map((point, id) => ({ ...point, id })) });

  test('two zoom, one takes the canvas along or moves a node, and one that rests asks', async ({ page, gateway }) => {
    await logIn(page, gateway);
    const session = await page.context().newCDPSession(page);
    const ground = { x: 190, y: 560 };
    const before = await zoomOf(page);
    await touch(session, 'touchStart', by(ground, -40, 0));
    await touch(session, 'touchStart', by(ground, -40, 0), by(ground, 40, 0));
    for (let n = 1; n <= 8; n++) await touch(session, 'touchMove', by(ground, -40 - n * 5, 0), by(ground, 40 + n * 5, 0));
    await touch(session, 'touchEnd');
    await expect.poll(() => zoomOf(page)).toBeGreaterThan(before * 1.5);

    await fit(page);
    await expect.poll(async () => (await nodesOf(page)).length).toBe(4);
    const start = await centreOf(node(page, 'lone'));
    await touch(session, 'touchStart', ground);
    for (let n = 1; n <= 8; n++) await touch(session, 'touchMove', by(ground, 0, -n * 5));
    await touch(session, 'touchEnd');
    await expect.poll(async () => (await centreOf(node(page, 'lone'))).y).toBeLessThan(start.y - 20);

    const at = await centreOf(node(page, 'lone'));
    await touch(session, 'touchStart', at);
    for (let n = 1; n <= 8; n++) await touch(session, 'touchMove', by(at, 0, n * 8));
    await touch(session, 'touchEnd');
    await expect(page.locator('[data-id="action-deploy"]')).toBeEnabled();
    expect((await centreOf(node(page, 'lone'))).y).toBeGreaterThan(at.y + 30);

    const work = await centreOf(node(page, 'work'));
    await touch(session, 'touchStart', work);
    await expect(node(page, 'work')).toHaveAttribute('aria-current', 'true');
    // The menu comes when the finger is lifted, and only when it has rested long enough: by the clock of the page, which may be slow.
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 600)));
    await touch(session, 'touchEnd');
    await expect(page.getByRole('menuitem').first()).toBeVisible();
  });
});
