// `test` for the editor: a gateway for each test, and gates that every page has to pass whatever the test is about.

import { AxeBuilder } from '@axe-core/playwright';
import { test as base, expect, type BrowserContext, type Page } from '@playwright/test';

import { Gateway, PASSWORD, USERS, type Flow, type User } from './gateway';
import { serveOther } from './pages';

export { expect, PASSWORD };

interface Options {
  /** What the gateway runs at first. In an object, for Playwright takes a list for a fixture with options. */
  flow: { readonly nodes: Flow };
  users: { readonly all: readonly User[] };
}

interface Fixtures {
  gateway: Gateway;
  gates: Gates;
}

/** No error in the console, no violation of the page's policy, no request that leaves the gateway. */
export class Gates {
  readonly wrong: string[] = [];
  /** What belongs to a test, such as a gateway that is not there; and always: the page asks who is logged in before somebody is. */
  readonly expected: RegExp[] = [/status of 401/];

  async watch(context: BrowserContext, origin: string): Promise<void> {
    await context.exposeFunction('tidegateViolation', (text: string) => this.wrong.push(`policy: ${text}`));
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        (globalThis as unknown as { tidegateViolation: (text: string) => void }).tidegateViolation(`${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    const watchPage = (page: Page) => {
      page.on('console', (message) => message.type() === 'error' && this.wrong.push(`console: ${message.text()}`));
      page.on('pageerror', (error) => this.wrong.push(`error: ${error.stack ?? error.message}`));
    };
    context.pages().forEach(watchPage);
    context.on('page', watchPage);
    context.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(origin) && !url.startsWith('data:') && !url.startsWith('blob:')) this.wrong.push(`left the gateway: ${url}`);
    });
  }

  check(): void {
    expect(this.wrong.filter((text) => !this.expected.some((pattern) => pattern.test(text)))).toEqual([]);
  }
}

export const test = base.extend<Fixtures & Options>({
  flow: [{ nodes: [{ id: 't1', type: 'tab', label: 'First' }] }, { option: true }],
  users: [{ all: USERS }, { option: true }],
  gateway: async ({ flow, users }, use) => {
    const gateway = await Gateway.start(flow.nodes, users.all);
    await use(gateway);
    await gateway.stop();
  },
  // For every test, whether it names them or not.
  gates: [
    async ({ context, gateway }, use) => {
      const gates = new Gates();
      await gates.watch(context, gateway.url);
      await serveOther(context, gateway.url);
      await use(gates);
      gates.check();
    },
    { auto: true },
  ],
});

/** The first admin of a gateway that has nobody yet, by the link that it wrote. */
export async function becomeAdmin(page: Page, gateway: Gateway): Promise<void> {
  await page.goto(gateway.setUpLink);
  await page.getByLabel('Name').fill('ada');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('Password again').fill(PASSWORD);
  await page.getByRole('button', { name: 'Make this admin' }).click();
  await expect(page.getByText('Begin with a flow that runs')).toBeVisible();
}

export async function logIn(page: Page, gateway: Gateway, name = 'ada'): Promise<void> {
  await page.goto(gateway.url);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await page.locator('[data-id="canvas"]').waitFor();
}

/** What the tool of the accessibility people finds wrong, said so that it can be found. */
export async function accessible(page: Page): Promise<void> {
  // It brings a script along, which the page's policy would not let in: it is run apart from the page.
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.target.join(' ')).slice(0, 5).join(', ')}`);
  expect(told).toEqual([]);
}
