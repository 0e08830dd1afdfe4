// How long frames take while something is done. Frames of a page that does nothing are as long as the screen wants, so only those of the gesture count.

import type { Page } from '@playwright/test';

import type { Gateway } from '../e2e/support/gateway';
import type { Point } from '../e2e/support/page';
import { logIn } from '../e2e/support/test';
import { legend, metrics, type LargeFlow } from './large-flow';

export interface Frames {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly most: number;
}

/** Takes the place of the gateway's figures: as many as a busy gateway has, at the pace of a real one. */
export async function feed(page: Page, large: LargeFlow): Promise<void> {
  await page.routeWebSocket('**/api/v1/live', (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) => {
      if (typeof message === 'string' && !['metrics', 'legend'].includes((JSON.parse(message) as { type: string }).type)) socket.send(message);
    });
    let turn = 0;
    socket.send(JSON.stringify(legend(large)));
    const ticking = setInterval(() => socket.send(JSON.stringify(metrics(large, turn++))), 500);
    socket.onClose(() => clearInterval(ticking));
  });
}

/** Logs in, and gives how many milliseconds it took from then until nodes could be seen and moved. */
export async function ready(page: Page, gateway: Gateway): Promise<number> {
  await page.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector('[data-node]')) return;
      observer.disconnect();
      requestAnimationFrame(() => requestAnimationFrame(() => performance.mark('nodes')));
    }).observe(document, { childList: true, subtree: true });
    document.addEventListener('submit', () => performance.mark('log-in'), true);
  });
  await logIn(page, gateway);
  await page.locator('[data-node]').first().waitFor();
  await page.waitForFunction(() => performance.getEntriesByName('nodes').length > 0);
  return page.evaluate(() => (performance.getEntriesByName('nodes')[0]?.startTime ?? 0) - (performance.getEntriesByName('log-in')[0]?.startTime ?? 0));
}

/** Drags from a point to and fro for about a second and a half, and times the frames meanwhile. */
export async function dragging(page: Page, from: Point, button: 'left' | 'middle' = 'left'): Promise<Frames> {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down({ button });
  await page.evaluate(() => {
    const noted = { frames: [] as number[], on: true };
    (globalThis as unknown as { noted: typeof noted }).noted = noted;
    let last = performance.now();
    const note = (now: number): void => {
      noted.frames.push(now - last);
      last = now;
      if (noted.on) requestAnimationFrame(note);
    };
    requestAnimationFrame(note);
  });
  for (let n = 0; n < 90; n++) await page.mouse.move(from.x + Math.sin(n / 15) * 200, from.y + Math.sin(n / 11) * 140);
  const frames = await page.evaluate(() => {
    const { noted } = globalThis as unknown as { noted: { frames: number[]; on: boolean } };
    noted.on = false;
    return noted.frames.slice(2);
  });
  await page.mouse.up({ button });
  const sorted = frames.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), most: at(1) };
}

export const told = (what: string, frames: Frames): string =>
  `${what}: p50 ${frames.p50.toFixed(1)} ms, p95 ${frames.p95.toFixed(1)} ms, most ${frames.most.toFixed(1)} ms of ${frames.count} frames`;
