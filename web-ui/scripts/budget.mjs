// Fails the build when it has become too large: gateways are reached over slow links.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const KB = 1024;
// docs/decisions/019-editor.md says what is in it.
const WHOLE = 350 * KB;
const FIRST_PAINT = { 'index.html': 110 * KB, 'dashboard.html': 46 * KB };

const dist = new URL('../dist', import.meta.url).pathname;
// As the build has packed them (pack.ts), which is what the gateway sends. Pages it sends as they are, with a word of the answer in them.
const packed = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.gz'))
  .map((entry) => join(entry.parentPath, entry.name));
const sizes = new Map(packed.map((path) => [path.slice(dist.length + 1, -'.gz'.length), statSync(path.replace(/\.html\.gz$/, '.html')).size]));
if (sizes.size === 0) throw new Error(`nothing is packed in ${dist}: build the pages first`);

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
