// The draft is kept in this browser, so that a closed page or a dead battery loses nothing. Without secrets: those are never kept.

import type { Item } from './item';
import type { KeptStep } from './flow-doc';
import { withoutSecrets } from './secrets';
import type { Types } from './types';
import { english, type Say } from './words';

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

/** What came of it: `kept`, or why not, for a person. */
export type Kept = { readonly kept: true } | { readonly kept: false; readonly why: string };

const DATABASE = 'tidegate';
const STORE = 'drafts';
const VERSION = 1;
const MOST_STEPS = 100;
/** A browser that does not answer must not hold up the page. */
const PATIENCE = 5_000;

const keyOf = ({ origin, user }: Whose): string => JSON.stringify([origin, user]);

export async function keepDraft(whose: Whose, draft: Omit<KeptDraft, 'at'>, types: Types, say: Say = english): Promise<Kept> {
  const clean = cleaner(types);
  const steps = draft.steps.slice(-MOST_STEPS).map((step) => ({
    label: step.label,
    parts: step.parts.map((part) => part.map((patch) => ({ ...patch, before: patch.before && clean(patch.before), after: patch.after && clean(patch.after) }))),
  }));
  const kept: KeptDraft = { rev: draft.rev, number: draft.number, items: draft.items.map(clean), steps, at: Date.now() };
  try {
    await within((store) => store.put(kept, keyOf(whose)), 'readwrite');
    return { kept: true };
  } catch (error) {
    return { kept: false, why: whyNot(error, say) };
  }
}

/** What was kept; nothing where there is none, or it cannot be read. */
export async function readDraft(whose: Whose): Promise<KeptDraft | undefined> {
  try {
    const found: unknown = await within((store) => store.get(keyOf(whose)), 'readonly');
    return isDraft(found) ? found : undefined;
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

/** It may be of another version of this page. */
function isDraft(found: unknown): found is KeptDraft {
  if (typeof found !== 'object' || found === null) return false;
  const { rev, number, items, steps, at } = found as Record<string, unknown>;
  const isItem = (item: unknown): boolean => typeof item === 'object' && item !== null && typeof (item as Item).id === 'string' && typeof (item as Item).type === 'string';
  const isStep = (step: unknown): boolean => typeof step === 'object' && step !== null && Array.isArray((step as KeptStep).parts) && (step as KeptStep).parts.every((part) => Array.isArray(part));
  return typeof rev === 'string' && typeof number === 'number' && typeof at === 'number' && Array.isArray(items) && items.every(isItem) && Array.isArray(steps) && steps.every(isStep);
}

function whyNot(error: unknown, say: Say): string {
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  if (name === 'QuotaExceededError') return say('the draft is not kept in this browser: there is no room left for it');
  return say('the draft is not kept in this browser: a private window, or its settings, do not allow it. Deploy before you close the page');
}

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
    const late = setTimeout(() => reject(new Error('the browser has not answered')), PATIENCE);
    const request = indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = () => void request.result.createObjectStore(STORE);
    request.onsuccess = () => {
      clearTimeout(late);
      resolve(request.result);
    };
    request.onblocked = request.onerror = () => {
      clearTimeout(late);
      reject(request.error ?? new Error('another page holds it'));
    };
  });
}
