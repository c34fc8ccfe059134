import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { CLIENT_TYPES, clientTypes } from '../../scripts/client-types.ts';
import { AbsentError, ConnectionError, DeniedError, ForbiddenKeyError, Glovebox, LimitError, RequestError, type Sandbox, UnavailableError } from '../../src/client/index.ts';
import { serving } from '../support/server.ts';

let server: Awaited<ReturnType<typeof serving>>;
let glovebox: Glovebox;
let sandbox: Sandbox;
beforeAll(async () => {
  server = await serving();
  glovebox = new Glovebox({ url: server.url, key: server.key });
  sandbox = await glovebox.sandboxes.create({ policy: 'exec', kind: 'process' });
});
afterAll(() => server.stop());

test('its types are those that the server says', async () => {
  expect(readFileSync(CLIENT_TYPES, 'utf8'), 'the routes have changed: node scripts/client-types.ts').toBe(await clientTypes());
});

describe('a sandbox', () => {
  test('is there while it is used, and gone after', async () => {
    let id: string;
    {
      await using made = await glovebox.sandboxes.create({ policy: 'exec', kind: 'process', labels: { for: 'a test' } });
      id = made.id;
      expect(made.state).toMatchObject({ kind: 'process', state: 'running', labels: { for: 'a test' } });
      expect((await Array.fromAsync(glovebox.sandboxes.list())).map((each) => each.id)).toEqual([sandbox.id, id]);
      await made.keepAlive();
    }
    await expect(glovebox.sandboxes.get(id)).rejects.toBeInstanceOf(AbsentError);
  });

  test('runs commands: their end, their output, their input', async () => {
    const failing = await sandbox.exec('echo out; echo err >&2; exit 3');
    expect(await failing.result()).toMatchObject({ cause: 'exited', exitCode: 3, stdout: 'out\n', stderr: 'err\n', tree: 'dead' });
    const copying = await sandbox.exec(['cat'], { openStdin: true });
    await copying.write('in ');
    await copying.write(new TextEncoder().encode('and out'));
    await copying.closeStdin();
    const chunks = [];
    for await (const chunk of copying.output()) chunks.push(chunk);
    expect(chunks.map(({ text }) => text).join('')).toBe('in and out');
    const bytes = [];
    for await (const chunk of copying.bytes({ from: { stdout: 3 } })) bytes.push(...chunk.bytes);
    expect(new TextDecoder().decode(Uint8Array.from(bytes))).toBe('and out');
    const sleeping = await sandbox.exec(['sleep', '1000']);
    await sleeping.signal('SIGTERM');
    expect(await sleeping.result()).toMatchObject({ cause: 'signalled', signal: 'SIGTERM' });
    await sleeping.close();
    await expect(sleeping.result()).rejects.toBeInstanceOf(AbsentError);
    await sleeping.close();
  });

  test('has files, one at a time and as trees', async () => {
    const { files } = sandbox;
    await files.mkdir('/workspace/a/b', { parents: true });
    await files.write('/workspace/a/b/one.txt', 'eins', { mode: '600' });
    expect(await files.readText('/workspace/a/b/one.txt')).toBe('eins');
    expect(await files.read('/workspace/a/b/one.txt', { offset: 1, length: 2 })).toEqual(new TextEncoder().encode('in'));
    await files.rename('/workspace/a/b/one.txt', '/workspace/a/two.txt');
    expect(await files.stat('/workspace/a/two.txt')).toMatchObject({ type: 'file', mode: 0o600, sizeBytes: 4 });
    expect((await Array.fromAsync(files.list('/workspace/a', { recursive: true }))).map(({ path }) => path).sort()).toEqual(['b', 'two.txt']);
    await files.mkdir('/workspace/copy');
    await sandbox.upload('/workspace/copy', await sandbox.download('/workspace/a'));
    expect(await files.readText('/workspace/copy/two.txt')).toBe('eins');
    await files.remove('/workspace/copy', { recursive: true });
    await expect(files.stat('/workspace/copy')).rejects.toMatchObject({ name: 'RequestError', code: 'file_failed', details: { errno: 'ENOENT' } });
  });

  test('tells what happens to its files', async () => {
    const leave = new AbortController();
    const seen = (async () => {
      for await (const { path } of sandbox.files.watch('/workspace', { signal: leave.signal })) if (path === 'seen.txt') return true;
      return false;
    })();
    // The watch may begin after a write: it is written until it was seen.
    let isSeen = false;
    void seen.then(() => (isSeen = true));
    while (!isSeen) await sandbox.files.write('/workspace/seen.txt', String(Math.random()));
    expect(await seen).toBe(true);
    leave.abort();
  });

  test('has interpreters that keep what they were told', async () => {
    await using python = await sandbox.contexts.open({ language: 'python' });
    await python.run('n = 41');
    expect(await python.run('n + 1')).toMatchObject({ end: { cause: 'finished' }, shown: [{ type: 'result' }] });
    const types = [];
    for await (const { event, data } of python.events('print("said")\nn')) types.push(event === 'stdout' ? data.data : event);
    expect(types).toEqual(['started', 'said\n', 'result', 'end']);
    expect((await Array.fromAsync(sandbox.contexts.list())).map(({ id }) => id)).toEqual([python.id]);
  });
});

