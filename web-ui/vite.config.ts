import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// Two pages: the editor, and the dashboard, which people open on phones and which loads nothing of the editor.
// Everything with a hash in its name goes to /editor/, which the gateway lets browsers keep for ever.
export default defineConfig({
  plugins: [svelte()],
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
      // Many small files pack badly: what is opened together is one file.
      output: {
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [
            { name: 'german', test: /i18n\/de\// },
            { name: 'starters', test: /\/flows\/[^/]+\.json$/ },
            { name: 'operations', test: /src\/lib\/doc\/operations\/(?!tidy|layout|quick-layout|ranks)/ },
            { name: 'dialogs', test: /src\/shell\/dialogs\/.*\.svelte/ },
            { name: 'pages', test: /src\/panels\/(revisions|users|tokens|audit|system|outboxes|logs|alarms)\/(?!index\.ts)/ },
          ],
        },
      },
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
