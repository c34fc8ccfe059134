import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { openServices } from '../src/app.ts';
import { randomIds, systemClock } from '../src/contracts/index.ts';
import { Session } from '../src/session/index.ts';
import { inTurns, machine, percentiles, type Report, round } from './report.ts';
import { shareKiB } from './process-memory.ts';

const BIN = fileURLToPath(new URL('../bin/glovebox.js', import.meta.url));
const BARE = fileURLToPath(new URL('./api.bare.ts', import.meta.url));
const POLICY = `
name: bench
extends: base
sandbox: { image: base, kinds: [container, process] }
command: { wall: 10m, output: 64MiB }
session: { wall: 1h, idle: 15m }
limits: { cpu: 2, memory: 1GiB, pids: 2048, disk: 3GiB, inodes: 200_000, open_files: 1024 }
`;
/** Until then a service that has just begun is compiling itself. */
const WARM_UP = 200;
const FOLLOWERS = 1000;
const FOLLOWED_EVENTS = 50;
const AT_ONCE = 200;
const CHUNK = Buffer.alloc(1 << 20, 7);

/** A command over HTTP beside the same one without, and beside a server that does nothing; many readers of one run; many commands at once; a large upload. */
export default async function benchApi(quick: boolean, full: boolean): Promise<Report> {
  await using place = await Place.open();
  const { http, internal, bare } = await place.roundTrips(quick ? 30 : 300);
  const added = percentiles(http.map((ms, i) => ms - (internal[i] ?? Number.NaN)));
  return {
    bench: 'api',
    machine: machine(),
    figures: {
      commandMs: { http: percentiles(http), internal: percentiles(internal), bareRoute: percentiles(bare) },
      addedMs: { p50: round(percentiles(http).p50 - percentiles(internal).p50), pairs: added },
      perSecond: await place.perSecond(quick ? 200 : 2000),
      followers: await place.followed(quick ? 100 : FOLLOWERS),
      atOnce: await place.atOnce(quick ? 20 : AT_ONCE),
      upload: await place.upload(full ? 1024 : quick ? 32 : 256),
    },
    ratios: { bareRoute: round(percentiles(bare).p50 / (percentiles(http).p50 - percentiles(internal).p50)) },
  };
}

/** One request after the other, by as little as can be: what is measured is the server. */
class KeptConnection implements Disposable {
  readonly #socket: Socket;
  readonly #head: string;
  #received = '';
  #answered: ((text: string) => void) | undefined;

  static async to(url: string, key: string): Promise<KeptConnection> {
    const { hostname, port, host } = new URL(url);
    const socket = connect(Number(port), hostname).setNoDelay(true).setEncoding('latin1');
    await once(socket, 'connect');
    return new KeptConnection(socket, `host: ${host}\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\n`);
  }

