// Packs the texts of a language at each build: `src/lib/i18n/packed.ts` says how and why.

import { readdirSync } from 'node:fs';

import { runnerImport, type Plugin } from 'vite';

import { pack } from '../src/lib/i18n/packed.ts';

const FOLDER = new URL('../src/lib/i18n/', import.meta.url).pathname;

export function packedTexts(): Plugin {
  return {
    name: 'packed-texts',
    apply: 'build',
    enforce: 'pre',
    async load(id) {
      if (id !== `${FOLDER}german.ts`) return null;
      const texts: Record<string, string> = {};
      for (const name of readdirSync(`${FOLDER}de`).sort()) {
        const { module } = await runnerImport<{ default: Record<string, string> }>(`${FOLDER}de/${name}`);
        Object.assign(texts, module.default);
      }
      return `import { finder } from './packed';\nexport default finder(${JSON.stringify(pack(texts))});`;
    },
  };
}
