import { defineConfig } from '@playwright/test';

import usual from '../../playwright.config';

// `make soak` runs it. By hand: TIDEGATE=/path/to/program npx playwright test -c tests/perf/playwright.config.ts
// Without a trace: it takes pictures of the page with each step, and those would be measured.
export default defineConfig({ ...usual, testDir: '.', outputDir: '../../test-results', use: { ...usual.use, trace: 'off' } });
