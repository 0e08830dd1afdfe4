import type { Locator, Page } from '@playwright/test';

import { small, tidal } from './support/flows';
import { fit, middleOf, node, pointAt, wireBetween } from './support/page';
import { expect, logIn, test } from './support/test';

/** The same, by itself five times a second, and with a debug node that is switched off. */
const ticking = small.map((item) => (item.id === 'press' ? { ...item, repeat: '0.2', once: true } : item.id === 'show' ? { ...item, active: false } : item));
const card = (page: Page): Locator => page.locator('[data-id="wire-card"]');

test.describe('a wire', () => {
  test.use({ flow: { nodes: ticking } });

  test('tells its rate, its last minute and its last message where a pointer rests, and can be watched without a debug node', async ({ page, gateway }) => {
    await logIn(page, gateway);
    await fit(page);
    await expect(wireBetween(page, 'work', 'show')).toHaveAttribute('aria-label', /\d\/s/);
    await pointAt(wireBetween(page, 'work', 'show'));
    await expect(card(page)).toContainText(/\d\/s/);
    await expect(card(page).getByRole('img', { name: 'The rate of the last minute' })).toBeVisible();
    await expect(card(page).locator('pre')).toContainText('seen');
    // Before the function it is not in there yet.
    await page.mouse.move(5, 400);
    await expect(card(page)).toHaveCount(0);
    await pointAt(wireBetween(page, 'press', 'work'));
    await expect(card(page).locator('pre')).toContainText('roof');
    await expect(card(page).locator('pre')).not.toContainText('seen');

    await card(page).getByRole('button', { name: 'Keep watching' }).click();
    const row = page.locator('[data-id="debug-row"]').first();
    await expect(row).toContainText('Press → Work');
    await expect(row).toContainText('roof');
    await page.getByRole('list', { name: 'Taps' }).getByRole('button', { name: 'End the tap Press → Work' }).click();
    await expect(page.getByRole('list', { name: 'Taps' })).toHaveCount(0);
  });

  test('says by keys what it says to a pointer', async ({ page, gateway }) => {
    await logIn(page, gateway);
    await fit(page);
    await page.locator('[data-id="canvas"]').focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('w');
    await expect(card(page).locator('pre')).toContainText('roof');
    await page.keyboard.press('Escape');
    await expect(card(page)).toHaveCount(0);
  });

  test('keeps what messages say from those who may not see it', async ({ page, gateway }) => {
    await logIn(page, gateway, 'eve');
    await fit(page);
    await pointAt(wireBetween(page, 'work', 'show'));
    await expect(card(page)).toContainText(/\d\/s/);
    await expect(card(page)).toContainText('only shown to those who may see payloads');
    await expect(card(page).locator('pre')).toHaveCount(0);
    await expect(card(page).getByRole('button', { name: 'Keep watching' })).toHaveCount(0);
    await page.locator('[data-id="panel-debug"]').click();
    await expect(page.getByText('You may not see what messages say.')).toBeVisible();
  });

  test.describe('under a finger', () => {
    test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

    test('shows its card when the finger rests on it', async ({ context, page, gateway }) => {
      await logIn(page, gateway);
      await fit(page);
      const at = await middleOf(wireBetween(page, 'press', 'work'));
      const touch = await context.newCDPSession(page);
      await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [at] });
      await expect(card(page)).toContainText(/\d\/s/);
      await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
      await expect(card(page).locator('pre')).toContainText('roof');
    });
  });
});

test.describe('where messages wait', () => {
  // Port 1: nobody listens there.
  test.use({ flow: { nodes: tidal(1) } });

  const width = async (page: Page, from: string, to: string): Promise<number> => Number(await wireBetween(page, from, to).locator('.line').getAttribute('stroke-width'));
  /** How full it is drawn, 0 to 1. */
  const fill = async (page: Page, to: string): Promise<number> => Number.parseFloat((await wireBetween(page, 'work', to).locator('.fill').getAttribute('stroke-dasharray')) ?? '0');

  test('wires are as wide as their rate, fill, and are hatched and dotted where it is so', async ({ page, gateway }) => {
    await logIn(page, gateway);
    await fit(page);
    // Fifty times as many messages are not fifty times as wide, but wider.
    await expect.poll(() => width(page, 'slow', 'pass')).toBeGreaterThan(2);
    expect(await width(page, 'fast', 'work')).toBeGreaterThan((await width(page, 'slow', 'pass')) + 1);

    // An outbox that has room: it goes to the disk, and nobody waits.
    const room = wireBetween(page, 'work', 'room');
    await expect(room).toHaveAttribute('aria-label', /going to the disk/);
    await expect(room.locator('.spill')).toBeAttached();

    // One that is full: its senders are held up, and so are those of all that they feed.
    const full = wireBetween(page, 'work', 'full');
    await expect(full).toHaveAttribute('aria-label', /100 % full, senders are held up/);
    await expect(full.locator('.hatch')).toBeAttached();
    await expect(full.locator('.fill.full')).toBeAttached();
    await expect(room.locator('.hatch')).toHaveCount(0);
    await pointAt(full);
    await expect(card(page)).toContainText(/Queue: \d+ of 20/);
    await expect(card(page)).toContainText('senders are held up');

    // A node that holds messages back.
    await expect.poll(() => fill(page, 'hold')).toBeGreaterThan(0);
    await expect(node(page, 'hold')).toContainText(/▤ \d/);
    await expect(wireBetween(page, 'pass', 'rest').locator('.bed, .fill, .hatch, .spill')).toHaveCount(0);
  });
});
