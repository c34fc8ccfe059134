import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { derivedId, randomIds, requestHash, systemClock } from '../../src/contracts/index.ts';
import { fitting } from '../support/api-arbitraries.ts';
import { documentedOperations, filled, type Operation, type Schema } from '../support/api-document.ts';
import { type Caller, serving, servingHere } from '../support/server.ts';

// Rows 99 to 105 of the corpus: what a service must withstand. Routes are those that the document has, so that none is forgotten.
let server: Awaited<ReturnType<typeof serving>>;
let admin: Caller;
let them: Caller;
let operations: readonly Operation[];
let schemas: Readonly<Record<string, Schema>>;
let real: (operation: Operation) => (name: string) => string;

beforeAll(async () => {
  server = await serving({ deadlines: { headersMs: 500, bodyMs: 500 } });
  admin = server.as();
  them = await server.foreigner();
  ({ operations, schemas } = await documentedOperations(server.url));
  real = await things();
});
afterAll(() => server.stop());

const ASKED = { action: 'command.exec', argv: ['git', 'push'], cwd: '/workspace' } as const;

/** One of everything that has an id, of the administrator's tenant. */
async function things(): Promise<typeof real> {
  const { journal, principal } = server.services;
  const sandbox = await admin.sandbox();
  const command = String((await admin.command(sandbox, ['cat'], { background: true, terminal: { columns: 80, rows: 24 } }))['id']);
  const context = String((await admin.call('POST', `/v1/sandboxes/${sandbox}/contexts`, { language: 'python' })).body['id']);
  const key = String((await admin.call('POST', '/v1/keys', { name: 'mine' })).body['id']);
  const ids = randomIds(systemClock);
  const approval = ids.next('apr');
  const binding = { requestHash: requestHash(ASKED), policyHash: 'sha256:0', stream: 'ses_x', session: 'ses_x', tenant: principal.tenant, askedBy: 'key:other', request: ASKED, reason: { effect: 'ask' as const, rule: 'r', text: 't' }, policy: 'p', by: ['approver'], own: true, expiresAtMs: Date.now() + 3_600_000 };
  await journal.append(approval, [{ type: 'approval.requested', data: binding }], { tenant: principal.tenant });
  const run = ids.next('run');
  const options = { principal: { ...principal }, model: 'openai:any', policy: 'code-fix', policyHash: 'sha256:0', image: 'node', notes: [], versions: {} };
  await journal.append(run, [{ type: 'run.created', data: { task: 't', repository: 'https://x.test/y', baseTree: '4b825dc642cb6eb9a060e54bf8d69288fbee4904', options } }], { tenant: principal.tenant });
  await admin.call('PUT', '/v1/secrets/token', { value: 'hush-hush-hush' });
  const byNoun: Readonly<Record<string, string>> = { sandboxes: sandbox, runs: run, approvals: approval, keys: key };
  return ({ path }) => (name) => {
    if (name === 'command') return command;
    if (name === 'context') return context;
    if (name === 'name') return path.startsWith('/v1/policies') ? 'exec' : 'token';
    return byNoun[path.split('/')[2] ?? ''] ?? 'nothing';
  };
}

/** What fits where the schema alone does not say all. */
const BODIES: Readonly<Record<string, unknown>> = { createSandbox: { kind: 'process' }, runCommand: { argv: ['true'] }, forkRun: { step: 0 }, answerApproval: { answer: 'once', requestHash: requestHash(ASKED) }, createRun: { task: 't', repository: 'https://x.test/y', model: 'openai:any' } };

/** A request that everything is right with but who sends it. */
function proper(operation: Operation): { readonly method: string; readonly target: string; readonly body: string | undefined; readonly type: string | undefined } {
  const { id, method, path, query, body } = operation;
  const one = (schema: Schema): unknown => fc.sample(fitting(schema, schemas), { seed: 1, numRuns: 1 })[0];
  const search = query.filter(({ required }) => required).map(({ name, schema }) => `${name}=${encodeURIComponent(name === 'path' ? '/workspace/x' : String(one(schema)))}`);
  const target = `${filled(path, real(operation))}${search.length === 0 ? '' : `?${search.join('&')}`}`;
  return { method, target, type: body?.mediaType, body: body === undefined ? undefined : body.mediaType === 'application/json' ? JSON.stringify(BODIES[id] ?? one(body.schema)) : 'bytes' };
}

async function sent(as: Caller, operation: Operation): Promise<{ status: number; code: unknown }> {
  const { method, target, body, type } = proper(operation);
  const response = await as.raw(method, target, { ...(body === undefined ? {} : { body }), headers: type === undefined ? {} : { 'content-type': type } });
  const answer = response.headers.get('content-type')?.includes('json') === true ? ((await response.json()) as Record<string, unknown>) : {};
  return { status: response.status, code: answer['code'] };
}

