// A gateway of a test's own: the real program, with a temporary folder, on a free port.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

export const PROGRAM = process.env.TIDEGATE ?? join(process.env.CARGO_TARGET_DIR ?? join(homedir(), '.cache/tidegate/target'), 'release/tidegate');
export const PASSWORD = 'correct horse battery';
const PATIENCE = 30_000;

export type Flow = readonly Record<string, unknown>[];

export interface User {
  readonly name: string;
  readonly role: string;
  readonly seesPayloads?: boolean;
}

/** An admin who sees payloads, an editor who does not, and a viewer. */
export const USERS: readonly User[] = [
  { name: 'ada', role: 'admin', seesPayloads: true },
  { name: 'eve', role: 'editor' },
  { name: 'vic', role: 'viewer' },
];

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export class Gateway {
  readonly folder = mkdtempSync(join(tmpdir(), 'tidegate-editor-'));
  readonly port: number;
  said = '';
  #process: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(flow: Flow, users: readonly User[] = USERS): Promise<Gateway> {
    const gateway = new Gateway(await freePort());
    for (const user of users) {
      const rights = user.seesPayloads ? ['--payloads'] : [];
      gateway.command(['passwd', user.name, '--role', user.role, '--stdin', ...rights], `${PASSWORD}\n`);
    }
    writeFileSync(gateway.flowFile, JSON.stringify(flow));
    await gateway.run();
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get flowFile(): string {
    return join(this.folder, 'flows.json');
  }

  get data(): string {
    return join(this.folder, 'data');
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Where the first admin is made: the link that the program prints when there is none. */
  get setUpLink(): string {
    return /http\S+\/set-up#\S+/.exec(this.said)?.[0] ?? '';
  }

  command(args: readonly string[], input = ''): string {
    return execFileSync(PROGRAM, [...args, '--data', this.data], { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
  }

  async run(): Promise<void> {
    const child = spawn(PROGRAM, ['run', this.flowFile, '--data', this.data, '--listen', `127.0.0.1:${this.port}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, TIDEGATE_LISTEN: undefined },
    });
    this.#process = child;
    this.said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.said += text));
    const end = Date.now() + PATIENCE;
    while (Date.now() < end) {
      if (child.exitCode !== null) break;
      const ready = await fetch(`${this.url}/health/ready`).then((answer) => answer.ok, () => false);
      if (ready) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the gateway does not run:\n${this.said}`);
  }

  /** As a power failure would. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  /** The gateway's API, as this user. */
  async ask<Answer>(path: string, { user = 'ada', method = 'GET', body }: { user?: string; method?: string; body?: unknown } = {}): Promise<Answer> {
    const origin = { origin: this.url, 'content-type': 'application/json' };
    const session = await fetch(`${this.url}/api/v1/session`, { method: 'POST', headers: origin, body: JSON.stringify({ username: user, password: PASSWORD }) });
    const cookie = session.headers.get('set-cookie')?.split(';')[0] ?? '';
    const answer = await fetch(this.url + path, { method, headers: { ...origin, cookie }, body: body === undefined ? null : JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as Answer;
  }

  async stop(): Promise<void> {
    await this.kill('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