test('programs, policies, keys, secrets and approvals are asked for in the same words', async () => {
  expect(await glovebox.javascript.run('export default (a, b) => a + b', { args: [20, 22] })).toMatchObject({ cause: 'returned', result: 42 });
  expect(await glovebox.javascript.run('throw new TypeError("no")')).toMatchObject({ cause: 'threw', error: { name: 'TypeError', message: 'no' } });
  expect(await Array.fromAsync(glovebox.policies.names())).toContain('exec');
  const { rules } = await glovebox.policies.get('code-fix');
  expect(rules.length).toBeGreaterThan(0);
  expect(await glovebox.policies.decide('code-fix', { action: 'command.exec', argv: ['git', 'push'], cwd: '/workspace' })).toMatchObject({ effect: 'ask' });
  const made = await glovebox.keys.create({ name: 'reader', roles: ['viewer'] });
  await expect(new Glovebox({ url: server.url, key: () => Promise.resolve(made.key) }).sandboxes.create()).rejects.toBeInstanceOf(DeniedError);
  await glovebox.keys.revoke(made.id);
  await glovebox.secrets.set('forge', 'hunter2');
  expect((await Array.fromAsync(glovebox.secrets.list())).map(({ name }) => name)).toEqual(['forge']);
  await glovebox.secrets.remove('forge');
  expect(await Array.fromAsync(glovebox.approvals.list())).toEqual([]);
  expect(await Array.fromAsync(glovebox.runs.list())).toEqual([]);
});

describe('what goes wrong', () => {
  test('is an error of a class of its own, with the code that the server says', async () => {
    await expect(glovebox.sandboxes.create({ policy: 'no-such' })).rejects.toMatchObject({ name: 'RequestError', code: 'policy_not_found', status: 400 });
    const misspelt: object = { polcy: 'exec' };
    const error = await glovebox.sandboxes.create(misspelt).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RequestError);
    expect((error as RequestError).issues).toMatchObject([{ message: expect.stringContaining('polcy') }]);
    await expect(new Glovebox({ url: server.url, key: 'gbx_wrong' }).runs.get('run_0')).rejects.toBeInstanceOf(ForbiddenKeyError);
    await expect(glovebox.runs.get('run_0')).rejects.toBeInstanceOf(AbsentError);
  });

  test('ends with its signal, and gives the reason of that', async () => {
    const reason = new Error('enough');
    const command = await sandbox.exec(['sleep', '1000']);
    const stop = new AbortController();
    const waiting = [command.result({ signal: stop.signal }), read(command.output({ signal: stop.signal })), glovebox.runs.get('run_0', { signal: AbortSignal.abort(reason) })].map((each) => each.catch((thrown: unknown) => thrown));
    stop.abort(reason);
    for (const each of waiting) expect(await each).toBe(reason);
    await command.close();
  });
});

describe('a request is made again', () => {
  test('where that is safe, when the server says so, and no more often than was said', async () => {
    const seen: string[] = [];
    await using odd = await strange((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      if (seen.length <= 2) response.writeHead(503, { 'retry-after': '0' }).end();
      else response.writeHead(200, { 'content-type': 'application/json' }).end('{"items":["a"]}');
    });
    expect(await Array.fromAsync(odd.glovebox.policies.names())).toEqual(['a']);
    expect(seen).toHaveLength(3);
  });

  test('with a key by which the server knows it again', async () => {
    const keys: unknown[] = [];
    await using odd = await strange((request, response) => {
      keys.push(request.headers['idempotency-key']);
      response.writeHead(503, { 'retry-after': '0' }).end();
    });
    await expect(odd.glovebox.javascript.run('1')).rejects.toBeInstanceOf(UnavailableError);
    expect(keys).toEqual(Array.from({ length: 3 }, () => expect.stringMatching(/^[0-9a-f]{32}$/)));
    expect(new Set(keys).size).toBe(1);
    keys.length = 0;
    await expect(odd.glovebox.runs.create({ task: 't', repository: 'https://x/y', model: 'anthropic:x' }, { key: 'mine' })).rejects.toBeInstanceOf(UnavailableError);
    expect(keys).toEqual(['mine', 'mine', 'mine']);
  });

  test('not where it is a stream, of which a part may have been taken', async () => {
    const written: unknown[] = [];
    await using odd = await strange((request, response) => {
      if (request.url?.endsWith('close=false') === true) written.push(response.writeHead(503, { 'retry-after': '0' }).end());
      else response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"x","sandbox":"y","argv":["cat"]}');
    });
    const command = await (await odd.glovebox.sandboxes.get('y')).exec(['cat'], { openStdin: true });
    await expect(command.write('once')).rejects.toBeInstanceOf(UnavailableError);
    expect(written).toHaveLength(1);
  });

  test('where it was refused for being one too many', async () => {
    let asked = 0;
    await using odd = await strange((_request, response) => {
      asked += 1;
      response.writeHead(429, { 'retry-after': '0', 'content-type': 'application/problem+json' }).end(JSON.stringify({ status: 429, code: 'admission_full', detail: 'too many' }));
    });
    await expect(odd.glovebox.javascript.run('1')).rejects.toMatchObject({ constructor: LimitError, code: 'admission_full', retryAfterMs: 0 });
    expect(asked).toBe(3);
  });

  test('and says so where nobody answers at all', async () => {
    await using odd = await strange((request) => request.socket.destroy());
    await expect(odd.glovebox.policies.get('exec')).rejects.toBeInstanceOf(ConnectionError);
  });
});

