// The live socket: one connection for the whole page. It says what all parts together want, and hands out what it is told.

import { ask, Fault, type Schemas } from '../api/client';
import type { Wire } from '../doc/item';
import type { NodeState, WireState } from './signals.svelte';
import { States } from './states';
import type { Back, Connection, LiveApi, LostWhy, Person, Told, Wants } from './types';
import { together, unknownProperty } from './wants';

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;
const BUSY_WAIT = 10_000;
/** A gateway that is asked for a sign of life after so much silence, and is given up after so much more. */
const SILENCE = 20_000;
const PATIENCE = 10_000;
const LOOK_EVERY = 5_000;
/** A page that nobody has seen for so long is told nothing that moves. */
const ASLEEP_AFTER = 10_000;

const CLOSED = { stopping: 1001, notAllowed: 1008, busy: 1013 } as const;

export class Live implements LiveApi {
  connection = $state<Connection>('closed');
  lostSince = $state<number | undefined>();
  lostWhy = $state<LostWhy>('');
  people = $state.raw<readonly Person[]>([]);
  #socket: WebSocket | undefined;
  #wanted = new Set<Wants>();
  #said = '';
  #saying = false;
  #asleep = false;
  #without = new Set<string>();
  #hearers = new Map<string, Set<(told: Told) => void>>();
  #states = new States();
  #ahead = 0;
  #you: unknown;
  #tries = 0;
  #boot: number | undefined;
  #deploy: Schemas['LiveDeploy'] | undefined;
  #heardAt = 0;
  #askedAt = 0;
  #again: ReturnType<typeof setTimeout> | undefined;
  #look: ReturnType<typeof setInterval> | undefined;
  #sleep: ReturnType<typeof setTimeout> | undefined;
  #unfollow: (() => void) | undefined;

  now(): number {
    return Date.now() + this.#ahead;
  }

