import type { Item } from '$lib/doc/item';

/** What a person knows a node by; its id where the document has no such node. */
export const named = (item: Item | undefined, id: string): string => String(item?.name || item?.label || item?.type || id).slice(0, 80);
