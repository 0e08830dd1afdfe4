// Which module goes to which file. Many small files pack badly, and each file names what it takes from the others: what is
// loaded together is one file.

interface Modules {
  getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null;
}

/** Pages, each with its first module. */
const PAGES = { editor: 'src/main.ts', dashboard: 'src/dashboard/main.ts' };

/** What is loaded later, when somebody opens it. */
const LATER: readonly (readonly [string, RegExp])[] = [
  ['german', /\/i18n\/(?:german|packed)\.ts$/],
  ['starters', /\/flows\/[^/]+\.json$/],
  ['code', /\/src\/lib\/code\/(?:editor|faults|rhai|small-languages)\.ts$|\/node_modules\/(?:@codemirror|@lezer|@marijn|crelt|style-mod|w3c-keyname)\//],
  ['panels', /\/src\/panels\/(?:palette|inspector|debug|outline|problems|context|connections)\//],
  ['later', /\/src\//],
];

/** The name of the file for a module; Rolldown asks once for each. */
export function fileOf(root: string): (id: string, modules: Modules) => string | null {
  const first = new Map<string, ReadonlySet<string>>();
  return (id, modules) => {
    if (first.size === 0) for (const [page, path] of Object.entries(PAGES)) first.set(page, closure(`${root}/${path}`, modules));
    const pages = [...first].filter(([, ids]) => ids.has(id)).map(([page]) => page);
    if (pages.length > 1) return 'base';
    return pages[0] ?? LATER.find(([, test]) => test.test(id))?.[0] ?? null;
  };
}

/** A module with all that it imports, and what that imports: it is there when the page begins. */
function closure(start: string, modules: Modules): ReadonlySet<string> {
  const found = new Set([start]);
  // A set is gone through to its end, also where it grows on the way.
  for (const id of found) for (const imported of modules.getModuleInfo(id)?.importedIds ?? []) found.add(imported);
  return found;
}
