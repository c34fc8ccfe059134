import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Caller, serving } from '../support/server.ts';

let server: Awaited<ReturnType<typeof serving>>;
let admin: Caller;
let sandbox: string;
beforeAll(async () => {
  server = await serving();
  admin = server.as();
  sandbox = await admin.sandbox();
});
afterAll(() => server.stop());

interface Keyed {
  readonly as?: Caller;
  readonly signal?: AbortSignal;
}

async function write(key: string, method: string, path: string, body: unknown, { as = admin, signal }: Keyed = {}) {
  const isBytes = typeof body === 'string';
  const headers = { 'idempotency-key': key, ...(body === undefined ? {} : { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' }) };
  const response = await as.raw(method, path, { headers, ...(body === undefined ? {} : { body: isBytes ? body : JSON.stringify(body) }), ...(signal === undefined ? {} : { signal }) });
  const text = await response.text();
  return { status: response.status, replayed: response.headers.get('idempotent-replayed'), headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
}

const shell = (text: string): object => ({ argv: ['sh', '-c', text] });

test('what is asked for twice by one key is done once, and answered alike', async () => {
  const at = `/v1/sandboxes/${sandbox}/commands`;
  const first = await write('count', 'POST', at, shell('echo x >> counted; wc -l < counted'));
  const second = await write('count', 'POST', at, shell('echo x >> counted; wc -l < counted'));
  expect(first).toMatchObject({ status: 200, replayed: null, body: { stdout: '1\n' } });
  expect(second).toMatchObject({ status: 200, replayed: 'true', body: first.body });
  expect(await admin.command(sandbox, ['sh', '-c', 'wc -l < counted'])).toMatchObject({ stdout: '1\n' });
  expect(await write('count', 'POST', at, shell('echo other'))).toMatchObject({ status: 422, body: { code: 'key_reused' } });
  expect(await write('count', 'POST', `${at}?x=1`, shell('echo x >> counted; wc -l < counted'))).toMatchObject({ status: 422 });
  expect(await write('', 'POST', at, shell('true'))).toMatchObject({ status: 400 });
  const made = await Promise.all([write('make', 'POST', '/v1/sandboxes', { kind: 'process' }), write('make', 'POST', '/v1/sandboxes', { kind: 'process' })]);
  // The second may come when the first is done.
  for (const { status } of made) expect([201, 409]).toContain(status);
  const again = await write('make', 'POST', '/v1/sandboxes', { kind: 'process' });
  expect(again).toMatchObject({ status: 201, replayed: 'true' });
  expect(again.headers.get('location')).toBe(`/v1/sandboxes/${String(again.body['id'])}`);
  expect((await admin.call('GET', '/v1/sandboxes')).body['items']).toHaveLength(2);
  expect((await write('gone', 'DELETE', `/v1/sandboxes/${String(again.body['id'])}`, undefined)).status).toBe(204);
  expect(await write('gone', 'DELETE', `/v1/sandboxes/${String(again.body['id'])}`, undefined)).toMatchObject({ status: 204, replayed: 'true' });
  const them = await server.foreigner();
  expect(await write('make', 'POST', '/v1/sandboxes', { kind: 'process' }, { as: them })).toMatchObject({ status: 201, replayed: null });
});

test('a second that comes while the first is under way is told to come again, and a client that vanished finds its answer', async () => {
  const at = `/v1/sandboxes/${sandbox}/commands`;
  await admin.command(sandbox, ['mkfifo', '/workspace/go']);
  const waiting = shell('echo began > /workspace/began; cat /workspace/go; echo done');
  const leave = new AbortController();
  const first = write('slow', 'POST', at, waiting, { signal: leave.signal }).catch((error: unknown) => error);
  await admin.command(sandbox, ['sh', '-c', 'until test -e /workspace/began; do sleep 0.05; done']);
  const second = await write('slow', 'POST', at, waiting);
  expect(second).toMatchObject({ status: 409, body: { code: 'key_in_flight' } });
  expect(second.headers.get('retry-after')).toBe('1');
  leave.abort();
  expect(await first).toBeInstanceOf(DOMException);
  await admin.command(sandbox, ['sh', '-c', 'echo now > /workspace/go']);
  let third = await write('slow', 'POST', at, waiting);
  for (const deadline = Date.now() + 30_000; third.status === 409 && Date.now() < deadline; ) third = await write('slow', 'POST', at, waiting);
  expect(third).toMatchObject({ status: 200, replayed: 'true', body: { stdout: 'now\ndone\n' } });
});

test('bytes are compared as well, and what is told once is not told again', async () => {
  const at = `/v1/sandboxes/${sandbox}/files?path=/workspace/f`;
  expect((await write('file', 'PUT', at, 'one')).status).toBe(204);
  await admin.command(sandbox, ['sh', '-c', 'echo two > f']);
  expect(await write('file', 'PUT', at, 'one')).toMatchObject({ status: 204, replayed: 'true' });
  expect(await write('file', 'PUT', at, 'three')).toMatchObject({ status: 422, body: { code: 'key_reused' } });
  expect(await admin.command(sandbox, ['cat', 'f'])).toMatchObject({ stdout: 'two\n' });
  const made = await write('key', 'POST', '/v1/keys', { name: 'once' });
  expect(made.status).toBe(201);
  expect(await write('key', 'POST', '/v1/keys', { name: 'once' })).toMatchObject({ status: 409, body: { code: 'answer_not_kept' } });
  const { items } = (await admin.call('GET', '/v1/keys')).body as { items: { name: string }[] };
  expect(items.filter(({ name }) => name === 'once')).toHaveLength(1);
  const streams = await server.services.journal.streams({ prefix: 'request:' });
  const written = JSON.stringify(await Promise.all(streams.map(({ stream }) => server.services.journal.read(stream))));
  expect(written).not.toContain(String(made.body['key']).slice(20));
});
