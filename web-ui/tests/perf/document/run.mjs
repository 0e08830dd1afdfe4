// What the document costs when it is large, in milliseconds of the processor: node tests/perf/document/run.mjs [WORDS OF A NAME]
// Each case has a process of its own, so that `first` is what a page pays that has just been opened; `later` is
// what more rounds cost. Both are the least that was seen: other work on the machine only ever makes it more.
// With PROFILE=folder each leaves a profile there, for the Performance tab of Chromium.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const PROCESSES = 3;
const ROUNDS = 5;
/** What takes longer, in milliseconds, is told by one round as well. */
const LONG = 1_000;
const [wanted = '', bundle] = process.argv.slice(2);

const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

async function timed(work) {
  globalThis.gc();
  const before = cpu();
  await work();
  return cpu() - before;
}

if (bundle) {
  const { cases } = await import(pathToFileURL(bundle).href);
  const took = [await timed(cases[wanted]())];
  for (let n = 0; n < ROUNDS && took[0] < LONG; n += 1) took.push(await timed(cases[wanted]()));
  console.log(JSON.stringify(took));
} else {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-perf-'));
  try {
    const { build } = await import('vite');
    const root = fileURLToPath(new URL('../../..', import.meta.url));
    const entry = fileURLToPath(new URL('cases.ts', import.meta.url));
    await build({ root, configFile: false, logLevel: 'error', publicDir: false, ssr: { noExternal: true }, build: { ssr: entry, outDir: folder, minify: false, rollupOptions: { output: { entryFileNames: 'cases.mjs' } } } });
    const file = join(folder, 'cases.mjs');
    console.log('  first   later  (ms)');
    const { cases } = await import(pathToFileURL(file).href);
    for (const name of Object.keys(cases).filter((each) => each.includes(wanted))) {
      const profile = process.env.PROFILE ? ['--cpu-prof', `--cpu-prof-dir=${process.env.PROFILE}`] : [];
      const [firsts, laters] = [[], []];
      for (let n = 0; n < PROCESSES && !(firsts[0] > LONG); n += 1) {
        const [first, ...later] = JSON.parse(execFileSync(process.execPath, ['--expose-gc', ...profile, fileURLToPath(import.meta.url), name, file], { encoding: 'utf8' }));
        firsts.push(first);
        laters.push(...later);
      }
      const told = (all) => (all.length > 0 ? Math.min(...all).toFixed(all[0] < 10 ? 1 : 0) : '').padStart(7);
      console.log(`${told(firsts)} ${told(laters)}  ${name}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
