// With PAGES=dist, the pages of that folder instead of those in the program: they are tried without building it anew.

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import type { BrowserContext } from '@playwright/test';

const FOLDER = process.env.PAGES;
const PAGES: Readonly<Record<string, string>> = { '/': 'index.html', '/dashboard': 'dashboard.html' };

export async function serveOther(context: BrowserContext, origin: string): Promise<void> {
  if (!FOLDER) return;
  if (!existsSync(resolve(FOLDER, 'index.html'))) throw new Error(`PAGES: there is no ${resolve(FOLDER, 'index.html')} (npx vite build)`);
  // To the browser, a page that the test hands it comes from nowhere, and may not talk to this machine as the gateway's own may.
  await context.grantPermissions(['local-network-access']);
  await context.route((url) => url.origin === origin && url.pathname in PAGES, async (route) => {
    // The answer of the gateway with another text, so that its policy holds.
    const answer = await route.fetch();
    const policy = answer.headers()['content-security-policy'] ?? '';
    const page = readFileSync(resolve(FOLDER, PAGES[new URL(route.request().url()).pathname] ?? ''), 'utf8');
    await route.fulfill({ response: answer, body: page.replaceAll('__NONCE__', /'nonce-([^']+)'/.exec(policy)?.[1] ?? '') });
  });
  await context.route((url) => url.origin === origin && url.pathname.startsWith('/editor/'), (route) =>
    route.fulfill({ path: resolve(FOLDER, `.${new URL(route.request().url()).pathname}`) }),
  );
}
