// All that is wrong: in the draft, as this page and the gateway find it, and with what runs. One list, and nothing in it twice.

import { ask, Fault, toldOf, type Schemas } from '../api/client';
import type { NodeTypes } from '../api/node-types';
import { check } from '../doc/check';
import type { FlowDoc } from '../doc/flow-doc';
import { t } from '../i18n/i18n.svelte';
import { documentId } from './document-id';
import { newcomer } from './newcomers.svelte';
import { merged, ofGateway, ofRunning, ofStore, type Problem, type Trouble } from './problem';
import type { LiveApi, Told } from './types';

export type { Problem } from './problem';

/** After the last edit: somebody who types is not asked about each letter. */
const LOOK_AFTER = 200;
const ASK_AFTER = 800;
/** The gateway takes 5 MB. */
const LARGEST = 4_500_000;
const MOST_TROUBLES = 500;
const NONE: readonly Problem[] = [];

export interface Editing {
  readonly live: LiveApi;
  readonly draft: { readonly doc: FlowDoc };
  readonly session: { may(permission: 'deploy'): boolean };
  readonly types: NodeTypes;
}

export class Problems {
  all = $state.raw<readonly Problem[]>([]);
  /** Why the gateway could not be asked about the draft; empty when it was. */
  trouble = $state('');
  /** The gateway has not answered yet about the last edit. */
  checking = $state(false);
  #byNode = $state.raw<ReadonlyMap<string, readonly Problem[]>>(new Map());
  #byRunning = $state.raw<ReadonlyMap<string, Schemas['NodeTrouble']>>(new Map());
  #editing: Editing;
  #seen: readonly Problem[] = [];
  #verdict: readonly Problem[] = [];
  #running: readonly Schemas['NodeTrouble'][] = [];
  /** When they were told, by the gateway's clock. */
  #runningAt = 0;
  #troubles = new Map<string, Trouble>();
  #store = '';
  #timers: ReturnType<typeof setTimeout>[] = [];
  #asked: AbortController | undefined;

  constructor(editing: Editing) {
    this.#editing = editing;
    const { live, draft } = editing;
    draft.doc.onChange(() => this.#edited());
    live.want({ problems: true });
    live.on('problems', (told) => {
      this.#running = (told.nodes ?? []) as Schemas['NodeTrouble'][];
      this.#runningAt = live.now();
      this.#settle();
    });
    live.on('trouble', (told) => this.#troubled(told));
    live.on('deploy', () => {
      this.#troubles.clear();
      void this.#askRunning();
    });
    live.on('back', () => {
      void this.#askRunning();
      // What could not be asked while the gateway was away.
      if (this.trouble) void this.#ask();
    });
    void this.#askRunning();
    this.#lookSoon();
  }

  /** Of a node as it stands in the document, and of the same node as it runs. */
  of(id: string): readonly Problem[] {
    return this.#byNode.get(id) ?? NONE;
  }

  /** Whether a node runs as it should: undefined when it does. */
  running(id: string): Schemas['NodeTrouble'] | undefined {
    return this.#byRunning.get(id);
  }

  /** Since when the other side of a node has been away, by the gateway's clock: undefined when it is there. */
  awaySince(id: string): number | undefined {
    const trouble = this.#byRunning.get(id);
    return trouble?.state === 'away' && typeof trouble.away_ms === 'number' ? this.#runningAt - trouble.away_ms : undefined;
  }

  /** Asks the gateway anew about everything. */
  async again(): Promise<void> {
    await Promise.all([this.#ask(), this.#askRunning()]);
  }

  #edited(): void {
    this.#lookSoon();
    if (this.#editing.session.may('deploy')) this.checking = true;
  }

  /** Changes no signal: whoever reads how many problems there are may be the first to want them. */
  #lookSoon(): void {
    this.#timers.forEach(clearTimeout);
    this.#asked?.abort();
    this.#timers = [setTimeout(() => this.#lookAtDraft(), LOOK_AFTER), setTimeout(() => void this.#ask(), ASK_AFTER)];
  }

  #lookAtDraft(): void {
    const { draft, types } = this.#editing;
    // Before the types are known every node would be of an unknown one.
    this.#seen = types.all.length > 0 ? check(draft.doc, types, t).map((found) => ({ ...found, from: 'draft' })) : [];
    // What the gateway has said is about the document as it was; what is gone from it is wrong no more.
    this.#verdict = this.#verdict.filter(({ node }) => node === undefined || draft.doc.has(node));
    this.#settle();
  }

  async #ask(): Promise<void> {
    const { draft, session } = this.#editing;
    this.#asked?.abort();
    if (!session.may('deploy')) {
      this.checking = false;
      return;
    }
    const asked = new AbortController();
    this.#asked = asked;
    const items = draft.doc.items();
    try {
      if (JSON.stringify(items).length > LARGEST) throw new Fault({ status: 413, message: t('the flows are too large for the gateway') });
      const verdict = await ask<Schemas['Verdict']>('/api/v1/validate', { method: 'POST', body: items, signal: asked.signal });
      if (this.#asked !== asked) return;
      this.#verdict = verdict.problems.map((problem) => ofGateway(problem, items));
      this.trouble = '';
    } catch (error) {
      if (asked.signal.aborted) return;
      this.trouble = toldOf(error);
    }
    this.checking = false;
    this.#settle();
  }

  /** What the socket does not tell: the disk, and for those who may not deploy what is wrong with the flows that run. */
  async #askRunning(): Promise<void> {
    try {
      const { flows, nodes, store } = await ask<Schemas['Problems']>('/api/v1/problems');
      this.#running = nodes;
      this.#runningAt = this.#editing.live.now();
      this.#store = store ?? '';
      if (!this.#editing.session.may('deploy')) this.#verdict = flows.map((problem) => ofGateway(problem, this.#editing.draft.doc.items()));
      this.#settle();
    } catch {
      // The socket tells it when the gateway is there again.
    }
  }

  #troubled(told: Told): void {
    const id = String(told.node);
    const before = this.#troubles.get(id);
    if (!before && this.#troubles.size >= MOST_TROUBLES) return;
    const count = Number(told.count) + (before && before.kind === told.kind ? before.count : 0);
    this.#troubles.set(id, { id, name: String(told.name), kind: String(told.kind), count, text: String(told.text ?? ''), at: this.#editing.live.now() });
    this.#settle();
  }

  #settle(): void {
    const document = (id: string): string => documentId(this.#editing.draft.doc, id);
    this.all = [...ofStore(this.#store), ...merged(this.#verdict, this.#seen), ...ofRunning(this.#running, this.#troubles, document)];
    const byNode = new Map<string, Problem[]>();
    for (const problem of this.all) {
      if (problem.node === undefined) continue;
      const known = byNode.get(problem.node);
      if (known) known.push(problem);
      else byNode.set(problem.node, [problem]);
    }
    this.#byNode = byNode;
    this.#byRunning = new Map(this.#running.map((trouble) => [trouble.id, trouble]));
  }
}

const all = new WeakMap<LiveApi, Problems>();

/** The problems of an editor: made when they are wanted first, and kept up to date from then on. */
export function problemsIn(editing: Editing): Problems {
  let problems = all.get(editing.live);
  if (!problems) all.set(editing.live, (problems = newcomer(new Problems(editing))));
  return problems;
}
