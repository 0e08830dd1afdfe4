// The draft is kept in this browser, so that a closed page or a dead battery loses nothing. Without secrets: those are never kept.

import type { Item } from './item';
import type { KeptStep, Patch } from './flow-doc';
import { withoutSecrets } from './secrets';
import type { Types } from './types';

export interface KeptDraft {
  /** The revision that it began from. */
  readonly rev: string;
  readonly number: number;
  readonly items: readonly Item[];
  /** The newest steps that can be undone. */
  readonly steps: readonly KeptStep[];
  /** When it was kept, by this browser's clock. */
  readonly at: number;
}

/** Whose draft it is: one for each gateway and each person. */
export interface Whose {
  readonly origin: string;
  readonly user: string;
}

/** Why it could not be kept: there is no room, a newer version of this page has been here, or the browser keeps nothing. */
export type WhyNot = 'full' | 'newer' | 'nothing';
export type Kept = { readonly kept: true } | { readonly kept: false; readonly why: WhyNot };

const DATABASE = 'tidegate';
const STORE = 'drafts';
const VERSION = 1;
const MOST_STEPS = 100;
/** A browser that does not answer must not hold up the page. */
const PATIENCE = 5_000;

const keyOf = ({ origin, user }: Whose): string => JSON.stringify([origin, user]);

export async function keepDraft(whose: Whose, draft: Omit<KeptDraft, 'at'>, types: Types): Promise<Kept> {
  const clean = cleaner(types);
  const steps = draft.steps.slice(-MOST_STEPS).map((step) => ({
    label: step.label,
    parts: step.parts.map((part) => part.map((patch) => ({ ...patch, before: patch.before && clean(patch.before), after: patch.after && clean(patch.after) }))),
  }));
  const kept: KeptDraft = { rev: draft.rev, number: draft.number, items: draft.items.map(clean), steps, at: Date.now() };
  const put = (value: KeptDraft): Promise<unknown> => within((store) => store.put(value, keyOf(whose)), 'readwrite');
  try {
    try {
      await put(kept);
    } catch (error) {
      // The draft is worth more than what can be undone in it.
      if (!isFull(error) || steps.length === 0) throw error;
      await put({ ...kept, steps: [] });
    }
    return { kept: true };
  } catch (error) {
    return { kept: false, why: whyNot(error) };
  }
}

/** What was kept; nothing where there is none, or it cannot be read. */
export async function readDraft(whose: Whose): Promise<KeptDraft | undefined> {
  try {
    const found: unknown = await within((store) => store.get(keyOf(whose)), 'readonly');
    return draftOf(found);
  } catch {
    // A private window has nothing kept; that is said when something is to be kept.
    return undefined;
  }
}

export async function forgetDraft(whose: Whose): Promise<void> {
  try {
    await within((store) => store.delete(keyOf(whose)), 'readwrite');
  } catch {
    // Where nothing can be kept there is nothing to forget.
  }
}

/** One item is often in many steps: each is gone over once. */
function cleaner(types: Types): (item: Item) => Item {
  const known = new Map<Item, Item>();
  return (item) => {
    let clean = known.get(item);
    if (!clean) known.set(item, (clean = withoutSecrets(item, types)));
    return clean;
  };
}

/** It may be of another version of this page: what can be used of it is. */
function draftOf(found: unknown): KeptDraft | undefined {
  if (!isObject(found)) return undefined;
  const { rev, number, items, steps, at } = found;
  if (typeof rev !== 'string' || typeof number !== 'number' || typeof at !== 'number' || !Array.isArray(items) || !items.every(isItem)) return undefined;
  // A step that cannot be gone back would break those before it too.
  return { rev, number, at, items, steps: Array.isArray(steps) && steps.every(isStep) ? steps : [] };
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isItem = (value: unknown): value is Item => isObject(value) && typeof value.id === 'string' && typeof value.type === 'string';
const isStep = (value: unknown): value is KeptStep =>
  isObject(value) && typeof value.label === 'string' && Array.isArray(value.parts) && value.parts.length > 0 && value.parts.every((part: unknown) => Array.isArray(part) && part.every(isPatch));

function isPatch(value: unknown): value is Patch {
  if (!isObject(value) || typeof value.id !== 'string') return false;
  const { id, before, after, at, was } = value;
  const isOfIt = (item: unknown): boolean => item === undefined || (isItem(item) && item.id === id);
  const isPlace = (place: unknown): boolean => typeof place === 'number' && Number.isInteger(place) && place >= 0;
  return (before !== undefined || after !== undefined) && isOfIt(before) && isOfIt(after) && isPlace(at) && (was === undefined || isPlace(was));
}

const nameOf = (error: unknown): string => (error instanceof Error || error instanceof DOMException ? error.name : '');
const isFull = (error: unknown): boolean => nameOf(error) === 'QuotaExceededError';
const whyNot = (error: unknown): WhyNot => (isFull(error) ? 'full' : nameOf(error) === 'VersionError' ? 'newer' : 'nothing');

async function within<Answer>(work: (store: IDBObjectStore) => IDBRequest<Answer>, mode: IDBTransactionMode): Promise<Answer> {
  const database = await open();
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      // Only when the transaction is through has it been written.
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? new Error('nothing was written'));
      transaction.onerror = () => reject(transaction.error ?? new Error('nothing was written'));
    });
  } finally {
    database.close();
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    if (typeof indexedDB === 'undefined') return reject(new Error('there is no IndexedDB'));
    // Some browsers throw here, and some never answer.
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      reject(new Error('the browser has not answered'));
    }, PATIENCE);
    const request = indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = () => void request.result.createObjectStore(STORE);
    request.onsuccess = () => {
      clearTimeout(late);
      // Nobody waits for it any more, and open it would stand in the way of others.
      if (isLate) request.result.close();
      else resolve(request.result);
    };
    request.onblocked = request.onerror = () => {
      clearTimeout(late);
      reject(request.error ?? new Error('another page holds it'));
    };
  });
}
