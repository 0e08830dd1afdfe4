// Brokers of a test's own, on free ports; they end with the test.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from './gateway';

const PATIENCE = 60_000;

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

abstract class Broker {
  readonly folder = mkdtempSync(join(tmpdir(), 'tidegate-broker-'));
  port = 0;
  protected process: ChildProcess | undefined;

  protected abstract spawn(): ChildProcess;

  async start(): Promise<this> {
    this.port ||= await freePort();
    this.process = this.spawn();
    const end = Date.now() + PATIENCE;
    while (!(await answers(this.port))) {
      if (Date.now() > end || this.process.exitCode !== null) throw new Error('the broker does not start (tests/install-missing broker)');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return this;
  }

  /** It goes away, and keeps what it has; `start` brings it back on the same port. */
  async stop(): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (!child || child.exitCode !== null || child.pid === undefined) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    // The whole group: RabbitMQ's script starts the server as its child.
    process.kill(-child.pid, 'SIGTERM');
    const late = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), 20_000);
    await gone;
    clearTimeout(late);
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class Mosquitto extends Broker {
  #publishers: ChildProcess[] = [];

  /** Ten messages a second, until the end of the test. */
  publish(topic: string, payload: unknown): void {
    const args = ['-h', '127.0.0.1', '-p', String(this.port), '-t', topic, '-m', JSON.stringify(payload), '--repeat', '100000', '--repeat-delay', '0.1'];
    this.#publishers.push(spawn('mosquitto_pub', args, { stdio: 'ignore' }));
  }

  override async end(): Promise<void> {
    for (const publisher of this.#publishers) publisher.kill();
    await super.end();
  }

  protected spawn(): ChildProcess {
    const config = join(this.folder, 'mosquitto.conf');
    writeFileSync(config, `listener ${this.port} 127.0.0.1\nallow_anonymous true\n`);
    const program = existsSync('/usr/sbin/mosquitto') ? '/usr/sbin/mosquitto' : 'mosquitto';
    return spawn(program, ['-c', config], { stdio: 'ignore', detached: true });
  }
}

export class Rabbit extends Broker {
  #others: [number, number] | undefined;

  override async start(): Promise<this> {
    this.#others ??= [await freePort(), await freePort()];
    return super.start();
  }

  protected spawn(): ChildProcess {
    const [distribution, names] = this.#others ?? [0, 0];
    mkdirSync(join(this.folder, 'home'), { recursive: true });
    writeFileSync(join(this.folder, 'rabbitmq.conf'), `listeners.tcp.1 = 127.0.0.1:${this.port}\ndisk_free_limit.absolute = 10MB\nlog.file.level = warning\n`);
    writeFileSync(join(this.folder, 'enabled_plugins'), '[].');
    // Debian's own command changes to a user that may not look into this folder; this is the server itself.
    const own = '/usr/lib/rabbitmq/bin/rabbitmq-server';
    return spawn(existsSync(own) ? own : 'rabbitmq-server', [], {
      stdio: 'ignore',
      detached: true,
      env: {
        ...process.env,
        PATH: `${process.env.PATH}:/usr/sbin`,
        HOME: join(this.folder, 'home'),
        RABBITMQ_MNESIA_BASE: join(this.folder, 'mnesia'),
        RABBITMQ_LOG_BASE: join(this.folder, 'log'),
        RABBITMQ_NODENAME: `tidegate-editor-${this.port}@localhost`,
        RABBITMQ_NODE_PORT: String(this.port),
        RABBITMQ_DIST_PORT: String(distribution),
        ERL_EPMD_PORT: String(names),
        ERL_EPMD_ADDRESS: '127.0.0.1',
        RABBITMQ_CONF_ENV_FILE: '/dev/null',
        RABBITMQ_CONFIG_FILE: join(this.folder, 'rabbitmq.conf'),
        RABBITMQ_ENABLED_PLUGINS_FILE: join(this.folder, 'enabled_plugins'),
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none',
      },
    });
  }
}