const isOfTenant = ({ path }: Operation): boolean => path.startsWith('/v1/') && /\{(?:id|command|context)\}/.test(path);

describe('99: an id of another tenant', () => {
  test('is not there, on whichever route it is used; and it is, for its own tenant', async () => {
    const withIds = operations.filter(isOfTenant);
    expect(withIds.length).toBeGreaterThan(40);
    const found: string[] = [];
    for (const operation of withIds) {
      const { status, code } = await sent(them, operation);
      // A terminal is a WebSocket: test/integration/server-terminals.test.ts.
      const expected = operation.id === 'openTerminal' ? 400 : 404;
      if (status !== expected) found.push(`${operation.id}: ${status} ${String(code)}`);
    }
    expect(found).toEqual([]);
    const seen = withIds.filter(({ method, id, path }) => method === 'GET' && /\{(?:id|command)\}$/.test(path) && id !== 'openTerminal');
    for (const operation of seen) expect(await sent(admin, operation), operation.id).toMatchObject({ status: 200 });
  });

  test('is in no list of another, and what is the installation’s is nobody’s but its operator’s', async () => {
    for (const path of ['/v1/sandboxes', '/v1/runs', '/v1/approvals']) expect((await them.call('GET', path)).body['items'], path).toEqual([]);
    const { items } = (await them.call('GET', '/v1/keys')).body as { items: { name: string }[] };
    expect(items.map(({ name }) => name)).toEqual(['theirs']);
    for (const operation of operations.filter(({ path }) => path.startsWith('/v1/secrets'))) expect(await sent(them, operation), operation.id).toMatchObject({ status: 403 });
  });
});

describe('100: a key', () => {
  test('that is none, of nobody, or forged opens no route at all', async () => {
    const forged = ['', 'x', 'gbx_', server.key.slice(0, -1), `${server.key}A`, `${server.key.slice(0, -1)}${server.key.endsWith('A') ? 'B' : 'A'}`, server.key.toUpperCase(), `${server.key}%00`];
    for (const operation of operations.filter(({ path }) => path.startsWith('/v1/'))) {
      const { method, target } = proper(operation);
      expect((await fetch(`${server.url}${target}`, { method })).status, operation.id).toBe(401);
    }
    for (const key of forged) expect((await server.as(key).raw('GET', '/v1/sandboxes')).status, key).toBe(401);
  });

  test('that expired, was revoked, or has too little a role does nothing more', async () => {
    const made = await admin.call('POST', '/v1/keys', { name: 'reader', roles: ['viewer'] });
    const reader = server.as(String(made.body['key']));
    for (const operation of operations.filter(({ path, method }) => path.startsWith('/v1/') && method !== 'GET')) {
      const { status } = await sent(reader, operation);
      // What a reader may do by POST is to ask.
      expect(ASKING.has(operation.id) ? [200, 400, 404, 503] : [403, 409], `${operation.id} ${status}`).toContain(status);
    }
    await admin.call('DELETE', `/v1/keys/${String(made.body['id'])}`);
    expect((await reader.call('GET', '/v1/sandboxes')).status).toBe(401);
  });
  /** They read, and change nothing. */
  const ASKING: ReadonlySet<string> = new Set(['askPolicy', 'explainPolicy', 'testPolicy', 'backtestPolicy', 'replayRun']);
});

test('101: an approval counts for what was shown, once', async () => {
  const { journal, principal } = server.services;
  const approval = randomIds(systemClock).next('apr');
  const data = { requestHash: requestHash(ASKED), policyHash: 'sha256:0', stream: 'ses_y', session: 'ses_y', tenant: principal.tenant, askedBy: 'key:other', request: ASKED, reason: { effect: 'ask' as const, rule: 'r', text: 't' }, policy: 'p', by: ['administrator'], own: true, expiresAtMs: Date.now() + 3_600_000 };
  await journal.append(approval, [{ type: 'approval.requested', data }], { tenant: principal.tenant });
  const answer = (hash: string, by = admin) => by.call('POST', `/v1/approvals/${approval}/answer`, { answer: 'once', requestHash: hash });
  expect(await answer(requestHash({ ...ASKED, argv: ['git', 'push', '--force'] }))).toMatchObject({ status: 409, body: { code: 'approval_refused', details: { reason: 'altered' } } });
  expect(await answer(data.requestHash, them)).toMatchObject({ status: 404 });
  expect(await answer(data.requestHash)).toMatchObject({ status: 200, body: { status: 'answered' } });
  expect(await answer(data.requestHash)).toMatchObject({ status: 409, body: { details: { reason: 'answered' } } });
  const late = derivedId('apr', 'late');
  await journal.append(late, [{ type: 'approval.requested', data: { ...data, expiresAtMs: Date.now() - 1 } }], { tenant: principal.tenant });
  expect(await admin.call('POST', `/v1/approvals/${late}/answer`, { answer: 'once', requestHash: data.requestHash })).toMatchObject({ status: 409, body: { details: { reason: 'expired' } } });
});

