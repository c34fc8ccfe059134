import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect as connectTls } from 'node:tls';
import { openSquid, type Squid } from './egress.squid.ts';
import { inTurns, machine, percentiles, type Report, round } from './report.ts';

const AT_ONCE = 100;
const SMALL = 1_024;
/** Requests that follow one another, as those of a package manager do. */
const BURST = 20;
/** A service is asked more often than this; what has not been compiled yet is not what it is measured by. */
const WARM_UP = 1_000;
const LAST_CHUNK = '0\r\n\r\n';

/** What a request costs through egress, decided and written down each time, beside the same without it, beside the plainest proxy that Node makes, and beside squid with the same rules and its usual log, where there is one. */
export default async function egress(quick: boolean): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'glovebox-bench-egress-'));
  const children: ChildProcess[] = [];
  try {
    const upstream = await started(children, 'egress.upstream.ts', []);
    const trusted = join(folder, 'upstream.pem');
    await writeFile(trusted, String(upstream['authority']));
    const { secure, plain } = { secure: Number(upstream['secure']), plain: Number(upstream['plain']) };
    const ours = await started(children, 'egress.broker.ts', [join(folder, 'broker'), String(secure), String(plain)], { NODE_EXTRA_CA_CERTS: trusted });
    const plainest: Ways['other'] = { name: 'a plain proxy of Node’s http, in its own process', port: Number((await started(children, 'egress.plainest.ts', []))['port']), host: '127.0.0.1' };
    const other = (await squidIn(children, folder, [plain, secure], trusted)) ?? plainest;
    const ways: Ways = { plainest, upstream: { secure, plain, authority: String(upstream['authority']) }, ours: { port: Number(ours['port']), authority: String(ours['authority']), placeholder: String(ours['placeholder']) }, other };
    const kept = await keptOpen(ways);
    const turns = await inTurns(Object.fromEntries(Object.entries(kept).map(([name, client]) => [name, () => client.get(SMALL)])), quick ? 200 : 2_000, quick ? WARM_UP / 2 : WARM_UP);
    const fresh = await inTurns(freshOnes(ways), quick ? 20 : 200, 5);
    const requestMs = Object.fromEntries(Object.entries({ ...turns, ...fresh }).map(([name, samples]) => [name, percentiles(samples)]));
    const p50 = (name: string): number => requestMs[name]?.p50 ?? Number.NaN;
    const bursts = await inTurns(Object.fromEntries(Object.entries(kept).map(([name, client]) => [name, () => client.burst()])), quick ? 25 : 250, 1);
    const inBurstsMs = Object.fromEntries(Object.entries(bursts).map(([name, samples]) => [name, percentiles(samples.map((ms) => ms / BURST))]));
    const throughputMBps = await throughputs(kept, (quick ? 32 : 256) * 1e6);
    for (const client of Object.values(kept)) client.close();
    const added = { plain: round(p50('plain') - p50('directPlain')), inspected: round(p50('inspected') - p50('directTls')), injected: round(p50('injected') - p50('directTls')), newConnection: round(p50('newInspected') - p50('newDirectTls')) };
    return {
      bench: 'egress',
      machine: machine(),
      figures: {
        addedMs: { p50: added.inspected, ...added },
        plainestAddedMs: round(p50('plainest') - p50('directPlain')),
        otherAddedMs: { proxy: other.name, plain: round(p50('otherPlain') - p50('directPlain')), ...(other.inspecting === undefined ? {} : { inspected: round(p50('otherInspected') - p50('directTls')) }), tunnel: round(p50('otherTunnel') - p50('directTls')), newConnection: round(p50('newOtherTunnel') - p50('newDirectTls')) },
        requestMs,
        inBurstsMs,
        throughputMBps: throughputMBps['inspected'],
        throughputsMBps: throughputMBps,
        atOnce: await manyAtOnce(ways),
      },
      ratios: {
        otherProxy: round(p50('otherPlain') / p50('plain'), 2),
        plainestProxy: round(p50('plainest') / p50('plain'), 2),
        ...(other.inspecting === undefined ? {} : { otherInspecting: round(p50('otherInspected') / p50('inspected'), 2) }),
        otherProxyInBursts: round((inBurstsMs['otherPlain']?.p50 ?? Number.NaN) / (inBurstsMs['plain']?.p50 ?? Number.NaN), 2),
        otherTunnel: round(p50('otherTunnel') / p50('inspected'), 2),
        newConnection: round(p50('newOtherTunnel') / p50('newInspected'), 2),
      },
    };
  } finally {
    for (const child of children) child.kill();
    await rm(folder, { recursive: true });
  }
}

interface Ways {
  readonly upstream: { readonly secure: number; readonly plain: number; readonly authority: string };
  /** The placeholder is of a credential that is lent for `lent.test`. */
  readonly ours: { readonly port: number; readonly authority: string; readonly placeholder: string };
  readonly other: Pick<Squid, 'name' | 'port' | 'inspecting'> & { readonly host: string };
  /** Decides nothing, looks at nothing and writes nothing. */
  readonly plainest: Ways['other'];
}

/** A program of this folder, once it has said its first line. */
async function started(children: ChildProcess[], file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Record<string, string | number>> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, file), ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line', { signal: AbortSignal.timeout(20_000) })) as [string];
  return JSON.parse(line) as Record<string, string | number>;
}

/** Where there is one; it looks into TLS where it can. */
async function squidIn(children: ChildProcess[], folder: string, upstreams: readonly number[], trusted: string): Promise<Ways['other'] | undefined> {
  const squid = await openSquid(folder, upstreams, trusted);
  if (squid === undefined) return undefined;
  children.push(squid.child);
  return { ...squid, host: 'up.test' };
}

