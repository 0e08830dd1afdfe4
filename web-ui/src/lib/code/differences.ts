// What a node made of a message: which properties are other ones, new or gone.

export interface Difference {
  readonly path: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly before?: unknown;
  readonly after?: unknown;
}

const MOST = 50;
const DEPTH = 8;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Bounded: the rest of many is left out. Ids of messages differ always, and say nothing. */
export function differences(before: unknown, after: unknown): Difference[] {
  const found: Difference[] = [];
  compare(before, after, '', 0, found);
  return found.filter(({ path }) => path !== '_msgid').slice(0, MOST);
}

function compare(before: unknown, after: unknown, path: string, depth: number, found: Difference[]): void {
  if (found.length > MOST || Object.is(before, after)) return;
  if (depth < DEPTH && isObject(before) && isObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) step(before, after, key, path ? `${path}.${key}` : key, depth, found);
  } else if (depth < DEPTH && Array.isArray(before) && Array.isArray(after)) {
    const [left, right] = [{ ...before } as Record<string, unknown>, { ...after } as Record<string, unknown>];
    for (let n = 0; n < Math.max(before.length, after.length) && found.length <= MOST; n += 1) step(left, right, String(n), `${path}[${n}]`, depth, found);
  } else if (JSON.stringify(before) !== JSON.stringify(after)) found.push({ path, kind: 'changed', before, after });
}

function step(before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>, key: string, path: string, depth: number, found: Difference[]): void {
  if (!Object.hasOwn(after, key)) found.push({ path, kind: 'removed', before: before[key] });
  else if (!Object.hasOwn(before, key)) found.push({ path, kind: 'added', after: after[key] });
  else compare(before[key], after[key], path, depth + 1, found);
}