  start(): void {
    if (this.#socket && this.connection !== 'refused') return;
    this.connection = 'closed';
    this.#follow();
    this.#tries = 0;
    this.#open();
  }

  stop(): void {
    this.#unfollow?.();
    this.#unfollow = undefined;
    clearTimeout(this.#again);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.connection = 'closed';
    this.lostSince = undefined;
    this.#states.still();
    this.people = [];
  }

  want(wants: Wants): () => void {
    this.#wanted.add(wants);
    this.#say();
    return () => {
      if (this.#wanted.delete(wants)) this.#say();
    };
  }

  on(type: string, hear: (told: Told) => void): () => void {
    const hearers = this.#hearers.get(type) ?? new Set();
    this.#hearers.set(type, hearers.add(hear));
    return () => hearers.delete(hear);
  }

  wire(wire: Wire): WireState {
    return this.#states.wire(wire);
  }

  node(id: string): NodeState {
    return this.#states.node(id);
  }

  busyWires(): Iterable<{ key: string; rate: number }> {
    return this.#states.busyWires();
  }

  moves(): void {
    this.#states.showing.moves();
  }

  /** Follows the page: whether it is seen, whether its device has a network, and how time goes by. */
  #follow(): void {
    if (this.#unfollow) return;
    const seen = (): void => this.#seen(document.visibilityState !== 'hidden');
    const online = (): void => this.#atOnce();
    const offline = (): void => {
      if (this.connection !== 'open') this.lostWhy = 'offline';
    };
    document.addEventListener('visibilitychange', seen);
    globalThis.addEventListener('online', online);
    globalThis.addEventListener('offline', offline);
    this.#look = setInterval(() => this.#isThere(), LOOK_EVERY);
    seen();
    this.#unfollow = () => {
      document.removeEventListener('visibilitychange', seen);
      globalThis.removeEventListener('online', online);
      globalThis.removeEventListener('offline', offline);
      clearInterval(this.#look);
      clearTimeout(this.#sleep);
    };
  }

  #seen(isSeen: boolean): void {
    clearTimeout(this.#sleep);
    if (!isSeen) {
      this.#sleep = setTimeout(() => {
        this.#asleep = true;
        this.#states.still();
        this.#say();
      }, ASLEEP_AFTER);
      return;
    }
    if (this.#asleep) {
      this.#asleep = false;
      this.#say();
    }
    this.#atOnce();
  }

  /** There is reason to hope: tries without waiting, or asks whether the connection is still good. */
  #atOnce(): void {
    if (this.#again) {
      this.#tries = 0;
      this.#open();
    } else if (this.connection === 'open' && Date.now() - this.#heardAt > LOOK_EVERY) this.#ping();
  }

  /** A connection can be dead without a word: a cable that was pulled, a laptop that slept. */
  #isThere(): void {
    if (!this.#socket) return;
    const now = Date.now();
    if (this.#askedAt > 0) {
      if (now - this.#askedAt >= PATIENCE) this.#lost(this.#socket, 0);
    } else if (now - this.#heardAt >= SILENCE) this.#ping();
    // Not at the hello: a gateway that says it and hangs up must not be asked twice a second.
    else if (this.connection === 'open') this.#tries = 0;
  }

  #ping(): void {
    this.#askedAt = Date.now();
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send('{"type":"ping"}');
  }

  #open(): void {
    clearTimeout(this.#again);
    this.#again = undefined;
    const before = this.#socket;
    this.#socket = undefined;
    before?.close();
    if (this.connection === 'closed') this.connection = 'connecting';
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/live`);
    this.#socket = socket;
    // Until the gateway has said hello it owes us an answer.
    this.#askedAt = this.#heardAt = Date.now();
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#heard(event.data);
    };
    socket.onclose = (event) => this.#lost(socket, event.code);
  }

  #lost(socket: WebSocket, code: number): void {
    if (this.#socket !== socket) return;
    const wasOpen = this.connection === 'open';
    this.#socket = undefined;
    this.#said = '';
    socket.close();
    this.#states.still();
    this.people = [];
    if (this.lostSince === undefined) {
      this.lostSince = this.now();
      this.#tell({ type: 'lost', at_ms: this.lostSince });
    }
    if (code === CLOSED.stopping) this.lostWhy = 'stopping';
    else if (code === CLOSED.busy) this.lostWhy = 'busy';
    else if (navigator.onLine === false) this.lostWhy = 'offline';
    else if (this.lostWhy !== 'stopping') this.lostWhy = '';
    if (code === CLOSED.notAllowed) this.#refused();
    else {
      if (this.connection !== 'refused') this.connection = 'lost';
      // A handshake that fails does not say why to a page: perhaps nobody is logged in any more.
      if (!wasOpen) void this.#doubt();
    }
    // Not all at once, when a gateway with many watchers comes back.
    const slow = code === CLOSED.busy || code === CLOSED.notAllowed;
    const wait = Math.max(slow ? BUSY_WAIT : 0, Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#tries)) * (0.75 + Math.random() / 2);
    this.#tries += 1;
    this.#again = setTimeout(() => this.#open(), wait);
  }

  async #doubt(): Promise<void> {
    try {
      await ask('/api/v1/session', { patience: PATIENCE });
      if (this.connection === 'refused') this.connection = 'lost';
    } catch (error) {
      if (error instanceof Fault && error.status === 401 && this.connection === 'lost') this.#refused();
    }
  }

  #refused(): void {
    this.connection = 'refused';
    this.#tell({ type: 'refused' });
  }

  #heard(data: unknown): void {
    this.#heardAt = Date.now();
    const told = parsed(data);
    if (!told) return;
    this.#askedAt = 0;
    if (told.type === 'hello') this.#welcome(told);
    else if (told.type === 'wrong') this.#misunderstood(told);
    else if (told.type === 'presence') this.people = others(told.people, this.#you);
    else if (told.type === 'deploy') this.#deploy = told as unknown as Schemas['LiveDeploy'];
    // What comes late, after sleep was wanted, would be drawn for nobody.
    if (!this.#asleep || told.type !== 'metrics') this.#states.hear(told);
    this.#tell(told);
  }

  #welcome(told: Told): void {
    this.#said = '';
    this.#without.clear();
    this.#you = told.you;
    if (typeof told.now_ms === 'number') this.#ahead = told.now_ms - Date.now();
    const [from, deploy, before] = [this.lostSince, told.deploy as Schemas['LiveDeploy'] | undefined, this.#deploy];
    this.connection = 'open';
    this.lostSince = undefined;
    this.lostWhy = '';
    this.#deploy = deploy;
    this.#say();
    void this.#bootOf(told).then((restarted) => {
      if (from === undefined) return;
      const back: Back = { type: 'back', from_ms: from, to_ms: this.now(), restarted, deploy };
      this.#tell(back);
      if (deploy && before && (deploy.number !== before.number || deploy.standing !== before.standing)) this.#tell({ ...deploy, type: 'deploy' });
    });
  }

  /** Whether this is another run of the gateway than the one that was known. */
  async #bootOf(told: Told): Promise<boolean> {
    const before = this.#boot;
    if (typeof told.boot === 'number') this.#boot = told.boot;
    else {
      try {
        this.#boot = (await ask<Schemas['System']>('/api/v1/system', { patience: PATIENCE })).boot;
      } catch {
        return false;
      }
    }
    return before !== undefined && before !== this.#boot;
  }

  /** A gateway that is older than this page refuses what it does not know: it is asked again without it. */
  #misunderstood(told: Told): void {
    const unknown = unknownProperty(String((told.error as Partial<Schemas['Fault']> | undefined)?.message ?? ''));
    if (unknown === undefined || this.#without.has(unknown)) return;
    this.#without.add(unknown);
    this.#say();
  }

  #tell(told: Told): void {
    for (const hear of [...(this.#hearers.get(told.type) ?? [])]) hear(told);
  }

  /** Once for all that changes in one turn, and only when it is something else. */
  #say(): void {
    if (this.#saying) return;
    this.#saying = true;
    queueMicrotask(() => {
      this.#saying = false;
      if (this.connection !== 'open' || this.#socket?.readyState !== WebSocket.OPEN) return;
      const wants = together(this.#wanted, { asleep: this.#asleep, without: this.#without });
      if (!wants.timings) this.#states.untimed();
      const said = JSON.stringify(wants);
      if (said === this.#said) return;
      this.#said = said;
      this.#socket.send(said);
    });
  }
}

/** A message of the gateway; what is none is no reason to stop. */
function parsed(data: unknown): Told | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const told: unknown = JSON.parse(data);
    return typeof told === 'object' && told !== null && typeof (told as Partial<Told>).type === 'string' ? (told as Told) : undefined;
  } catch {
    return undefined;
  }
}

const others = (people: unknown, you: unknown): Person[] =>
  (Array.isArray(people) ? (people as Person[]) : []).map((person) => ({ ...person, id: String(person.id) })).filter(({ id }) => id !== String(you));
