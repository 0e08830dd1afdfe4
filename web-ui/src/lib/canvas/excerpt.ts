// A message in a few lines: enough to know it again. Messages can be of any size, and only so much of one is looked at.

const LONGEST = 420;
const DEEPEST = 5;
const MOST_ITEMS = 12;

/** As JSON that a person reads; `…` stands for what is left out. */
export function excerptOf(value: unknown): string {
  const text = typeof value === 'string' ? value : shown(value, 0);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

function shown(value: unknown, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 160 ? `${value.slice(0, 160)}…` : value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (depth >= DEEPEST) return '…';
  const pad = '  '.repeat(depth + 1);
  const isList = Array.isArray(value);
  const entries: [string, unknown][] = [];
  let isMore = false;
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    if (entries.length === MOST_ITEMS) {
      isMore = true;
      break;
    }
    entries.push([key, (value as Record<string, unknown>)[key]]);
  }
  if (entries.length === 0) return isList ? '[]' : '{}';
  const lines = entries.map(([key, one]) => `${pad}${isList ? '' : `${key}: `}${shown(one, depth + 1)}`);
  if (isMore) lines.push(`${pad}…`);
  return `${isList ? '[' : '{'}\n${lines.join('\n')}\n${'  '.repeat(depth)}${isList ? ']' : '}'}`;
}
