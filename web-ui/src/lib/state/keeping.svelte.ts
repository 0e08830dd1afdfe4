// The draft is kept in this browser after each edit, and comes back when the page does. Of several tabs one keeps it: the
// others say so, and overwrite nothing.

import { ask } from '../api/client';
import { forgetDraft, keepDraft, readDraft, type KeptDraft, type WhyNot, type Whose } from '../doc/drafts';
import { same, type Item } from '../doc/item';
import type { Types } from '../doc/types';
import { t } from '../i18n/i18n.svelte';
import type { Base, Draft } from './draft.svelte';
import { become } from './follow';
import { fetchRevision } from './running';
import { Tabs } from './tabs';

const SOON = 700;
const STEPS = 60;

export class Keeping {
  /** Another tab of this browser has the draft. */
  elsewhere = $state(false);
  /** Why the draft is not kept, where it is not. */
  trouble = $state('');
  /** When the draft was kept that has come back. */
  restored = $state<number | undefined>();
  #draft: Draft;
  #types: () => Types;
  #whose: Whose = { origin: '', user: '' };
  #tabs: Tabs | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(draft: Draft, types: () => Types) {
    this.#draft = draft;
    this.#types = types;
  }

  /** Begins from what runs, or from the draft of before where there is one that another tab does not have. */
  async begin(user: string, base: Base): Promise<void> {
    this.#whose = { origin: location.origin, user };
    this.#tabs = new Tabs(user, {
      taken: () => (this.elsewhere = true),
      freed: () => void this.#freed(),
    });
    const kept = await readDraft(this.#whose);
    const isThere = kept !== undefined && !sameItems(kept.items, base.items);
    this.elsewhere = isThere && !(await this.#tabs.hold());
    if (isThere && !this.elsewhere) await this.#restore(kept, base);
    else this.#draft.begin(base);
    this.#draft.doc.onChange(() => this.#soon());
    $effect.root(() => {
      $effect(() => {
        void this.#draft.base;
        this.#soon();
      });
    });
    // Whoever closes the page loses nothing of the last moment.
    document.addEventListener('visibilitychange', () => document.hidden && void this.#keep());
    addEventListener('pagehide', () => this.#tabs?.free());
  }

  /** This tab keeps the draft from now on: that of the other tab, or, where this one has changes and they are to stay, its own. */
  async takeOver(which: 'here' | 'other' = 'other'): Promise<void> {
    this.#tabs?.take();
    this.elsewhere = false;
    const kept = which === 'other' ? await readDraft(this.#whose) : undefined;
    // What was here comes back by undo.
    if (kept && this.#draft.isDirty) become(this.#draft, kept.items, t('The draft of the other tab'));
    else if (kept) await this.#restore(kept, this.#draft.base);
    await this.#keep();
  }

  /** The tab with the draft has gone. Where it leaves one that is not deployed, a person says which of the two goes on. */
  async #freed(): Promise<void> {
    const kept = await readDraft(this.#whose);
    if (kept && !sameItems(kept.items, this.#draft.base.items)) return;
    this.elsewhere = false;
    this.#soon();
  }

  async #restore(kept: KeptDraft, base: Base): Promise<void> {
    // Where somebody has deployed meanwhile, the draft still knows what it began from: so both can be put together.
    this.#draft.setBase(kept.rev === base.rev ? base : await beganFrom(kept, base));
    this.#draft.doc.load(kept.items, kept.steps);
    this.restored = kept.at;
  }

  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#keep(), SOON);
  }

  async #keep(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.elsewhere || !this.#tabs) return;
    if (!this.#draft.isDirty) {
      if (!this.#tabs.holds) return;
      await forgetDraft(this.#whose);
      this.#tabs.free();
      return;
    }
    if (!(await this.#tabs.hold())) {
      this.elsewhere = true;
      return;
    }
    const { base, doc } = this.#draft;
    const kept = await keepDraft(this.#whose, { rev: base.rev, number: base.number, items: doc.items(), steps: doc.steps(STEPS) }, this.#types());
    this.trouble = kept.kept ? '' : inWords(kept.why);
  }
}

async function beganFrom(kept: KeptDraft, base: Base): Promise<Base> {
  try {
    const [{ rev }, items] = await Promise.all([fetchRevision(kept.number), ask<readonly Item[]>(`/api/v1/revisions/${kept.number}/flows`)]);
    // A gateway that was set up anew counts from the start: what it has under that number is something else.
    if (rev !== kept.rev) return base;
    return { items, rev: kept.rev, number: kept.number };
  } catch {
    // It is too old and gone, or cannot be asked for now: all that differs from what runs is shown as a change. It still counts as begun from
    // there, so that the gateway does not take it for a draft of what others have deployed since.
    return { items: base.items, rev: kept.rev, number: kept.number };
  }
}

function inWords(why: WhyNot): string {
  switch (why) {
    case 'full':
      return t('The draft is not kept in this browser: there is no room left for it. Deploy before you close the page.');
    case 'newer':
      return t('The draft is not kept in this browser: a newer version of this page has been here. Deploy before you close the page.');
    case 'nothing':
      return t('The draft is not kept in this browser: a private window, or its settings, do not allow it. Deploy before you close the page.');
  }
}

const sameItems = (a: readonly Item[], b: readonly Item[]): boolean => a.length === b.length && a.every((item, n) => same(item, b[n]));
