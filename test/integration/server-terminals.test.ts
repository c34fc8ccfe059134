import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { isConnected } from '../support/connections.ts';
import { type Caller, serving, servingHere } from '../support/server.ts';

const DEADLINE_MS = 30_000;

let server: Awaited<ReturnType<typeof serving>>;
let admin: Caller;
let sandbox: string;
beforeAll(async () => {
  server = await serving({ origins: ['https://pages.test'], terminals: { slowMs: 2000 } });
  admin = server.as();
  sandbox = await admin.sandbox();
});
afterAll(() => server.stop());

/** A client at a terminal: what was shown so far, and what was said besides. */
class Client {
  readonly socket: WebSocket;
  shown = Buffer.alloc(0);
  readonly told: Record<string, unknown>[] = [];
  failure: string | undefined;
  #waiting: (() => void)[] = [];

  constructor(query: string, { url = server.url, at = sandbox, headers = { authorization: `Bearer ${server.key}` } }: { url?: string; at?: string; headers?: Record<string, string> } = {}) {
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/v1/sandboxes/${at}/pty?${query}`, { headers });
    this.socket.on('error', (error) => (this.failure ??= error.message));
    this.socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.shown = Buffer.concat([this.shown, data]);
      else this.told.push(JSON.parse(data.toString()) as Record<string, unknown>);
      this.#wake();
    });
    this.socket.on('close', () => this.#wake());
    this.socket.on('unexpected-response', (_request, response: IncomingMessage) => void this.#refused(response));
  }

  async #refused(response: IncomingMessage): Promise<void> {
    this.failure ??= `refused: ${response.statusCode} ${await text(response)}`;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async until(holds: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + DEADLINE_MS;
    while (!holds()) {
      const timer = Promise.withResolvers<void>();
      const clock = setTimeout(timer.resolve, Math.max(0, deadline - Date.now()));
      await Promise.race([new Promise<void>((wake) => this.#waiting.push(wake)), timer.promise]);
      clearTimeout(clock);
      if (Date.now() >= deadline || (this.failure !== undefined && !holds())) throw new Error(`waited in vain until ${what}; shown: ${JSON.stringify(this.shown.toString().slice(-500))}, told: ${JSON.stringify(this.told)}, failure: ${this.failure ?? 'none'}`);
    }
  }

  async ready(): Promise<Record<string, unknown>> {
    await this.until(() => this.told.length > 0, 'it is ready');
    return this.told[0] ?? {};
  }

  shows(text: string): Promise<void> {
    return this.until(() => this.shown.includes(text), `it shows ${JSON.stringify(text)}`);
  }

  async closed(): Promise<{ code: number; reason: string }> {
    const [code, reason] = (await once(this.socket, 'close', { signal: AbortSignal.timeout(DEADLINE_MS) })) as [number, Buffer];
    return { code, reason: reason.toString() };
  }
}

/** With which status an attempt to connect is refused. */
async function refusal(query: string, headers: Record<string, string>, place: { url?: string; at?: string } = {}): Promise<number> {
  const { socket } = new Client(query, { ...place, headers });
  const [, response] = (await once(socket, 'unexpected-response', { signal: AbortSignal.timeout(DEADLINE_MS) })) as [unknown, { statusCode: number }];
  return response.statusCode;
}

test('a shell is typed into, resized and interrupted, and ends with its code', async () => {
  const client = new Client('argv=sh&argv=-i&columns=100&rows=30');
  expect(await client.ready()).toMatchObject({ type: 'ready', command: expect.stringMatching(/^cmd_/), offset: 0, typed: 0 });
  client.socket.send(Buffer.from('stty size\n'));
  await client.shows('30 100');
  client.socket.send(JSON.stringify({ type: 'resize', columns: 120, rows: 40 }));
  client.socket.send(Buffer.from('stty size\n'));
  await client.shows('40 120');
  // One program that stays in the foreground: a key that comes while the shell hands it over may reach nobody.
  client.socket.send(Buffer.from(`sh -c 'echo sleep""ing; exec sleep 1000'\n`));
  await client.shows('sleeping');
  client.socket.send(Buffer.from([3]));
  // What was typed before it goes with it.
  await client.shows('^C');
  client.socket.send(Buffer.from('echo a""b; exit 7\n'));
  await client.shows('ab');
  expect(await client.closed()).toMatchObject({ code: 1000 });
  expect(client.told.at(-1)).toMatchObject({ type: 'end', offset: client.shown.length, end: { cause: 'exited', exitCode: 7 } });
});

test('a connection that broke is gone on with at the byte, in both directions', async () => {
  const first = new Client('argv=sh&argv=-c&argv=stty+-echo%3B+echo+here%3B+while+read+x%3B+do+echo+got-%24x%3B+done');
  const { command } = await first.ready();
  await first.shows('here');
  first.socket.send(Buffer.from('one\n'));
  await first.shows('got-one');
  first.socket.terminate();
  const seen = Buffer.byteLength('here\r\n');
  const second = new Client(`command=${String(command)}&offset=${seen}`);
  expect(await second.ready()).toMatchObject({ command, offset: seen, typed: 'one\n'.length });
  second.socket.send(Buffer.from('two\n'));
  await second.shows('got-two');
  expect(second.shown.toString()).toBe('got-one\r\ngot-two\r\n');
  second.socket.send(JSON.stringify({ type: 'signal', signal: 'SIGKILL' }));
  await second.closed();
  expect(second.told.at(-1)).toMatchObject({ type: 'end', end: { cause: 'signalled', signal: 'SIGKILL' } });
});

test('a program that nobody comes back to is hung up, and one that a command began is not', async () => {
  const client = new Client('argv=sleep&argv=1000&keepMs=0');
  const { command } = await client.ready();
  client.socket.terminate();
  expect((await admin.call('GET', `/v1/sandboxes/${sandbox}/commands/${String(command)}?waitMs=20000`)).body).toMatchObject({ status: 'ended', end: { cause: 'cancelled' } });
  const begun = await admin.command(sandbox, ['sh', '-c', 'read x; echo got-$x; read y'], { background: true, terminal: { columns: 80, rows: 24 } });
  const at = new Client(`command=${String(begun['id'])}`);
  at.socket.once('open', () => at.socket.send(Buffer.from('three\n')));
  await at.shows('got-three');
  at.socket.terminate();
  await once(at.socket, 'close');
  expect((await admin.call('GET', `/v1/sandboxes/${sandbox}/commands/${String(begun['id'])}`)).body).toMatchObject({ status: 'running' });
  await admin.call('DELETE', `/v1/sandboxes/${sandbox}/commands/${String(begun['id'])}`);
  const plain = await admin.command(sandbox, ['sleep', '1000'], { background: true });
  expect(await refusal(`command=${String(plain['id'])}`, { authorization: `Bearer ${server.key}` })).toBe(400);
  await admin.call('DELETE', `/v1/sandboxes/${sandbox}/commands/${String(plain['id'])}`);
});

test('a program that does not read holds its client up, and nothing that was typed is lost', async () => {
  const client = new Client('argv=sh&argv=-c&argv=stty+raw+-echo%3B+echo+ready%3B+head+-c+1+%3E/dev/null%3B+read+-r+x+%3C/workspace/go%3B+head+-c+999999+%7C+wc+-c');
  await admin.command(sandbox, ['mkfifo', '/workspace/go']);
  await client.shows('ready');
  client.socket.send(Buffer.from('x'));
  for (let sent = 0; sent < 999_999; sent += 37_037) client.socket.send(Buffer.alloc(37_037, 'y'));
  await admin.command(sandbox, ['sh', '-c', 'echo > /workspace/go']);
  await client.shows('999999');
});

test('a client that does not read is let go of after a while, and what it left unread is there for the next', async () => {
  const begun = await admin.command(sandbox, ['sh', '-c', 'head -c 20000000 /dev/zero | tr "\\0" z; echo over'], { background: true, terminal: { columns: 80, rows: 24 } });
  const slow = new Client(`command=${String(begun['id'])}`);
  await slow.ready();
  slow.socket.pause();
  let rest = '';
  // On a busy machine this one may be too slow as well, and comes back.
  for (let [code, times] = [0, 0]; code !== 1000 && times < 10; times++) {
    const next = new Client(`command=${String(begun['id'])}&offset=${19_999_990 + rest.length}`);
    ({ code } = await next.closed());
    rest += next.shown.toString();
  }
  expect(rest).toBe(`${'z'.repeat(10)}over\r\n`);
  // The paused client would not hear of it, nor its kernel: the end comes after what it has not read.
  const { localPort = 0 } = Reflect.get(slow.socket, '_socket') as Socket;
  await expect.poll(() => isConnected(localPort), { timeout: DEADLINE_MS }).toBe(false);
  slow.socket.resume();
  expect(await slow.closed()).toMatchObject({ code: 1006 });
});

test('browsers come with a ticket of one use from a page that may, and nobody else gets in', async () => {
  const ticket = async (of = sandbox): Promise<string> => String((await admin.call('POST', `/v1/sandboxes/${of}/pty/tickets`)).body['ticket']);
  const once_ = await ticket();
  const client = new Client(`argv=true&ticket=${once_}`, { headers: { origin: 'https://pages.test' } });
  expect(await client.ready()).toMatchObject({ type: 'ready' });
  await client.closed();
  expect(await refusal(`ticket=${once_}`, {})).toBe(401);
  expect(await refusal('ticket=gbt_nonsense', {})).toBe(401);
  expect(await refusal('', {})).toBe(401);
  expect(await refusal(`ticket=${await ticket()}`, { origin: 'https://evil.test' })).toBe(403);
  const other = await admin.sandbox();
  expect(await refusal(`ticket=${await ticket(other)}`, {})).toBe(401);
  await admin.call('DELETE', `/v1/sandboxes/${other}`);
  const them = await server.foreigner();
  expect(await them.call('POST', `/v1/sandboxes/${sandbox}/pty/tickets`)).toMatchObject({ status: 404 });
  expect(await admin.call('GET', `/v1/sandboxes/${sandbox}/pty`)).toMatchObject({ status: 400, body: { detail: expect.stringContaining('WebSocket') } });
});

test('what is no frame of ours closes the connection and nothing else', async () => {
  for (const [frame, code] of [
    ['{"type":"resize","columns":0,"rows":1}', 1007],
    ['not json', 1007],
    [Buffer.alloc(2_000_000), 1006],
  ] as const) {
    const client = new Client('argv=cat');
    await client.ready();
    client.socket.send(frame);
    expect((await client.closed()).code).toSatisfy((got) => got === code || (code === 1006 && got === 1009));
  }
  const { port } = new URL(server.url);
  const raw = connect(Number(port), '127.0.0.1');
  raw.write(`GET /v1/sandboxes/${sandbox}/pty?argv=cat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer ${server.key}\r\n\r\n`);
  await once(raw, 'data');
  raw.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
  raw.on('error', () => {});
  await once(raw, 'close', { signal: AbortSignal.timeout(DEADLINE_MS) });
  expect((await admin.call('GET', `/v1/sandboxes/${sandbox}`)).status).toBe(200);
});

test('a silent client is taken for gone', async () => {
  const own = await servingHere({ terminals: { heartbeatMs: 100 } });
  const at = await own.as().sandbox();
  const { port } = new URL(own.url);
  const raw = connect(Number(port), '127.0.0.1');
  raw.on('error', () => {}).resume();
  // It says nothing any more, not even that it is there.
  raw.write(`GET /v1/sandboxes/${at}/pty?argv=cat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer ${own.key}\r\n\r\n`);
  await once(raw, 'close', { signal: AbortSignal.timeout(DEADLINE_MS) });
});

test('a server that stops begins no terminal more, and who has one can come back to it', async () => {
  const own = await servingHere();
  const place = { url: own.url, at: await own.as().sandbox(), headers: { authorization: `Bearer ${own.key}` } };
  const client = new Client('argv=cat', place);
  const { command } = await client.ready();
  await own.drain(0);
  expect(await refusal('argv=cat', place.headers, place)).toBe(503);
  client.socket.terminate();
  const again = new Client(`command=${String(command)}&offset=0`, place);
  await again.ready();
  again.socket.send(Buffer.from('still here\n'));
  await again.shows('still here');
});
