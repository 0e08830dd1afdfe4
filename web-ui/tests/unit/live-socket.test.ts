import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { Live } from '../../src/lib/live/live.svelte';
import type { Told } from '../../src/lib/live/types';
import { together } from '../../src/lib/live/wants';

class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  static get last(): FakeSocket {
    return FakeSocket.all.at(-1)!;
  }
  readyState = 1;
  said: Record<string, unknown>[] = [];
  onmessage: ((event: { data: unknown }) => void) | undefined;
  onclose: ((event: { code: number }) => void) | undefined;
  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }
  send(text: string): void {
    this.said.push(JSON.parse(text) as Record<string, unknown>);
  }
  close(): void {
    this.readyState = 3;
  }
  tell(told: unknown): void {
    this.onmessage?.({ data: typeof told === 'string' ? told : JSON.stringify(told) });
  }
  cut(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

const page = new EventTarget() as EventTarget & { visibilityState: string };
const globals = new EventTarget();
let answer: (url: URL) => Response;
let live: Live;

const hello = (more: object = {}) => ({ type: 'hello', version: 2, gateway: '1', boot: 7, now_ms: Date.now(), deploy: { number: 4, rev: 'r4', standing: 'good' }, ...more });
const turn = () => vi.advanceTimersByTimeAsync(0);
const heard = (type: string) => {
  const all: Told[] = [];
  live.on(type, (told) => all.push(told));
  return all;
};

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  FakeSocket.all = [];
  page.visibilityState = 'visible';
  answer = () => Response.json({ boot: 7 });
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.stubGlobal('document', page);
  vi.stubGlobal('location', { protocol: 'http:', host: 'gateway:1880', origin: 'http://gateway:1880' });
  vi.stubGlobal('navigator', { onLine: true });
  vi.stubGlobal('fetch', (url: URL) => Promise.resolve(answer(url)));
  vi.stubGlobal('addEventListener', globals.addEventListener.bind(globals));
  vi.stubGlobal('removeEventListener', globals.removeEventListener.bind(globals));
  live = new Live();
  live.start();
});

