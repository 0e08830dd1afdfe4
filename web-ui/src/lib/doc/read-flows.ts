// A text that somebody brought becomes items. Whatever it is, nothing here fails: it says what is wrong and where.

import type { Item } from './item';
import { faultOf } from './json-fault';
import { english, type Say } from './words';

export interface Read {
  readonly items: Item[];
  /** Why there is nothing, for a person, with line and column where there are some. */
  readonly wrong?: string;
  /** Elements that are no items, and were left out: why, and how often. */
  readonly leftOut: ReadonlyMap<string, number>;
}

/** The gateway takes no more. */
const MOST_LETTERS = 64 * 1024 * 1024;
const MOST_ITEMS = 100_000;
const LONGEST_ID = 256;
const DEEPEST = 100;

/** Node-RED's array; its object with `flows`; one flow as its Admin API gives it; or a single node. */
export function readFlows(text: string, say: Say = english): Read {
  const nothing = (wrong: string): Read => ({ items: [], wrong, leftOut: new Map() });
  if (text.length > MOST_LETTERS) return nothing(say('this is larger than 64 MiB: bring it in parts'));
  const plain = text.replace(/^\uFEFF/, '').trim();
  if (plain === '') return nothing(say('there is nothing in it'));
  let found: unknown;
  try {
    found = JSON.parse(plain);
  } catch {
    // By the text as it was given, so that the line is the one that its editor shows.
    const fault = faultOf(text.replace(/^\uFEFF/, ''), say);
    return nothing(fault ? say('this is not JSON: line {line}, column {column}: {what}', { line: fault.line, column: fault.column, what: fault.message }) : say('this is not JSON'));
  }
  const elements = elementsOf(found);
  if (!elements) return nothing(say('these are no flows: expected a list of nodes, as Node-RED exports it'));
  if (elements.length > MOST_ITEMS) return nothing(say('there are {n} nodes in it, and at most {most} are read: bring it in parts', { n: elements.length, most: MOST_ITEMS }));
  const leftOut = new Map<string, number>();
  const items = elements.filter((element): element is Item => {
    const why = whyNot(element, say);
    if (why) leftOut.set(why, (leftOut.get(why) ?? 0) + 1);
    return why === undefined;
  });
  if (items.length === 0 && elements.length > 0) return { items, wrong: say('none of its {n} elements is a node: {why}', { n: elements.length, why: [...leftOut.keys()].join('; ') }), leftOut };
  return { items, leftOut };
}

function elementsOf(found: unknown): unknown[] | undefined {
  if (Array.isArray(found)) return found;
  if (!isObject(found)) return undefined;
  if (Array.isArray(found.flows)) return found.flows;
  if (Array.isArray(found.nodes) && typeof found.id === 'string' && found.type === undefined) {
    const { nodes, configs, subflows, ...tab } = found;
    const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
    return [{ ...tab, type: 'tab' }, ...list(subflows), ...(nodes as unknown[]), ...list(configs)];
  }
  return typeof found.type === 'string' ? [found] : undefined;
}

function whyNot(element: unknown, say: Say): string | undefined {
  if (!isObject(element)) return say('it is no object');
  for (const name of ['id', 'type']) {
    const value = Object.hasOwn(element, name) ? element[name] : undefined;
    if (value === undefined || value === null || value === '') return say('it has no {name}', { name });
    if (typeof value !== 'string') return say('its {name} is no text', { name });
    if (value.length > LONGEST_ID) return say('its {name} is longer than {n} letters', { name, n: LONGEST_ID });
  }
  return isDeep(element) ? say('it is nested more than {n} deep', { n: DEEPEST }) : undefined;
}

/** Without a call for each level: what is too deep would end here too. */
function isDeep(element: object): boolean {
  let level: object[] = [element];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEEPEST) return true;
    level = level.flatMap((each) => Object.values(each as Record<string, unknown>).filter((value): value is object => typeof value === 'object' && value !== null));
  }
  return false;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
