/** Each item with a key of its own for `{#each}`, which fails at a key that comes twice: names that people give do. It is the name, so that what
 * is before or behind an item may come and go; the second of a name has a number. */
export function keyed<T>(items: readonly T[], nameOf: (item: T) => string): { readonly key: string; readonly item: T }[] {
  const seen = new Map<string, number>();
  return items.map((item) => {
    const name = nameOf(item);
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    return { key: `${count} ${name}`, item };
  });
}