test('output goes on at the byte where a connection was cut, again and again, without loss or repeat', async () => {
  await using cutting = await cuttingProxy(server.url, 150_000);
  const far = new Glovebox({ url: cutting.url, key: server.key, retries: { delayMs: 1 } });
  const there = await far.sandboxes.get(sandbox.id);
  const lines = 90_000;
  const command = await there.exec(`seq ${lines} | sed s/$/é/; echo done >&2`);
  const text = { stdout: '', stderr: '' };
  for await (const chunk of command.output()) {
    expect(chunk.offset).toBe(Buffer.byteLength(text[chunk.channel]));
    text[chunk.channel] += chunk.text;
  }
  expect(text.stdout).toBe(Array.from({ length: lines }, (_, at) => `${at + 1}é\n`).join(''));
  expect(text.stderr).toBe('done\n');
  expect(cutting.cuts()).toBeGreaterThan(3);
});

test('a terminal goes on where its connection was cut, with what is shown and with what is typed', async () => {
  await using cutting = await cuttingProxy(server.url, 150_000);
  const far = await new Glovebox({ url: cutting.url, key: server.key, retries: { delayMs: 1 } }).sandboxes.get(sandbox.id);
  const lines = 60_000;
  const command = await far.exec(['sh', '-c', `stty -echo; echo ready; read -r word; seq ${lines}; stty size; read -r last; echo "$word $last"; exit 4`], { terminal: { columns: 80, rows: 24 } });
  const terminal = command.terminal();
  let shown = '';
  for await (const bytes of terminal.output()) {
    shown += new TextDecoder().decode(bytes);
    if (shown === 'ready\r\n') {
      terminal.resize(100, 30);
      terminal.write('first\n');
    }
    if (shown.endsWith('30 100\r\n')) terminal.write('last\n');
  }
  expect(shown).toBe(`ready\r\n${Array.from({ length: lines }, (_, at) => `${at + 1}\r\n`).join('')}30 100\r\nfirst last\r\n`);
  expect(terminal.end).toMatchObject({ cause: 'exited', exitCode: 4 });
  expect(cutting.cuts()).toBeGreaterThan(1);
});

async function read(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _each of stream);
}

/** A server that answers as it is told to. */
async function strange(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const odd = createServer((request, response) => {
    request.resume();
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(odd, 'listening');
  const { port } = odd.address() as AddressInfo;
  return {
    glovebox: new Glovebox({ url: `http://127.0.0.1:${port}`, key: 'k', retries: { times: 2, delayMs: 1 } }),
    [Symbol.asyncDispose]: async () => {
      odd.closeAllConnections();
      odd.close();
      await once(odd, 'close');
    },
  };
}

/** In front of a server, and cuts each connection after it has passed on so many bytes of answers. */
async function cuttingProxy(url: string, bytes: number) {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  let cuts = 0;
  const proxy = createTcpServer((near) => {
    const far = connect(Number(port), hostname);
    let passed = 0;
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => [near, far].forEach((each) => each.destroy()));
    }
    near.pipe(far);
    far.on('data', (piece: Buffer) => {
      const left = bytes - passed;
      passed += piece.length;
      if (passed <= bytes) near.write(piece);
      else if (left >= 0) {
        cuts += 1;
        near.write(piece.subarray(0, left), () => near.destroy());
      }
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => void proxy.close());
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    cuts: () => cuts,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
