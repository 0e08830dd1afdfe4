// Fails the build when it has become too large: gateways are reached over slow links.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const KB = 1024;
// 350 was the goal; docs/decisions/019-editor.md says what is in it and why it is more.
const WHOLE = 432 * KB;
const FIRST_PAINT = { 'index.html': 130 * KB, 'dashboard.html': 60 * KB };

const dist = new URL('../dist', import.meta.url).pathname;
const packed = (path) => gzipSync(readFileSync(path), { level: 9 }).length;
const files = readdirSync(dist, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
const sizes = new Map(files.map((entry) => [join(entry.parentPath, entry.name).slice(dist.length + 1), 0]));
for (const name of sizes.keys()) sizes.set(name, packed(join(dist, name)));

const told = [];
let failed = false;
function check(what, size, limit) {
  told.push(`${what}: ${(size / KB).toFixed(1)} KB gzip of ${limit / KB}`);
  if (size > limit) failed = true;
}
check('all files', [...sizes.values()].reduce((sum, size) => sum + size, 0), WHOLE);
for (const [page, limit] of Object.entries(FIRST_PAINT)) {
  if (!sizes.has(page)) continue;
  const html = readFileSync(join(dist, page), 'utf8');
  const named = [...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => match[1]);
  const first = named.filter((name) => sizes.has(name));
  check(`first paint of ${page}`, sizes.get(page) + first.reduce((sum, name) => sum + sizes.get(name), 0), limit);
}
console.log(told.join('\n'));
if (process.argv.includes('--all')) {
  for (const [name, size] of [...sizes].sort((a, b) => b[1] - a[1])) console.log(`${(size / KB).toFixed(1).padStart(8)}  ${name}`);
}
if (failed) {
  console.error('the editor has become too large: see `node scripts/budget.mjs --all`');
  process.exit(1);
}
