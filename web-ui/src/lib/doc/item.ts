// What a flow document is made of, as it stands in the JSON: Node-RED's format, to the letter.

/** A tab, subflow, group, node, junction, comment or config node. Never changed in place: an edit puts another one there. */
export interface Item {
  readonly id: string;
  readonly type: string;
  readonly [property: string]: unknown;
}

export type Kind = 'flow' | 'subflow' | 'group' | 'node' | 'config';

/** One end of a wire to the other. */
export interface Wire {
  readonly from: string;
  readonly port: number;
  readonly to: string;
}

export const wireKey = (wire: Wire): string => `${wire.from} ${wire.port} ${wire.to}`;

/** Only what stands on the canvas has a place; config nodes have none. */
export function kindOf(item: Item): Kind {
  if (item.type === 'tab') return 'flow';
  if (item.type === 'subflow') return 'subflow';
  if (item.type === 'group') return 'group';
  return typeof item.x === 'number' && typeof item.y === 'number' ? 'node' : 'config';
}

/** Whether it stands on the canvas of a place. */
export const isOnCanvas = (item: Item): boolean => {
  const kind = kindOf(item);
  return kind === 'node' || kind === 'group';
};

export function text(item: Item | undefined, property: string): string {
  const value = item?.[property];
  return typeof value === 'string' ? value : '';
}

export function number(item: Item | undefined, property: string, otherwise = 0): number {
  const value = item?.[property];
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
}

/** The tab or subflow that it is on. */
export const placeOf = (item: Item): string => text(item, 'z');
export const groupOf = (item: Item): string => text(item, 'g');

/** Outputs with the ids that each leads to. What is not a list of lists of texts counts as nothing. */
export function wiresOf(item: Item | undefined): readonly (readonly string[])[] {
  const wires = item?.wires;
  if (!Array.isArray(wires)) return [];
  return wires.map((ends) => (Array.isArray(ends) ? ends.filter((end): end is string => typeof end === 'string') : []));
}

/** All its wires, the same as a list. */
export const wiresFrom = (item: Item): Wire[] => wiresOf(item).flatMap((ends, port) => ends.map((to) => ({ from: item.id, port, to })));

/** The id of the subflow that this node is an instance of; empty for other nodes. */
export const subflowOf = (item: Item): string => (item.type.startsWith('subflow:') ? item.type.slice('subflow:'.length) : '');

const LAYOUT = new Set(['x', 'y', 'w', 'h', 'l', 'g', 'inputLabels', 'outputLabels', 'icon', 'info', 'tg_collapsed']);

/** Whether a property only says how something looks: changing it restarts nothing. */
export const isLayout = (property: string): boolean => LAYOUT.has(property);

/** As Node-RED makes them: 16 hexadecimal digits. Works on plain HTTP, where `crypto.randomUUID` does not exist. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Plain loops: this is asked of everything in a document, and again after each edit. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    for (let n = 0; n < a.length; n += 1) if (!same(a[n], b[n])) return false;
    return true;
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  for (const key of keys) if (!Object.hasOwn(right, key) || !same(left[key], right[key])) return false;
  return true;
}
