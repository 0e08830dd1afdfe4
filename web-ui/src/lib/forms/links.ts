// Links lead from `link out` to `link in` without a wire, and both ends name each other.

import type { Edit } from '../doc/flow-doc';
import type { Item } from '../doc/item';

const PARTNERS: ReadonlyMap<string, readonly string[]> = new Map([['link in', ['link out']], ['link out', ['link in']], ['link call', ['link in']]]);

/** Types that can be the other end; undefined for nodes that are no ends of links. */
export const partnerTypes = (type: string): readonly string[] | undefined => PARTNERS.get(type);

const linksOf = (item: Item): string[] => (Array.isArray(item.links) ? item.links.filter((one): one is string => typeof one === 'string') : []);

/** Gives a link other ends, which name it too. A call names its link in, and is not named by it. */
export function withPartners(edit: Edit, item: Item, ends: readonly string[]): void {
  edit.set(item.id, { links: [...ends] });
  if (item.type === 'link call') return;
  const before = linksOf(item);
  for (const id of new Set([...before, ...ends])) {
    const other = edit.get(id);
    if (!other || !partnerTypes(item.type)?.includes(other.type)) continue;
    const links = linksOf(other).filter((one) => one !== item.id);
    const now = ends.includes(id) ? [...links, item.id] : links;
    if (now.length !== linksOf(other).length) edit.set(id, { links: now });
  }
}
