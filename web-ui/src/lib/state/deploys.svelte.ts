// Deploys as this page sees them: what is not deployed yet, what is on probation, what others have deployed meanwhile, and
// what came of a deploy whose answer was lost.

import { ask, Fault, type Schemas } from '../api/client';
import { isLayout, same, type Item } from '../doc/item';
import { t } from '../i18n/i18n.svelte';
import type { LiveApi } from '../live/types';
import { become, followed } from './follow';
import { fetchBase, fetchRevision, isLost } from './running';
import { progressOf, type Watch } from './watch';
import type { Base, Draft } from './draft.svelte';
import type { Notices } from './notices.svelte';
import type { Session } from './session.svelte';

export interface Order {
  readonly type: 'nodes' | 'flows' | 'full';
  readonly why: string;
  /** What the revision is called; most have no name. */
  readonly name?: string;
  /** Seconds. */
  readonly probation: number;
  readonly confirm: boolean;
}

/** Somebody else's revision, while the draft has changes. */
export interface Theirs extends Base {
  readonly who: string;
  readonly why: string;
  readonly wallMs: number;
}

interface Unknown {
  readonly items: readonly Item[];
  readonly base: Base;
  readonly order: Order;
}

/** A deploy may close connections that take their time. */
const PATIENCE = 180_000;
const ASK_AGAIN = 4_000;

export class Deploys {
  running = $state(false);
  watch = $state.raw<Watch | undefined>();
  theirs = $state.raw<Theirs | undefined>();
  takenBack = $state.raw<{ readonly number: number; readonly to: number; readonly reason: string } | undefined>();
  unknown = $state.raw<Unknown | undefined>();
  last = $state.raw<Schemas['Deployed'] | undefined>();
  #draft: Draft;
  #notices: Notices;
  #session: Session;
  #live: LiveApi;
  #news: Schemas['LiveDeploy'] | undefined;
  #isFollowing = false;
  #again: ReturnType<typeof setTimeout> | undefined;
  #askedOnce = false;
  #isResolving = false;

