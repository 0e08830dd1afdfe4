import { defineConfig } from '@playwright/test';

import usual from '../../playwright.config';

// npx playwright test -c tests/perf/playwright.config.ts
export default defineConfig({ ...usual, testDir: '.', outputDir: '../../test-results' });