afterEach(() => {
  live.stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function open(more: object = {}): Promise<FakeSocket> {
  FakeSocket.last.tell(hello(more));
  await turn();
  return FakeSocket.last;
}

test('what all want is said once a turn, and only when it is something else', async () => {
  live.want({ metrics: true, flows: ['a'] });
  const release = live.want({ debug: true, flows: ['b'], taps: ['n'], wireTaps: [{ from: 'n', port: 0, to: 'm' }] });
  expect(FakeSocket.last.said).toEqual([]);
  const socket = await open();
  expect(socket.said).toEqual([{ type: 'watch', metrics: true, debug: true, flows: ['a', 'b'], taps: ['n'], wire_taps: [{ from: 'n', port: 0, to: 'm' }] }]);
  live.want({ metrics: true });
  await turn();
  expect(socket.said).toHaveLength(1);
  release();
  release();
  await turn();
  expect(socket.said).toHaveLength(2);
  expect(socket.said[1]).toEqual({ type: 'watch', metrics: true, flows: ['a'] });
});

test('a list that the gateway would refuse is left out, and taps are bounded', () => {
  const many = Array.from({ length: 4_900 }, (_, n) => `node-with-a-long-id-${n}`);
  const said = together([{ nodes: many, metrics: true, taps: many }]);
  expect(said.nodes).toBeUndefined();
  expect(said.taps).toHaveLength(20);
  expect(JSON.stringify(said).length).toBeLessThan(64 * 1024);
});

test('a gateway that is older is asked without what it does not know', async () => {
  live.want({ metrics: true, queues: true, timings: true });
  const socket = await open();
  socket.tell({ type: 'wrong', error: { code: 'bad_message', message: 'this cannot be understood: unknown field `queues`, expected one of `flows`' } });
  await turn();
  socket.tell({ type: 'wrong', error: { code: 'bad_message', message: 'this cannot be understood: unknown field `timings`, expected one of `flows`' } });
  await turn();
  expect(socket.said.at(-1)).toEqual({ type: 'watch', metrics: true });
  expect(socket.said).toHaveLength(3);
});

test('rates are smooth, and come to rest at nothing', async () => {
  const socket = await open();
  const wire = { from: 'a', port: 0, to: 'b' };
  // The wire leads to a node that is not watched.
  socket.tell({ type: 'legend', nodes: ['z', 'a', 'b'], wires: [[0, 0, 1], [1, 0, 2]] });
  const metrics = (passed: number) => socket.tell({ type: 'metrics', span_ms: 500, nodes: passed ? [1, passed, passed, 0] : [], wires: passed ? [1, passed] : [] });
  metrics(10);
  const [first] = [live.wire(wire).rate];
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(20);
  for (let n = 0; n < 20; n += 1) metrics(10);
  expect(live.wire(wire).rate).toBeCloseTo(20, 1);
  expect([...live.busyWires()]).toHaveLength(1);
  for (let n = 0; n < 30; n += 1) metrics(0);
  expect(live.wire(wire).rate).toBe(0);
  expect(live.node('a').rateIn).toBe(0);
  expect(live.node('a').received).toBe(210);
  expect([...live.busyWires()]).toEqual([]);
  const history = live.wire(wire).history;
  expect(history.slice(-30).every((rate) => rate === 0)).toBe(true);
  expect(history.filter((rate) => rate === 20)).toHaveLength(21);
  for (let n = 0; n < 200; n += 1) metrics(0);
  expect(live.wire(wire).history.every((rate) => rate === 0)).toBe(true);
});

describe('a connection that is lost', () => {
  test('comes back, all wants are said again, and what was missed is told', async () => {
    live.want({ metrics: true });
    const socket = await open();
    socket.tell({ type: 'legend', nodes: ['a', 'b'], wires: [[0, 0, 1]] });
    socket.tell({ type: 'metrics', span_ms: 500, nodes: [], wires: [0, 10] });
    const [backs, deploys] = [heard('back'), heard('deploy')];
    socket.cut();
    expect(live.connection).toBe('lost');
    expect(live.lostSince).toBe(1_000_000);
    expect([...live.busyWires()]).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(FakeSocket.all).toHaveLength(2);
    const next = await open({ deploy: { number: 5, rev: 'r5', standing: 'probation' } });
    expect(live.connection).toBe('open');
    expect(next.said).toEqual([{ type: 'watch', metrics: true }]);
    expect(backs).toMatchObject([{ from_ms: 1_000_000, restarted: false, deploy: { number: 5 } }]);
    expect(deploys).toMatchObject([{ type: 'deploy', number: 5, standing: 'probation' }]);
  });

  test('is tried for ever less often, and never less than every 20 seconds', async () => {
    answer = () => Response.json({}, { status: 500 });
    const at: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      FakeSocket.last.cut();
      const before = FakeSocket.all.length;
      const since = Date.now();
      while (FakeSocket.all.length === before) await vi.advanceTimersByTimeAsync(50);
      at.push(Date.now() - since);
    }
    expect(at[0]).toBeLessThan(700);
    expect(at[3]).toBeGreaterThan(2_500);
    expect(Math.max(...at)).toBeLessThan(20_000);
    expect(Math.min(...at.slice(-3))).toBeGreaterThan(11_000);
  });

  test('of a gateway that was started anew: somebody may look which revision runs', async () => {
    await open();
    const backs = heard('back');
    FakeSocket.last.cut(1001);
    expect(live.lostWhy).toBe('stopping');
    await vi.advanceTimersByTimeAsync(1_000);
    await open({ boot: 8 });
    expect(backs).toMatchObject([{ restarted: true }]);
    expect(live.lostWhy).toBe('');
  });

  test('of a gateway whose hello has no boot: the board is asked', async () => {
    let boot = 3;
    answer = () => Response.json({ boot });
    await open({ boot: undefined });
    const backs = heard('back');
    FakeSocket.last.cut();
    boot = 4;
    await vi.advanceTimersByTimeAsync(1_000);
    await open({ boot: undefined });
    expect(backs).toMatchObject([{ restarted: true }]);
  });

  test('because nobody is logged in any more is refused, with or without a word', async () => {
    const refused = heard('refused');
    await open();
    FakeSocket.last.cut(1008);
    expect(live.connection).toBe('refused');
    expect(refused).toHaveLength(1);
    live.start();
    expect(live.connection).toBe('connecting');
    answer = () => Response.json({ code: 'unauthorized', message: 'log in' }, { status: 401 });
    FakeSocket.last.cut();
    await turn();
    expect(live.connection).toBe('refused');
    expect(refused).toHaveLength(2);
    live.start();
    await open();
    expect(live.connection).toBe('open');
  });

  test('is tried at once when the network is there again', async () => {
    await open();
    FakeSocket.last.cut();
    globals.dispatchEvent(new Event('online'));
    expect(FakeSocket.all).toHaveLength(2);
  });

  test('without a word is noticed', async () => {
    const socket = await open();
    await vi.advanceTimersByTimeAsync(26_000);
    expect(socket.said.at(-1)).toEqual({ type: 'ping' });
    socket.tell({ type: 'pong' });
    await vi.advanceTimersByTimeAsync(15_000);
    expect(live.connection).toBe('open');
    await vi.advanceTimersByTimeAsync(30_000);
    expect(live.connection).toBe('lost');
  });
});

test('a clock of the browser that is wrong does not count', async () => {
  await open({ now_ms: 5_000_000_000 });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(live.now()).toBe(5_000_002_000);
});

test('a page that nobody sees is told nothing that moves after ten seconds, and all of it at once when it is seen', async () => {
  live.want({ metrics: true, statuses: true, queues: true, timings: true, problems: true });
  const socket = await open();
  const last = () => socket.said.filter((said) => said.type === 'watch').at(-1);
  page.visibilityState = 'hidden';
  page.dispatchEvent(new Event('visibilitychange'));
  const silence = setInterval(() => socket.tell({ type: 'pong' }), 5_000);
  await vi.advanceTimersByTimeAsync(9_000);
  expect(last()).toMatchObject({ metrics: true });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(last()).toEqual({ type: 'watch', problems: true });
  page.visibilityState = 'visible';
  page.dispatchEvent(new Event('visibilitychange'));
  await turn();
  expect(last()).toEqual({ type: 'watch', metrics: true, statuses: true, queues: true, timings: true, problems: true });
  clearInterval(silence);
});

test('what makes no sense is ignored', async () => {
  const socket = await open();
  const odd = heard('constructor');
  for (const told of ['', '{', 'null', '[]', '"hello"', '{"type":1}', '{"type":"metrics"}', '{"type":"metrics","nodes":[7,1,1,0],"wires":[9,1]}', '{"type":"legend"}', '{"type":"status","nodes":null}', '{"type":"backlogs"}', '{"type":"of-later"}', '{"type":"constructor"}']) socket.tell(told);
  socket.onmessage?.({ data: new ArrayBuffer(3) });
  expect(live.connection).toBe('open');
  expect(odd).toHaveLength(1);
});

test('badges, outboxes, queues, timings and people are where they belong', async () => {
  const release = live.want({ metrics: true, timings: true });
  const socket = await open({ you: 1 });
  socket.tell({ type: 'status', nodes: { a: { fill: 'green', text: 'on' }, b: {} } });
  const backlog = { node: 'a', storing: true, passing: 0, parked: 0, messages: [0, 0, 3], bytes: 10, drain_rate: 0, fill_rate: 1 };
  socket.tell({ type: 'backlogs', outboxes: [backlog] });
  socket.tell({ type: 'queues', nodes: { a: { depth: 3, dropped: 0, spilling: false } } });
  socket.tell({ type: 'queues', nodes: { b: { depth: 1, kind: 'held' } } });
  socket.tell({ type: 'legend', nodes: ['a'], wires: [] });
  socket.tell({ type: 'metrics', span_ms: 500, nodes: [], wires: [], timings: [0, 200, 900, 100] });
  socket.tell({ type: 'presence', people: [{ id: 1, name: 'ada' }, { id: 2, name: 'vic', at: 'flow' }] });
  expect(live.node('a').status).toEqual({ fill: 'green', text: 'on' });
  expect(live.node('b').status).toBeUndefined();
  expect(live.node('a').backlog).toEqual(backlog);
  expect(live.node('a').queue).toMatchObject({ depth: 3 });
  expect(live.node('a').timing).toMatchObject({ p95: 90 });
  expect(live.people).toEqual([{ id: '2', name: 'vic', at: 'flow' }]);
  socket.tell({ type: 'metrics', span_ms: 500, nodes: [], wires: [] });
  expect(live.node('a').timing).toMatchObject({ p95: 90 });
  release();
  await turn();
  expect(live.node('a').timing).toBeUndefined();
  socket.tell({ type: 'status', nodes: { a: {} } });
  socket.tell({ type: 'backlogs', outboxes: [] });
  socket.tell({ type: 'deploy', number: 5, rev: 'r', standing: 'good' });
  expect(live.node('b').queue).toBeUndefined();
  expect(live.node('a').status).toBeUndefined();
  expect(live.node('a').backlog).toBeUndefined();
  socket.cut();
  expect(live.people).toEqual([]);
  expect(live.node('a').timing).toBeUndefined();
});
