// `test` for the editor: a gateway for each test, and gates that every page has to pass whatever the test is about.

import { AxeBuilder } from '@axe-core/playwright';
import { test as base, expect, type BrowserContext, type Page } from '@playwright/test';

import { Gateway, PASSWORD, type Flow } from './gateway';

export { expect, PASSWORD };

interface Options {
  /** What the gateway runs at first. */
  flow: Flow;
  /** Messages of the console that belong to what is tested, such as a gateway that is not there. */
  expected: readonly RegExp[];
}

interface Fixtures {
  gateway: Gateway;
  gates: Gates;
}

/** No error in the console, no violation of the page's policy, no request that leaves the gateway. */
export class Gates {
  readonly wrong: string[] = [];
  expected: RegExp[];

  constructor(expected: readonly RegExp[]) {
    this.expected = [...expected];
  }

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
  flow: [[{ id: 't1', type: 'tab', label: 'First' }], { option: true }],
  expected: [[], { option: true }],
  gateway: async ({ flow }, use) => {
    const gateway = await Gateway.start(flow);
    await use(gateway);
    await gateway.stop();
  },
  gates: async ({ context, gateway, expected }, use) => {
    const gates = new Gates(expected);
    await gates.watch(context, gateway.url);
    await use(gates);
    gates.check();
  },
});

export async function logIn(page: Page, gateway: Gateway, name = 'ada'): Promise<void> {
  await page.goto(gateway.url);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** What the tool of the accessibility people finds wrong, said so that it can be found. */
export async function accessible(page: Page): Promise<void> {
  // It brings a script along, which the page's policy would not let in: it is run apart from the page.
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.target.join(' ')).slice(0, 5).join(', ')}`);
  expect(told).toEqual([]);
}
