import { defineConfig } from '@playwright/test';

// Each test has a gateway of its own, so nothing is shared but the two cores: one after the other.
export default defineConfig({
  testDir: 'tests/e2e',
  outputDir: 'test-results',
  workers: 1,
  // A browser on a busy machine is slow at times, for reasons that are not ours: what fails is tried once more, and is told as flaky.
  retries: 1,
  timeout: 120_000,
  expect: { timeout: 30_000 },
  use: {
    viewport: { width: 1280, height: 800 },
    locale: 'en-GB',
    actionTimeout: 30_000,
    trace: 'retain-on-failure',
    launchOptions: {
      // Debian's, as people have it. Without a sandbox only where the tests run as root, as in containers.
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    },
  },
});