// Every single alteration: test/integration/audit.suite.ts.
test('102: a row of the journal that is altered, removed or put elsewhere is found over HTTP', async () => {
  const own = await servingHere();
  const client = own.as();
  for (const name of ['a', 'b', 'c', 'd']) await client.call('POST', '/v1/keys', { name });
  await client.call('POST', '/v1/audit/checkpoints');
  const verify = async (): Promise<number> => ((await client.call('POST', '/v1/audit/verify', {})).body['findings'] as unknown[]).length;
  expect(await verify()).toBe(0);
  using database = new DatabaseSync(join(own.home, 'journal.db'));
  const alter = (sql: string): void => database.exec(`PRAGMA foreign_keys = OFF; ${sql}`);
  for (const [what, there, back] of [
    ['altered', "UPDATE events SET time_ms = time_ms + 1 WHERE stream = 'api-keys' AND seq = 2", "UPDATE events SET time_ms = time_ms - 1 WHERE stream = 'api-keys' AND seq = 2"],
    ['put elsewhere', "UPDATE events SET seq = 99 WHERE stream = 'api-keys' AND seq = 2; UPDATE events SET seq = 2 WHERE stream = 'api-keys' AND seq = 3; UPDATE events SET seq = 3 WHERE stream = 'api-keys' AND seq = 99", "UPDATE events SET seq = 99 WHERE stream = 'api-keys' AND seq = 2; UPDATE events SET seq = 2 WHERE stream = 'api-keys' AND seq = 3; UPDATE events SET seq = 3 WHERE stream = 'api-keys' AND seq = 99"],
    ['removed', "DELETE FROM events WHERE stream = 'api-keys' AND seq = 2", undefined],
  ] as const) {
    alter(there);
    expect(await verify(), what).toBeGreaterThan(0);
    if (back === undefined) continue;
    alter(back);
    expect(await verify(), `${what}, and back`).toBe(0);
  }
});