  constructor(draft: Draft, live: LiveApi, notices: Notices, session: Session) {
    this.#draft = draft;
    this.#notices = notices;
    this.#session = session;
    this.#live = live;
    live.on('hello', (told) => this.#heard(told.deploy as Schemas['LiveDeploy']));
    live.on('deploy', (told) => this.#heard(told as unknown as Schemas['LiveDeploy']));
  }

  /** Ids of what is otherwise than what runs. Unchanged items are the same objects, so this is quick. */
  readonly changed: readonly string[] = $derived.by(() => {
    void this.#draft.version;
    const before = new Map(this.#draft.base.items.map((item) => [item.id, item]));
    const changed: string[] = [];
    for (const item of this.#draft.doc.items()) {
      if (!same(item, before.get(item.id))) changed.push(item.id);
      before.delete(item.id);
    }
    return [...changed, ...before.keys()];
  });

  /** Only how it looks is otherwise: deploying it restarts nothing. */
  readonly isLayoutOnly: boolean = $derived.by(() => {
    const before = new Map(this.#draft.base.items.map((item) => [item.id, item]));
    return this.#draft.isDirty && this.changed.every((id) => onlyLooks(before.get(id), this.#draft.doc.get(id)));
  });

  async deploy(order: Order): Promise<Schemas['Deployed']> {
    const { base, doc } = this.#draft;
    const items = doc.items();
    this.running = true;
    this.takenBack = undefined;
    try {
      const { type, why, name, probation, confirm } = order;
      const answer = await ask<Schemas['Deployed']>('/api/v1/deploy', {
        method: 'POST',
        query: { type, seen: base.rev, why, name: name || undefined, probation, confirm },
        body: items,
        patience: PATIENCE,
      });
      await this.#landed(answer.revision, items, order);
      this.last = answer;
      return answer;
    } catch (error) {
      if (isLost(error)) this.#lost({ items, base, order });
      if (error instanceof Fault && error.code === 'version_mismatch') await this.#learnTheirs();
      throw error;
    } finally {
      this.running = false;
      this.#followNews();
    }
  }

  /** What ran before the revision on probation runs again. Whoever made it has it as a draft, and mends it there. */
  async takeBack(): Promise<void> {
    const number = this.watch?.number;
    if (number === undefined) return;
    const { revisions } = await ask<Schemas['Revisions']>('/api/v1/revisions', { query: { before: number, limit: 50 } });
    const good = revisions.find((revision) => revision.standing === 'good');
    if (!good) throw new Fault({ status: 0, code: 'no_good', message: t('no earlier revision is known to be good') });
    await this.rollBack(good.number, t('revision {number} taken back by hand', { number }), 0, { keepsDraft: this.#isMine(number) });
  }

  /** Makes an earlier revision the newest. A draft stays as it is. */
  async rollBack(number: number, why: string, probation: number, { keepsDraft = false } = {}): Promise<Schemas['Deployed']> {
    this.running = true;
    try {
      const answer = await ask<Schemas['Deployed']>(`/api/v1/revisions/${number}/rollback`, { method: 'POST', query: { why, probation }, patience: PATIENCE });
      const stays = keepsDraft || this.#draft.isDirty;
      this.#watched(answer.revision, { type: 'nodes', why, probation, confirm: false });
      const base = await fetchBase();
      if (stays) this.#draft.setBase(base);
      else followed(this.#draft, base, t('Back to revision {number}', { number }));
      return answer;
    } finally {
      this.running = false;
      this.#followNews();
    }
  }

  /** Whoever deployed it still reaches the gateway. */
  async keep(): Promise<void> {
    const watch = this.watch;
    if (!watch) return;
    await ask(`/api/v1/revisions/${watch.number}/confirm`, { method: 'POST' });
    this.watch = { ...watch, isConfirmed: true };
  }

  /** Both put together, as a step that can be undone; the next deploy has seen theirs. One that has come since then still waits. */
  mergeInto(theirs: Theirs, items: readonly Item[]): void {
    become(this.#draft, items, t('Put together with revision {number}', { number: theirs.number }));
    this.#draft.setBase(theirs);
    if (this.theirs?.rev === theirs.rev) this.theirs = undefined;
    this.#followNews();
  }

  /** The draft becomes theirs. What it was comes back by undo. */
  takeTheirs(): void {
    const theirs = this.theirs;
    if (!theirs) return;
    this.theirs = undefined;
    followed(this.#draft, theirs, t('Revision {number} of {who}', { number: theirs.number, who: theirs.who }));
    this.#followNews();
  }

  #heard(news: Schemas['LiveDeploy']): void {
    this.#news = news;
    if (this.watch?.number === news.number && news.probation) this.watch = { ...this.watch, ...progressOf(news.probation, this.#live.now()) };
    if (this.unknown) void this.#resolve();
    else this.#followNews();
  }

  #followNews(): void {
    if (this.#isFollowing || this.running || this.unknown || !this.#news || this.#draft.base.rev === '') return;
    this.#isFollowing = true;
    void this.#followAll().finally(() => (this.#isFollowing = false));
  }

  /** News may come while one is followed: the last word counts. */
  async #followAll(): Promise<void> {
    let done: Schemas['LiveDeploy'] | undefined;
    while (this.#news && this.#news !== done && !this.running && !this.unknown) {
      done = this.#news;
      await this.#follow(done).catch((error: unknown) => this.#notices.wrong(error));
    }
  }

  async #follow(news: Schemas['LiveDeploy']): Promise<void> {
    const { base } = this.#draft;
    // The answer to a deploy may be here before its news are: then this was said before, and nothing was taken back.
    if (news.number < base.number && (await fetchBase()).rev === base.rev) return;
    this.#judged(news);
    if (news.rev === base.rev || news.rev === this.theirs?.rev) {
      if (news.standing === 'probation' && this.watch?.number !== news.number) this.#watched(await fetchRevision(news.number));
    } else if (news.number < base.number) {
      const isMine = this.#isMine(base.number);
      this.takenBack = { number: base.number, to: news.number, reason: news.reason ?? '' };
      const now = await fetchBase();
      // What did not get healthy is what the draft of whoever made it says: they mend it there.
      if (isMine || this.#draft.isDirty) this.#draft.setBase(now);
      else followed(this.#draft, now, t('Back to revision {number}', { number: now.number }));
    } else await this.#learnTheirs();
  }

  #isMine(number: number): boolean {
    return this.last?.revision.number === number || (this.watch?.number === number && this.watch.isMine);
  }

  async #learnTheirs(): Promise<void> {
    const base = await fetchBase();
    if (base.rev === this.#draft.base.rev) return;
    const revision = await fetchRevision(base.number);
    if (revision.standing === 'probation') this.#watched(revision);
    if (this.#draft.isDirty) {
      this.theirs = { ...base, who: revision.who, why: revision.why, wallMs: revision.wall_ms };
    } else followed(this.#draft, base, t('Revision {number} of {who}', { number: base.number, who: revision.who }));
  }

  /** What a probation has come to. */
  #judged({ number, standing }: Schemas['LiveDeploy']): void {
    const watch = this.watch;
    if (!watch) return;
    if (watch.number === number && standing === 'good') this.#notices.say(t('Revision {number} has proved good.', { number }));
    if (watch.number !== number || standing !== 'probation') this.watch = undefined;
  }

  #watched(revision: Schemas['Revision'], order?: Order): void {
    if (revision.standing !== 'probation') {
      this.watch = undefined;
      return;
    }
    const { number, who } = revision;
    const ordered = order && { endsMs: revision.wall_ms + order.probation * 1_000, needsWord: order.confirm };
    const told = this.#news?.number === number ? progressOf(this.#news.probation, this.#live.now()) : {};
    this.watch = { number, who, isMine: order !== undefined || who === this.#session.who?.name, ...ordered, ...told };
  }

  async #landed(revision: Schemas['Revision'], sent: readonly Item[], order: Order): Promise<void> {
    this.theirs = undefined;
    this.#watched(revision, order);
    // Until the gateway has told how it keeps it, what was sent counts as what runs.
    let base: Base = { items: sent, rev: revision.rev, number: revision.number };
    try {
      const now = await fetchBase();
      if (now.rev === base.rev) base = now;
    } catch {
      // It has been deployed all the same.
    }
    this.#draft.setBase(base);
    forgetSecrets(this.#draft, sent, base.items);
  }

  #lost(unknown: Unknown): void {
    this.unknown = unknown;
    this.#askedOnce = false;
    this.#again = setTimeout(() => void this.#resolve(), ASK_AGAIN);
  }

  /** Whether a deploy has arrived whose answer has not. */
  async #resolve(): Promise<void> {
    const unknown = this.unknown;
    if (!unknown || this.#isResolving) return;
    clearTimeout(this.#again);
    this.#isResolving = true;
    const { base, items, order } = unknown;
    try {
      const now = await fetchBase();
      const { revisions } = await ask<Schemas['Revisions']>('/api/v1/revisions', { query: { limit: 50 } });
      const me = this.#session.who?.name;
      const mine = revisions.find((one) => one.number > base.number && one.who === me && one.via === 'api' && one.why === order.why);
      if (!mine && now.rev === base.rev && !this.#askedOnce) {
        // It may still be on its way.
        this.#askedOnce = true;
        this.#again = setTimeout(() => void this.#resolve(), ASK_AGAIN);
        return;
      }
      this.unknown = undefined;
      if (!mine) this.#notices.wrong(new Error(t('The deploy has not arrived, and nothing was changed. Your draft is still here: deploy it again.')));
      else if (mine.standing === 'failed') {
        this.takenBack = { number: mine.number, to: now.number, reason: mine.reason ?? '' };
        this.#draft.setBase(now);
      } else {
        await this.#landed(mine, items, order);
        this.#notices.say(t('The deploy has arrived: it is revision {number}.', { number: mine.number }));
      }
      this.#followNews();
    } catch {
      this.#again = setTimeout(() => void this.#resolve(), ASK_AGAIN);
    } finally {
      this.#isResolving = false;
    }
  }
}

function onlyLooks(before: Item | undefined, after: Item | undefined): boolean {
  if (!before || !after) return false;
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].every((name) => isLayout(name) || same(before[name], after[name]));
}

/** A secret that has been deployed stays with the gateway: the draft does not hold it any longer. */
function forgetSecrets(draft: Draft, sent: readonly Item[], kept: readonly Item[]): void {
  const before = new Map(sent.map((item) => [item.id, item]));
  const differing = kept.filter((item) => before.has(item.id) && draft.doc.get(item.id) === before.get(item.id) && !same(item, before.get(item.id)));
  if (differing.length > 0) draft.edit(t('Secrets given to the gateway'), (edit) => differing.forEach((item) => edit.put(item)));
}