/** One connection, request after request. As small as can be: what is measured is on the way. */
class Client {
  readonly #socket: Socket;
  readonly #prefix: string;
  /** Its host, and what else is to be in its head. */
  readonly #host: string;
  #wanted = 0;
  #isHead = false;
  #isChunked = false;
  #tail = '';
  #done: (() => void) | undefined;

  constructor(socket: Socket, host: string, prefix = '') {
    this.#socket = socket;
    this.#host = host;
    this.#prefix = prefix;
    socket.on('data', (bytes: Buffer) => this.#received(bytes));
  }

  async get(bytes: number): Promise<void> {
    this.#wanted = bytes;
    this.#isHead = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#done = resolve;
    this.#socket.write(`GET ${this.#prefix}/${bytes} HTTP/1.1\r\nhost: ${this.#host}\r\n\r\n`);
    await promise;
  }

  async burst(): Promise<void> {
    for (let i = 0; i < BURST; i++) await this.get(SMALL);
  }

  close(): void {
    this.#socket.destroy();
  }

  #received(bytes: Buffer): void {
    let body = bytes.length;
    // The head comes in one piece: it is short.
    if (this.#isHead) {
      this.#isHead = false;
      if (!bytes.toString('latin1', 0, 13).startsWith('HTTP/1.1 200')) throw new Error(bytes.toString('latin1'));
      const headEnd = bytes.indexOf('\r\n\r\n') + 4;
      body -= headEnd;
      this.#isChunked = bytes.toString('latin1', 0, headEnd).includes('transfer-encoding: chunked');
      this.#tail = '';
    }
    this.#wanted -= body;
    // Looked through, an answer comes without its length.
    if (this.#isChunked) this.#tail = (this.#tail + bytes.toString('latin1', Math.max(0, bytes.length - LAST_CHUNK.length))).slice(-LAST_CHUNK.length);
    if (this.#isChunked ? this.#tail === LAST_CHUNK : this.#wanted <= 0) this.#done?.();
  }
}

async function keptOpen(ways: Ways): Promise<Record<string, Client>> {
  const { upstream, ours, other, plainest } = ways;
  const [plainHost, secureHost] = [`up.test:${upstream.plain}`, `up.test:${upstream.secure}`];
  const lentHost = `lent.test:${upstream.secure}`;
  // squid knows the name by its own hosts; a plain proxy is told the address.
  return {
    directPlain: new Client(await dial(upstream.plain), plainHost),
    plain: new Client(await dial(ours.port), plainHost, `http://${plainHost}`),
    otherPlain: new Client(await dial(other.port), `${other.host}:${upstream.plain}`, `http://${other.host}:${upstream.plain}`),
    plainest: new Client(await dial(plainest.port), `${plainest.host}:${upstream.plain}`, `http://${plainest.host}:${upstream.plain}`),
    directTls: new Client(await encrypted(await dial(upstream.secure), upstream.authority), secureHost),
    inspected: new Client(await encrypted(await tunnel(ours.port, secureHost), ours.authority), secureHost),
    injected: new Client(await encrypted(await tunnel(ours.port, lentHost), ours.authority, 'lent.test'), `${lentHost}\r\nauthorization: Bearer ${ours.placeholder}`),
    otherTunnel: new Client(await encrypted(await tunnel(other.port, `${other.host}:${upstream.secure}`), upstream.authority), secureHost),
    ...(other.inspecting === undefined ? {} : { otherInspected: new Client(await encrypted(await tunnel(other.inspecting.port, secureHost), other.inspecting.authority), secureHost) }),
  };
}

/** Connection, handshakes and one request. */
function freshOnes({ upstream, ours, other }: Ways): Record<string, () => Promise<() => Promise<void>>> {
  const host = `up.test:${upstream.secure}`;
  const once = (open: () => Promise<Socket>, authority: string) => async () => {
    const client = new Client(await encrypted(await open(), authority), host);
    await client.get(SMALL);
    return async () => client.close();
  };
  return {
    newDirectTls: once(() => dial(upstream.secure), upstream.authority),
    newInspected: once(() => tunnel(ours.port, host), ours.authority),
    newOtherTunnel: once(() => tunnel(other.port, `${other.host}:${upstream.secure}`), upstream.authority),
  };
}

async function throughputs(clients: Readonly<Record<string, Client>>, bytes: number): Promise<Record<string, number>> {
  const speeds: Record<string, number> = {};
  for (const [name, client] of Object.entries(clients)) {
    const began = performance.now();
    await client.get(bytes);
    speeds[name] = round(bytes / 1e3 / (performance.now() - began), 1);
  }
  return speeds;
}

/** So many connections with a request each, all begun together. */
async function manyAtOnce({ upstream, ours }: Ways): Promise<{ requests: number; wallMs: number; slowestMs: number }> {
  const host = `up.test:${upstream.secure}`;
  const began = performance.now();
  const took = await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      const client = new Client(await encrypted(await tunnel(ours.port, host), ours.authority), host);
      await client.get(SMALL);
      client.close();
      return performance.now() - began;
    }),
  );
  return { requests: took.length, wallMs: round(performance.now() - began, 1), slowestMs: round(Math.max(...took), 1) };
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

async function tunnel(proxy: number, authority: string): Promise<Socket> {
  const socket = await dial(proxy);
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  if (!head.toString('latin1').startsWith('HTTP/1.1 200')) throw new Error(head.toString('latin1'));
  return socket;
}

async function encrypted(socket: Socket, authority: string, servername = 'up.test'): Promise<Socket> {
  const tls = connectTls({ socket, ca: authority, servername });
  await once(tls, 'secureConnect');
  return tls;
}
