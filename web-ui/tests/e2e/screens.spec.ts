// Each screen in light and dark, on a desk and on a phone: axe looks at it, nothing sticks out, and with UPDATE=1 the pictures of
// the guide are taken anew, so that they stay true.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Page } from '@playwright/test';

import { busy } from './support/flows';
import { fit, node } from './support/page';
import { accessible, expect, logIn, test } from './support/test';

const DOCS = join(import.meta.dirname, '../../../docs');
const desk = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };

test.use({ flow: { nodes: busy } });

async function looked(page: Page, picture: string): Promise<void> {
  await accessible(page);
  const { width, scroll } = await page.evaluate(() => ({ width: innerWidth, scroll: document.documentElement.scrollWidth }));
  expect(scroll, 'nothing sticks out').toBeLessThanOrEqual(width);
  // Those that the guide shows.
  if (process.env.UPDATE && readFileSync(join(DOCS, 'editor.md'), 'utf8').includes(`images/${picture}.png`)) {
    mkdirSync(join(DOCS, 'images'), { recursive: true });
    await page.screenshot({ path: join(DOCS, 'images', `${picture}.png`) });
  }
}

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`on a desk, ${colorScheme}`, () => {
    test.use({ viewport: desk, colorScheme });

    test('canvas, inspector and panels', async ({ page, gateway }) => {
      test.setTimeout(150_000);
      await logIn(page, gateway);
      await fit(page);
      await node(page, 'kind').click();
      await expect(page.locator('[data-id="inspector"]')).toContainText('Which?');
      await page.locator('[data-id="panel-debug"]').click();
      await expect(page.locator('[data-id="debug-row"]').first()).toBeVisible({ timeout: 60_000 });
      await looked(page, `editor-${colorScheme}`);
      await page.locator('[data-id="panel-problems"]').click();
      await page.locator('[data-id="panel-connections"]').click();
      await page.locator('[data-id="panel-outline"]').click();
      await looked(page, `panels-${colorScheme}`);
    });

    test('pages', async ({ page, gateway }) => {
      test.setTimeout(150_000);
      await logIn(page, gateway);
      for (const name of ['Revisions', 'Users', 'System', 'Outboxes', 'Logs', 'Alarms', 'Audit']) {
        await page.getByRole('button', { name: /^Menu of/ }).click();
        await page.getByRole('menuitem', { name, exact: true }).click();
        await expect(page.getByRole('heading', { name, exact: true }).first()).toBeVisible();
        await looked(page, `${name.toLowerCase()}-${colorScheme}`);
      }
    });
  });

  test.describe(`on a phone, ${colorScheme}`, () => {
    test.use({ viewport: phone, colorScheme, hasTouch: true, isMobile: true });

    test('by touch: a node is added, opened, and its properties are a sheet', async ({ page, gateway }) => {
      await logIn(page, gateway);
      await looked(page, `phone-${colorScheme}`);
      await page.locator('[data-id="bar-palette"]').tap();
      await page.locator('[data-id="palette-template"]').tap();
      await expect(page.locator('[data-id="canvas"] [data-id^="node-"]').filter({ hasText: 'template' })).toBeVisible();
      await page.locator('[data-id="bar-inspector"]').tap();
      await expect(page.locator('[data-id="sheet"]')).toContainText('template');
      await looked(page, `phone-sheet-${colorScheme}`);
    });
  });
}