describe('103: a request', () => {
  test('that is too large or too deep is refused before it costs anything', async () => {
    const post = (body: string, headers: Record<string, string> = {}) => admin.raw('POST', '/v1/sandboxes', { body, headers: { 'content-type': 'application/json', ...headers } });
    expect((await post(JSON.stringify({ policy: 'x'.repeat(17 * 1_048_576) }))).status).toBe(413);
    for (const deep of ['['.repeat(200_000), `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`, `{"policy":${'['.repeat(101)}${']'.repeat(101)}}`]) {
      const answer = await post(deep);
      expect([answer.status, await answer.json()]).toMatchObject([400, { detail: expect.stringContaining('100 deep') }]);
    }
    expect((await post(`{"policy":"${'['.repeat(1000)}"}`)).status).toBe(400);
    expect((await admin.raw('GET', '/v1/sandboxes', { headers: { 'x-large': 'a'.repeat(40_000) } })).status).toBe(431);
  });

  test('that does not come to its end is not waited for', async () => {
    const { port } = new URL(server.url);
    const trickle = async (...pieces: readonly string[]): Promise<string> => {
      const socket = connect(Number(port), '127.0.0.1');
      for (const piece of pieces) socket.write(piece);
      const closed = once(socket, 'close', { signal: AbortSignal.timeout(60_000) });
      const [answer] = await Promise.all([text(socket), closed]);
      return answer;
    };
    const head = `POST /v1/sandboxes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.key}\r\nContent-Type: application/json\r\n`;
    expect(await trickle('GET /v1/sandboxes HTTP/1.1\r\nHost: x\r\nX-Slow: ')).toMatch(/^HTTP\/1\.1 408 [\s\S]*application\/problem\+json/);
    expect(await trickle(`${head}Content-Length: 100\r\n\r\n`, '{"policy":')).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"deadline"/);
    expect(await trickle('GARBAGE\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*application\/problem\+json/);
    expect(await trickle(`${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('for more than a tenant may have is told so, and others have theirs', async () => {
    const own = await servingHere({ sandboxesPerTenant: 2, spool: { files: 1, bytes: 1_000_000 } });
    const client = own.as();
    const first = await client.sandbox();
    await client.sandbox();
    const refused = await client.call('POST', '/v1/sandboxes', { kind: 'process' });
    expect(refused).toMatchObject({ status: 429, body: { code: 'admission_full', detail: expect.stringContaining('may have 2') } });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await client.call('POST', `/v1/sandboxes/${first}/fork`, {})).toMatchObject({ status: 429 });
    expect((await (await own.foreigner()).call('POST', '/v1/sandboxes', { kind: 'process' })).status).toBe(201);
    // Output that takes the only file of the spool: nothing more is begun until it may go.
    const loud = await client.command(first, ['sh', '-c', 'head -c 200000 /dev/zero; echo loud >&2; cat'], { background: true, openStdin: true });
    const at = `/v1/sandboxes/${first}/commands/${String(loud['id'])}`;
    const output = await client.raw('GET', `${at}/output?stdout=200000`);
    for await (const piece of output.body ?? []) if (Buffer.from(piece).includes('loud')) break;
    expect(await client.call('POST', `/v1/sandboxes/${first}/commands`, { argv: ['true'] })).toMatchObject({ status: 429, body: { detail: expect.stringContaining('output') } });
    await client.call('DELETE', at);
    expect((await client.call('POST', `/v1/sandboxes/${first}/commands`, { argv: ['true'] })).status).toBe(200);
  });
});

test('104: a path in place of an id or a name leads nowhere', async () => {
  const odd: string[] = [];
  for (const operation of operations.filter(({ path }) => path.includes('{'))) {
    const { method, body, type } = proper(operation);
    for (const hostile of ['..%2f..%2f..%2fetc%2fpasswd', '%2e%2e', '%2fetc%2fpasswd', 'a%00b', '%5c..%5c..%5cx', '__proto__', 'constructor', '%']) {
      const target = filled(operation.path, () => hostile);
      const response = await admin.raw(method, `${target}?path=/workspace/x`, { ...(body === undefined ? {} : { body }), headers: type === undefined ? {} : { 'content-type': type } });
      await response.body?.cancel();
      // It is a name as good as any.
      if (hostile === 'constructor' && operation.path.startsWith('/v1/secrets')) continue;
      if (response.status < 400 || response.status >= 500) odd.push(`${operation.id} ${hostile}: ${response.status}`);
    }
  }
  expect(odd).toEqual([]);
  const files = filled('/v1/sandboxes/{id}/files', real(operations.find(({ id }) => id === 'readFile') as Operation));
  for (const path of ['../../etc/passwd', 'etc/passwd', '/workspace/../../../etc/hostname\0', '']) expect((await admin.raw('GET', `${files}?path=${encodeURIComponent(path)}`)).status, path).toSatisfy((status) => status === 400 || status === 422);
  for (const path of ['/workspace/../etc/passwd', '/proc/self/environ', '/etc/shadow']) {
    const octets = { 'content-type': 'application/octet-stream' };
    expect((await admin.raw('PUT', `${files}?path=${encodeURIComponent(path)}`, { body: 'x', headers: octets })).status, path).toBeGreaterThanOrEqual(400);
  }
});

test('105: what clients say stays one line of one entry, wherever it is written down or told', async () => {
  const evil = 'x\r\n{"level":"info","msg":"all is well"}\u001B[2J\u2028y';
  const sandbox = await admin.sandbox({ labels: { note: evil } });
  await admin.call('POST', `/v1/sandboxes/${sandbox}/commands`, { argv: ['echo', evil] });
  await admin.call('POST', '/v1/policies/exec/decide', { request: { action: evil } });
  const export_ = await (await admin.raw('GET', '/v1/audit/export')).text();
  for (const line of export_.trim().split('\n')) expect(() => JSON.parse(line) as unknown, line).not.toThrow();
    expect(controls(export_)).toEqual(['\n']);
  for (const path of [`/v1/${encodeURIComponent(evil)}`, `/v1/sandboxes/${encodeURIComponent(evil)}`, `/v1/runs?cursor=${encodeURIComponent(evil)}`]) {
    const response = await admin.raw('GET', path);
    expect(controls(await response.text()), path).toEqual([]);
    expect(response.headers.get('x-injected')).toBeNull();
  }
  expect((await admin.call('POST', '/v1/keys', { name: evil })).status).toBe(400);
  await admin.call('DELETE', `/v1/sandboxes/${sandbox}`);
});

/** Each that is in it, once. */
function controls(said: string): readonly string[] {
  return [...new Set(said)].filter((character) => character < ' ');
}
