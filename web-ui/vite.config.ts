import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

import { fileOf } from './scripts/chunks.ts';
import { packed } from './scripts/pack.ts';
import { packedTexts } from './scripts/texts.ts';

// Two pages: the editor, and the dashboard, which people open on phones and which loads nothing of the editor.
// Everything with a hash in its name goes to /editor/, which the gateway lets browsers keep for ever.
export default defineConfig({
  plugins: [svelte(), packedTexts(), packed()],
  base: '/',
  publicDir: 'public',
  build: {
    assetsDir: 'editor',
    target: 'es2022',
    // The policy of the page allows no inline script, and so no inline preload helper either.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rollupOptions: {
      input: { index: 'index.html', dashboard: 'dashboard.html' },
      output: { codeSplitting: { includeDependenciesRecursively: false, groups: [{ name: fileOf(import.meta.dirname) }] } },
    },
  },
  server: {
    // `npm run dev` beside a gateway on its usual port.
    proxy: Object.fromEntries(
      ['/api', '/context', '/credentials', '/inject', '/debug', '/set-up', '/library', '/flows'].map((path) => [path, { target: process.env.TIDEGATE_URL ?? 'http://127.0.0.1:1880', ws: true }]),
    ),
  },
  resolve: { alias: { '$lib': new URL('./src/lib', import.meta.url).pathname }, ...(process.env.VITEST ? { conditions: ['browser'] } : {}) },
  test: { include: ['tests/unit/**/*.test.ts'], environment: 'node' },
});
