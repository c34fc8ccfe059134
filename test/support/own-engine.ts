import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { Engine } from '../../src/sandbox/docker/index.ts';
import { findEngine } from '../../src/sandbox/images/index.ts';

const READY_MS = 60_000;

/** A Docker engine of a test's own, which may be killed and started again. It shares nothing with the one of the machine but the kernel. */
export class OwnEngine implements AsyncDisposable {
  readonly socket: string;
  readonly #docker: Docker;
  readonly #folder = mkdtempSync(join(tmpdir(), 'own-engine-'));
  #process: ChildProcess | undefined;

  /** `diskBytes`: everything that it keeps lies on a file system of that size, which can be filled. */
  constructor(options: { readonly diskBytes?: number } = {}) {
    this.socket = join(this.#folder, 'docker.sock');
    this.#docker = new Docker({ socketPath: this.socket });
    if (options.diskBytes === undefined) return;
    mkdirSync(this.dataRoot);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${options.diskBytes},mode=711`, 'own-engine', this.dataRoot]);
  }

  /** Where everything lies that it keeps. */
  get dataRoot(): string {
    return join(this.#folder, 'data');
  }

  /** Why none can be had here; undefined when one can. */
  static get missing(): string | undefined {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'an engine of its own needs root on Linux';
    return existsSync('/usr/sbin/dockerd') || existsSync('/usr/bin/dockerd') ? undefined : 'dockerd is not installed';
  }

  async start(): Promise<void> {
    const log = openSync(join(this.#folder, 'log'), 'a');
    const folders = [`--data-root=${this.dataRoot}`, `--exec-root=${join(this.#folder, 'exec')}`, `--pidfile=${join(this.#folder, 'pid')}`];
    const network = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'];
    // In a network of its own: an engine without a bridge removes docker0 where it finds one.
    this.#process = spawn('unshare', ['--net', 'dockerd', `--host=unix://${this.socket}`, ...folders, ...network], { stdio: ['ignore', log, log] });
    closeSync(log);
    const deadline = Date.now() + READY_MS;
    for (;;) {
      if (this.#process.exitCode !== null) throw new Error(`the engine ended with ${this.#process.exitCode}: ${join(this.#folder, 'log')}`);
      if (await this.#docker.ping().then(() => true, () => false)) return;
      if (Date.now() > deadline) throw new Error('the engine was not ready in time');
      await sleep(50);
    }
  }

  /** Gives it an image of the machine's engine. */
  async load(reference: string): Promise<void> {
    const machine = await new Engine(() => findEngine()).client();
    const loading = await this.#docker.loadImage(await machine.getImage(reference).get());
    // It is done when it has nothing more to say.
    for await (const _ of loading as AsyncIterable<Buffer>);
  }

  /** A program in the network that it is in, where 127.0.0.1 is its own. */
  spawnBeside(argv: readonly string[]): ChildProcess {
    execFileSync('nsenter', [`--target=${this.#process?.pid}`, '--net', 'ip', 'link', 'set', 'lo', 'up']);
    return spawn('nsenter', [`--target=${this.#process?.pid}`, '--net', ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  /** A client of its own; as glovebox finds any other engine. */
  client(socket = this.socket, timing: ConstructorParameters<typeof Engine>[1] = {}): Engine {
    return new Engine(async () => ({ state: 'found', docker: new Docker({ socketPath: socket }), endpoint: `unix://${socket}` }), timing);
  }

  /** An engine mounts its own folder, and one that was killed leaves that to nobody. */
  #unmount(): void {
    const points = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').flatMap((line) => line.split(' ')[4] ?? []);
    for (const point of points.filter((each) => each.startsWith(`${this.#folder}/`)).toReversed()) execFileSync('umount', [point]);
  }

  /** Ends it by a signal, which need not end its containers. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // One that was killed may have left its containerd, which the next takes over and ends with itself.
    if (this.#process?.signalCode === 'SIGKILL') await this.start();
    await this.stop('SIGTERM');
    this.#unmount();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