  private constructor(socket: Socket, head: string) {
    this.#socket = socket;
    this.#head = head;
    socket.on('data', (text: string) => this.#take(text));
  }

  async post(path: string, body: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#answered = resolve;
    this.#socket.write(`POST ${path} HTTP/1.1\r\n${this.#head}content-length: ${body.length}\r\n\r\n${body}`);
    const answer = await promise;
    if (!answer.startsWith('HTTP/1.1 200')) throw new Error(answer);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#received += text;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#received)?.[1] ?? Number.NaN);
    if (headEnd === -1 || this.#received.length < headEnd + 4 + length) return;
    const answer = this.#received;
    this.#received = '';
    this.#answered?.(answer);
  }
}

class Place implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'glovebox-bench-'));
  readonly #agent = new Agent({ connections: FOLLOWERS + 10, headersTimeout: 0, bodyTimeout: 0 });
  readonly #children: ChildProcess[] = [];
  #url = '';
  #bare = '';
  #key = '';

  static async open(): Promise<Place> {
    const place = new Place();
    mkdirSync(join(place.#folder, 'policies', 'bench'), { recursive: true });
    writeFileSync(join(place.#folder, 'policies', 'bench', 'policy.yaml'), POLICY);
    const address = /http:\/\/127\.0\.0\.1:\d+/;
    [place.#bare = ''] = await place.#start([BARE], address);
    [place.#key = '', place.#url = ''] = await place.#start([BIN, 'serve', '--port', '0', '--workers', '0', '--rate', '10000000'], /^gbx_\S+/, address);
    return place;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null) return;
        child.kill('SIGTERM');
        await once(child, 'close');
      }),
    );
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What a child says first that matches. */
  async #start(args: readonly string[], ...wanted: readonly RegExp[]): Promise<string[]> {
    const child = spawn(process.execPath, [...args], { cwd: this.#folder, env: this.#env(), stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.push(child);
    const ended = new Promise<never>((_, reject) => child.once('close', () => reject(new Error(`${args[0] ?? ''} ended`))));
    const lines = [createInterface({ input: child.stdout }), createInterface({ input: child.stderr })];
    const found = wanted.map(
      (pattern) =>
        new Promise<string>((resolve) => {
          for (const each of lines) each.on('line', (line) => pattern.test(line) && resolve(pattern.exec(line)?.[0] ?? ''));
        }),
    );
    return Promise.race([Promise.all(found), ended]);
  }

  #env(): NodeJS.ProcessEnv {
    return { ...process.env, GLOVEBOX_HOME: join(this.#folder, 'state') };
  }

  async #call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await request(`${this.#url}${path}`, { dispatcher: this.#agent, method, headers: { authorization: `Bearer ${this.#key}`, ...(body && { 'content-type': 'application/json' }) }, ...(body && { body: JSON.stringify(body) }) });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  }

  async #sandbox(kind = 'process'): Promise<string> {
    return String((await this.#call('POST', '/v1/sandboxes', { policy: 'bench', kind }))['id']);
  }

  async roundTrips(rounds: number): Promise<{ http: number[]; internal: number[]; bare: number[] }> {
    const sandbox = await this.#sandbox();
    await using services = await openServices({ env: { ...this.#env(), GLOVEBOX_HOME: join(this.#folder, 'other') }, version: 'bench' });
    const policy = await services.policies.load('exec');
    await using session = await Session.open(services.sessionPorts(), { principal: services.principal, policy, kinds: ['process'] });
    const own = await session.sandbox('bench');
    using service = await KeptConnection.to(this.#url, this.#key);
    using nothing = await KeptConnection.to(this.#bare, this.#key);
    const turns = await inTurns(
      {
        http: () => service.post(`/v1/sandboxes/${sandbox}/commands`, '{"argv":["/bin/true"]}'),
        internal: async () => {
          const command = await own.exec({ argv: ['/bin/true'] });
          for await (const _chunk of command.output);
          await command.end;
        },
        bare: () => nothing.post('/', '{}'),
      },
      rounds,
      WARM_UP,
    );
    await this.#call('DELETE', `/v1/sandboxes/${sandbox}`);
    return { http: turns['http'] ?? [], internal: turns['internal'] ?? [], bare: turns['bare'] ?? [] };
  }

  /** Commands a second, 8 at a time. */
  async perSecond(count: number): Promise<number> {
    const sandbox = await this.#sandbox();
    const began = performance.now();
    let left = count;
    const lane = async (): Promise<void> => {
      while (left-- > 0) await this.#call('POST', `/v1/sandboxes/${sandbox}/commands`, { argv: ['/bin/true'] });
    };
    await Promise.all(Array.from({ length: 8 }, lane));
    await this.#call('DELETE', `/v1/sandboxes/${sandbox}`);
    return round((count / (performance.now() - began)) * 1000, 0);
  }

  /** Events of one run that reach everybody, and how late the last one has the last of them. */
  async followed(followers: number): Promise<Record<string, number>> {
    await using services = await openServices({ env: this.#env(), version: 'bench' });
    const run = randomIds(systemClock).next('run');
    const { principal, journal } = services;
    const options = { principal: { ...principal, roles: [...principal.roles] }, model: 'openai:any', policy: 'bench', policyHash: 'sha256:0', image: 'base', notes: [], versions: { prompt: '1', tools: {} } };
    await journal.append(run, [{ type: 'run.created', data: { task: 'bench', repository: 'none', baseTree: '', options } }], { tenant: principal.tenant });
    const headers = { authorization: `Bearer ${this.#key}` };
    const read = async (): Promise<number> => {
      const { body } = await request(`${this.#url}/v1/runs/${run}/events`, { dispatcher: this.#agent, headers });
      let seen = 0;
      let text = '';
      body.on('error', () => undefined);
      for await (const piece of body) {
        text += String(piece);
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        seen += lines.filter((line) => line === 'event: run.prompted').length;
        if (seen === FOLLOWED_EVENTS) break;
      }
      return performance.now();
    };
    const began = performance.now();
    const reading = Array.from({ length: followers }, read);
    let lastMs = 0;
    for (let i = 0; i < FOLLOWED_EVENTS; i++) {
      lastMs = performance.now();
      await journal.append(run, [{ type: 'run.prompted', data: { text: String(i) } }]);
    }
    const ends = await Promise.all(reading);
    return { followers, events: FOLLOWED_EVENTS, allMs: round(Math.max(...ends) - began, 0), lastEventLateMs: round(Math.max(...ends) - lastMs, 0) };
  }

  async atOnce(commands: number): Promise<Record<string, number>> {
    const sandbox = await this.#sandbox();
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: commands }, (_, i) => this.#call('POST', `/v1/sandboxes/${sandbox}/commands`, { argv: ['/bin/sh', '-c', `echo ${i}`] })));
    const right = answers.filter(({ stdout }, i) => stdout === `${i}\n`).length;
    await this.#call('DELETE', `/v1/sandboxes/${sandbox}`);
    return { commands, right, allMs: round(performance.now() - began, 0) };
  }

  async upload(mebibytes: number): Promise<Record<string, number>> {
    const sandbox = await this.#sandbox('container');
    const server = this.#children[1]?.pid ?? 0;
    const before = shareKiB(server) ?? 0;
    let most = before;
    const watching = setInterval(() => (most = Math.max(most, shareKiB(server) ?? 0)), 20);
    const began = performance.now();
    const { pack } = await import('tar-stream');
    const tar = pack();
    const entry = tar.entry({ name: 'large', size: mebibytes * CHUNK.length });
    void (async () => {
      for (let i = 0; i < mebibytes; i++) if (!entry.write(CHUNK)) await new Promise<void>((resolve) => entry.once('drain', () => resolve()));
      entry.end(Buffer.alloc(0));
      tar.finalize();
    })();
    const answer = await request(`${this.#url}/v1/sandboxes/${sandbox}/archive?path=/workspace`, { dispatcher: this.#agent, method: 'PUT', body: Readable.from(tar, { objectMode: false }), headers: { authorization: `Bearer ${this.#key}`, 'content-type': 'application/x-tar' } });
    if (answer.statusCode !== 204) throw new Error(await answer.body.text());
    const seconds = (performance.now() - began) / 1000;
    clearInterval(watching);
    await this.#call('DELETE', `/v1/sandboxes/${sandbox}`);
    return { mebibytes, mibPerSecond: round(mebibytes / seconds, 0), serverGrewKiB: most - before };
  }
}
