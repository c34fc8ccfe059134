import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openServices } from '../../src/app.ts';
import { gitServer } from '../support/git-server.ts';
import { httpsServer } from '../support/https-server.ts';
import { type Caller, eventsOf, type SentEvent, serving, servingHere } from '../support/server.ts';
import { repositoryOf } from '../unit/workspace/support.ts';

let server: Awaited<ReturnType<typeof serving>>;
let admin: Caller;
beforeAll(async () => {
  server = await serving();
  admin = server.as();
});
afterAll(() => server.stop());

describe('who asks', () => {
  test('has a key, or is told how to say who he is', async () => {
    const nobody = await fetch(`${server.url}/v1/sandboxes`);
    expect(nobody.status).toBe(401);
    expect(nobody.headers.get('content-type')).toContain('application/problem+json');
    expect(await nobody.json()).toMatchObject({ code: 'unauthenticated', status: 401 });
    for (const key of ['gbx_000000000000000_aaaaaaaaaaaaaaaaaaaaaaaaaaa', 'x', server.key.slice(0, -1), `${server.key}A`]) expect((await server.as(key).call('GET', '/v1/sandboxes')).status).toBe(401);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  test('may do what the roles of his key say, until it expires or is revoked', async () => {
    const viewer = await admin.call('POST', '/v1/keys', { name: 'reader', roles: ['viewer'] });
    expect(viewer).toMatchObject({ status: 201, body: { name: 'reader', roles: ['viewer'] } });
    const reader = server.as(String(viewer.body['key']));
    expect((await reader.call('GET', '/v1/sandboxes')).status).toBe(200);
    expect(await reader.call('POST', '/v1/sandboxes', { kind: 'process' })).toMatchObject({ status: 403, body: { code: 'denied' } });
    expect((await reader.call('POST', '/v1/keys', { name: 'more' })).status).toBe(403);
    // What is kept of a key is not the key.
    expect(JSON.stringify(await admin.call('GET', '/v1/keys'))).not.toContain(String(viewer.body['key']).split('_')[2]);
    expect((await admin.call('DELETE', `/v1/keys/${String(viewer.body['id'])}`)).status).toBe(200);
    expect((await reader.call('GET', '/v1/sandboxes')).status).toBe(401);
    const short = await admin.call('POST', '/v1/keys', { name: 'short', roles: ['viewer'], expiresInMs: 1 });
    await sleep(5);
    expect((await server.as(String(short.body['key'])).call('GET', '/v1/sandboxes')).status).toBe(401);
    expect(await admin.call('POST', '/v1/keys', { name: 'odd', roles: ['emperor'] })).toMatchObject({ status: 400, body: { detail: expect.stringContaining('emperor') } });
  });

  test('of another tenant finds nothing of this one', async () => {
    const sandbox = await admin.sandbox();
    const them = await server.foreigner();
    expect((await them.call('GET', '/v1/sandboxes')).body).toEqual({ items: [] });
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/pause'],
      ['GET', '/commands'],
      ['GET', '/files/list?path=/workspace'],
    ] as const)
      expect(await them.call(method, `/v1/sandboxes/${sandbox}${path}`), `${method} ${path}`).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect((await them.call('GET', '/v1/secrets')).status).toBe(403);
    await admin.call('DELETE', `/v1/sandboxes/${sandbox}`);
  });
});

describe('a sandbox', () => {
  test('is opened, seen, listed by pages, and gone when it was deleted', async () => {
    const made = await Promise.all([1, 2, 3].map((n) => admin.sandbox({ labels: { n: String(n) } })));
    const first = await admin.call('GET', '/v1/sandboxes?limit=2');
    expect(first.body['items']).toHaveLength(2);
    const second = await admin.call('GET', `/v1/sandboxes?limit=2&cursor=${String(first.body['next'])}`);
    expect(second.body['next']).toBeUndefined();
    const listed = [first, second].flatMap(({ body }) => body['items'] as { id: string }[]).map(({ id }) => id);
    expect(new Set(listed)).toEqual(new Set(made));
    expect(await admin.call('GET', '/v1/sandboxes?cursor=nonsense')).toMatchObject({ status: 400 });
    for (const id of made) expect((await admin.call('DELETE', `/v1/sandboxes/${id}`)).status).toBe(204);
    expect((await admin.call('GET', `/v1/sandboxes/${made[0] ?? ''}`)).status).toBe(404);
    expect((await admin.call('GET', '/v1/sandboxes')).body).toEqual({ items: [] });
    expect(await server.services.sandboxes.list()).toEqual([]);
  });

  test('can be asked for less than its policy lends, and for nothing that policy does not know', async () => {
    const sandbox = await admin.sandbox({ session: { wallMs: 60_000 }, limits: { pids: 16 } });
    const { body } = await admin.call('GET', `/v1/sandboxes/${sandbox}`);
    expect(Number(body['expiresMs']) - Number(body['createdMs'])).toBe(60_000);
    expect(await admin.call('POST', '/v1/sandboxes', { policy: 'no-such' })).toMatchObject({ status: 400, body: { code: 'policy_not_found' } });
    expect(await admin.call('POST', '/v1/sandboxes', { polcy: 'exec' })).toMatchObject({ status: 400, body: { issues: [{ message: expect.stringContaining('polcy') }] } });
    await admin.call('DELETE', `/v1/sandboxes/${sandbox}`);
  });

  test('is copied: forks begin with its workspace, and what a snapshot would take the place of is protected as policy says', async () => {
    const sandbox = await admin.sandbox();
    await admin.command(sandbox, ['sh', '-c', 'echo one > a']);
    const snapshot = await admin.call('POST', `/v1/sandboxes/${sandbox}/snapshot`);
    expect(snapshot).toMatchObject({ status: 201, body: { files: 1 } });
    const forked = await admin.call('POST', `/v1/sandboxes/${sandbox}/fork`, { count: 2 });
    const forks = (forked.body['sandboxes'] as { id: string }[]).map(({ id }) => id);
    expect(forks).toHaveLength(2);
    for (const id of forks) expect(await admin.command(id, ['cat', 'a'])).toMatchObject({ stdout: 'one\n' });
    expect(await admin.call('POST', `/v1/sandboxes/${sandbox}/restore`, { snapshot: snapshot.body['id'] })).toMatchObject({ status: 403, body: { details: { action: 'file.delete' } } });
    for (const id of [sandbox, ...forks]) await admin.call('DELETE', `/v1/sandboxes/${id}`);
  });
});

describe('a command', () => {
  let sandbox: string;
  beforeAll(async () => {
    sandbox = await admin.sandbox();
  });
  afterAll(() => admin.call('DELETE', `/v1/sandboxes/${sandbox}`));

  test('that is waited for is answered with its end and its output', async () => {
    expect(await admin.command(sandbox, ['sh', '-c', 'cat; echo err >&2; exit 3'], { stdin: 'in' })).toMatchObject({ status: 'ended', stdout: 'in', stderr: 'err\n', end: { cause: 'exited', exitCode: 3 }, decision: { effect: 'allow' } });
    expect(await admin.command(sandbox, ['no-such-program'])).toMatchObject({ end: { cause: 'not_started', startError: 'ENOENT' } });
    expect(await admin.call('POST', `/v1/sandboxes/${sandbox}/commands`, { argv: ['a'], shell: 'b' })).toMatchObject({ status: 400, body: { detail: expect.stringContaining('either argv or shell') } });
  });

  test('in the background is waited for later, spoken to, signalled and forgotten', async () => {
    const started = await admin.command(sandbox, ['cat'], { background: true, openStdin: true });
    const at = `/v1/sandboxes/${sandbox}/commands/${String(started['id'])}`;
    expect(started).toMatchObject({ status: 'running' });
    expect((await admin.call('GET', `${at}?waitMs=50`)).body).toMatchObject({ status: 'running' });
    const octets = { 'content-type': 'application/octet-stream' };
    expect((await admin.raw('POST', `${at}/stdin`, { body: 'hello ', headers: octets })).status).toBe(204);
    expect((await admin.raw('POST', `${at}/stdin?close=true`, { body: 'world', headers: octets })).status).toBe(204);
    expect((await admin.call('GET', `${at}?waitMs=20000`)).body).toMatchObject({ status: 'ended', stdout: 'hello world', end: { exitCode: 0 } });
    expect((await admin.call('DELETE', at)).status).toBe(204);
    expect((await admin.call('GET', at)).status).toBe(404);
    const sleeper = await admin.command(sandbox, ['sleep', '1000'], { background: true });
    const there = `/v1/sandboxes/${sandbox}/commands/${String(sleeper['id'])}`;
    expect((await admin.call('POST', `${there}/signal`, { signal: 'SIGTERM' })).status).toBe(204);
    expect((await admin.call('GET', `${there}?waitMs=20000`)).body).toMatchObject({ end: { cause: 'signalled', signal: 'SIGTERM' } });
  });

  test('is listened to as it speaks, by as many as want to, and again from where a connection broke, without loss or repeat', async () => {
    // More than is kept in memory, with characters of more than a byte.
    const bytes = 300_000;
    const started = await admin.command(sandbox, ['sh', '-c', `yes é | head -c ${bytes}; echo done >&2`], { background: true });
    const at = `/v1/sandboxes/${sandbox}/commands/${String(started['id'])}/output`;
    const texts = await Promise.all(
      [1, 2].map(async () => {
        const read = { stdout: '', stderr: '' };
        let last = '';
        for (let end: SentEvent | undefined; end === undefined; ) {
          let count = 0;
          for await (const event of eventsOf(await admin.raw('GET', at, { headers: { 'last-event-id': last } }))) {
            last = event.id;
            if (event.event === 'end') end = event;
            else {
              const channel = event.event === 'stdout' ? 'stdout' : 'stderr';
              expect(event.data['offset']).toBe(Buffer.byteLength(read[channel]));
              read[channel] += String(event.data['data']);
            }
            // The reader leaves in the middle, and comes back.
            if ((count += 1) === 3) break;
          }
        }
        return read;
      }),
    );
    for (const { stdout, stderr } of texts) {
      expect(stdout).toBe('é\n'.repeat(bytes / 3));
      expect(stderr).toBe('done\n');
    }
    expect((await admin.raw('GET', at, { headers: { 'last-event-id': 'x' } })).status).toBe(400);
  });

  test('ends when the client that waits for it has gone', async () => {
    const leave = new AbortController();
    const asking = admin.raw('POST', `/v1/sandboxes/${sandbox}/commands`, { body: JSON.stringify({ argv: ['sleep', '1001'] }), headers: { 'content-type': 'application/json' }, signal: leave.signal }).catch((error: unknown) => error);
    const running = async (): Promise<string> => String((await admin.command(sandbox, ['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "']))['stdout']);
    await until(async () => (await running()).includes('sleep 1001'), 'the command runs');
    leave.abort();
    await asking;
    await until(async () => !(await running()).includes('sleep 1001'), 'the command has ended');
  });
});

describe('files', () => {
  let sandbox: string;
  let files: string;
  beforeAll(async () => {
    sandbox = await admin.sandbox();
    files = `/v1/sandboxes/${sandbox}/files`;
  });
  afterAll(() => admin.call('DELETE', `/v1/sandboxes/${sandbox}`));
  const octets = { 'content-type': 'application/octet-stream' };

  test('are written, read in parts, listed, moved and removed', async () => {
    const content = randomBytes(200_000);
    expect((await admin.raw('PUT', `${files}?path=/workspace/deep/er/a.bin&parents=true&mode=600`, { body: content, headers: octets })).status).toBe(204);
    expect(Buffer.from(await (await admin.raw('GET', `${files}?path=/workspace/deep/er/a.bin`)).arrayBuffer())).toEqual(content);
    expect(Buffer.from(await (await admin.raw('GET', `${files}?path=/workspace/deep/er/a.bin&offset=100&length=50`)).arrayBuffer())).toEqual(content.subarray(100, 150));
    expect((await admin.call('GET', `${files}/stat?path=/workspace/deep/er/a.bin`)).body).toMatchObject({ type: 'file', sizeBytes: content.length, mode: 0o600 });
    expect((await admin.call('POST', `${files}/rename`, { from: '/workspace/deep/er/a.bin', to: '/workspace/b.bin' })).status).toBe(204);
    expect((await admin.call('GET', `${files}/list?path=/workspace&recursive=true`)).body).toMatchObject({ items: expect.arrayContaining([expect.objectContaining({ path: 'b.bin' }), expect.objectContaining({ path: 'deep/er' })]) });
    expect((await admin.raw('DELETE', `${files}?path=/workspace/deep&recursive=true`)).status).toBe(204);
    expect(await admin.call('GET', `${files}/stat?path=/workspace/deep`)).toMatchObject({ status: 422, body: { code: 'file_failed', details: { errno: 'ENOENT' } } });
  });

  test('travel as trees', async () => {
    await admin.command(sandbox, ['sh', '-c', 'mkdir tree && for i in $(seq 300); do echo $i > tree/$i; done']);
    const tar = Buffer.from(await (await admin.raw('GET', `/v1/sandboxes/${sandbox}/archive?path=/workspace/tree`)).arrayBuffer());
    await admin.command(sandbox, ['mkdir', 'copy']);
    expect((await admin.raw('PUT', `/v1/sandboxes/${sandbox}/archive?path=/workspace/copy`, { body: tar, headers: { 'content-type': 'application/x-tar' } })).status).toBe(204);
    expect(await admin.command(sandbox, ['sh', '-c', 'diff -r tree copy && ls copy | wc -l'])).toMatchObject({ stdout: '300\n', end: { exitCode: 0 } });
  });

  test('are watched', async () => {
    const leave = new AbortController();
    const response = await admin.raw('GET', `${files}/watch?path=/workspace`, { signal: leave.signal });
    const seen = (async () => {
      for await (const { event, data } of eventsOf(response)) if (event === 'change' && data['path'] === 'new.txt') return true;
      return false;
    })();
    await until(async () => {
      await admin.raw('PUT', `${files}?path=/workspace/new.txt`, { body: String(Math.random()), headers: octets });
      return Promise.race([seen, sleep(200, false)]);
    }, 'the change is told');
    leave.abort();
  });
});

test('an interpreter keeps its state from call to call, and is interrupted', async () => {
  const sandbox = await admin.sandbox();
  const contexts = `/v1/sandboxes/${sandbox}/contexts`;
  const opened = await admin.call('POST', contexts, { language: 'python' });
  expect(opened).toMatchObject({ status: 201, body: { language: 'python', version: expect.stringMatching(/^3\./) } });
  const at = `${contexts}/${String(opened.body['id'])}`;
  expect((await admin.call('POST', `${at}/calls`, { code: 'n = 41\nprint("set")' })).body).toMatchObject({ stdout: 'set\n', end: { cause: 'finished' } });
  expect((await admin.call('POST', `${at}/calls`, { code: 'n + 1' })).body).toMatchObject({ shown: [{ type: 'result', display: { data: { 'text/plain': '42' } } }] });
  const streamed = await admin.raw('POST', `${at}/calls`, { body: JSON.stringify({ code: 'print("on", flush=True)\nimport time\ntime.sleep(1000)' }), headers: { 'content-type': 'application/json', accept: 'text/event-stream' } });
  const events: SentEvent[] = [];
  for await (const event of eventsOf(streamed)) {
    events.push(event);
    if (event.event === 'stdout') await admin.raw('POST', `${at}/interrupt`);
  }
  expect(events.map(({ event }) => event)).toEqual(['started', 'stdout', 'error', 'end']);
  expect(events.at(-1)?.data).toMatchObject({ end: { cause: 'interrupted', state: 'kept' } });
  expect((await admin.call('DELETE', at)).status).toBe(204);
  expect((await admin.call('POST', `${at}/calls`, { code: '1' })).status).toBe(404);
  await admin.call('DELETE', `/v1/sandboxes/${sandbox}`);
});

test('a run is made once for a key, told something, paused and cancelled; nothing of the server’s own machine can be named', async () => {
  const folder = repositoryOf({ 'a.txt': 'a\n' });
  const { address, certificate } = await httpsServer(gitServer(dirname(folder)));
  const own = await servingHere({}, { GIT_SSL_CAINFO: certificate, OPENAI_API_KEY: 'key' });
  const client = own.as();
  const run = { task: 'mend it', repository: `${address}/repository/.git`, model: 'openai:any' };
  const create = async (body: object) => {
    const response = await client.raw('POST', '/v1/runs', { body: JSON.stringify(body), headers: { 'content-type': 'application/json', 'idempotency-key': 'one' } });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const made = await create(run);
  expect(made).toMatchObject({ status: 201, body: { task: 'mend it', running: false } });
  const id = String(made.body['id']);
  expect((await create(run)).body['id']).toBe(id);
  expect(await create({ ...run, task: 'something else' })).toMatchObject({ status: 422, body: { code: 'key_reused' } });
  expect((await client.call('POST', `/v1/runs/${id}/say`, { text: 'keep it small' })).status).toBe(202);
  expect((await client.call('POST', `/v1/runs/${id}/pause`)).status).toBe(202);
  expect((await client.call('POST', `/v1/runs/${id}/cancel`, { why: 'not needed' })).status).toBe(202);
  expect((await client.call('GET', `/v1/runs/${id}`)).body).toMatchObject({ status: 'ended', summary: { outcome: 'cancelled' } });
  const seen: string[] = [];
  for await (const { event } of eventsOf(await client.raw('GET', `/v1/runs/${id}/events`))) seen.push(event);
  expect(seen).toEqual(['run.created', 'run.queued', 'run.said', 'run.pause_asked', 'run.cancel_asked', 'run.ended']);
  for (const odd of [{ repository: folder }, { repository: `file://${folder}` }, { model: `transcript:${folder}/x.yaml` }, { policy: '../../etc/policy.yaml' }]) {
    expect((await client.call('POST', '/v1/runs', { ...run, ...odd })).status, JSON.stringify(odd)).toBe(400);
  }
});

test('a program runs in an isolate', async () => {
  expect((await admin.call('POST', '/v1/javascript', { source: 'console.log("a"); export default (n: number) => n * 2', language: 'typescript', args: [21] })).body).toMatchObject({ cause: 'returned', result: 42, console: [{ level: 'log', text: 'a' }] });
  expect((await admin.call('POST', '/v1/javascript', { source: 'throw new TypeError("no")' })).body).toMatchObject({ cause: 'threw', error: { name: 'TypeError', message: 'no' } });
});

test('policies are asked without anything being done', async () => {
  expect((await admin.call('GET', '/v1/policies')).body['items']).toEqual(expect.arrayContaining(['exec', 'code-fix']));
  expect((await admin.call('POST', '/v1/policies/code-fix/decide', { request: { action: 'command.exec', argv: ['sudo', 'id'], cwd: '/workspace' } })).body).toMatchObject({ effect: 'deny', reason: { file: expect.stringContaining('policy.yaml') } });
  expect((await admin.call('POST', '/v1/policies/code-fix/decide', { request: { action: 'nonsense' } })).body).toMatchObject({ effect: 'deny' });
  expect((await admin.call('GET', '/v1/policies/..%2f..%2fetc')).status).toBe(400);
});

test('secrets are kept, listed by name and never told', async () => {
  expect((await admin.call('PUT', '/v1/secrets/token', { value: 'hush-hush-hush' })).status).toBe(204);
  const listed = await admin.call('GET', '/v1/secrets');
  expect(listed.body).toMatchObject({ items: [{ name: 'token' }] });
  expect(JSON.stringify(listed)).not.toContain('hush');
  expect((await admin.call('DELETE', '/v1/secrets/token')).status).toBe(204);
});

test('the document of the API has every route with a name of its own, is valid to an outside validator, and the pages of it are there', async () => {
  const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as OpenApi;
  expect(await new Validator().validate({ ...document })).toEqual({ valid: true });
  expect(document.openapi).toBe('3.1.0');
  expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(['/v1/sandboxes', '/v1/sandboxes/{id}/commands', '/v1/approvals/{id}/answer']));
  const operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ at: `${method} ${path}`, ...operation })));
  const names = operations.map(({ operationId }) => operationId);
  expect(names).not.toContain(undefined);
  expect(new Set(names).size).toBe(names.length);
  for (const { at, responses } of operations.filter((operation) => operation.at.includes('/v1/'))) {
    expect(Object.keys(responses).some((status) => /^(?:2|101)/.test(status)), at).toBe(true);
    expect(responses, at).toMatchObject({ '401': { $ref: '#/components/responses/Unauthenticated' }, default: { $ref: '#/components/responses/Failed' } });
  }
  expect(document.components.responses['Failed']).toMatchObject({ content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } });
  expect((await fetch(`${server.url}/docs`)).status).toBe(200);
});

interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId?: string; readonly responses: Readonly<Record<string, unknown>> }>>>>;
  readonly components: { readonly responses: Readonly<Record<string, unknown>> };
}

describe('bad requests', () => {
  test('are answered with a problem that says what to do', async () => {
    for (const [init, status] of [
      [{ body: '{', headers: { 'content-type': 'application/json' } }, 400],
      [{ body: 'x', headers: { 'content-type': 'text/weird' } }, 415],
      [{ body: JSON.stringify({ policy: 'x'.repeat(20_000_000) }), headers: { 'content-type': 'application/json' } }, 413],
    ] as const) {
      const response = await admin.raw('POST', '/v1/sandboxes', init);
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toContain('application/problem+json');
    }
    expect(await admin.call('GET', '/v1/nothing')).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });

  test('are too many from one key at some point, and it is said when to come back', async () => {
    const strict = await servingHere({ requestsPerMinute: 3 });
    const statuses = await Promise.all(Array.from({ length: 6 }, () => strict.as().raw('GET', '/v1/policies')));
    const refused = statuses.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(3);
    expect(refused[0]?.headers.get('retry-after')).toMatch(/^\d+$/);
  });

  test('are shed while the server falls behind, with a time to come again', async () => {
    const late = await servingHere({ mostLateMs: 0.001 });
    let response: Response | undefined;
    await until(async () => (response = await late.as().raw('GET', '/v1/policies')).status === 503, 'it says that it is too busy');
    expect(response?.headers.get('retry-after')).toBe('5');
    expect(await response?.json()).toMatchObject({ code: 'admission_full', status: 503 });
  });

  test('of listening elsewhere in plain text are refused', async () => {
    await expect(server.services.serve({ host: '0.0.0.0', port: 0 })).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining('--tls-key') });
  });
});

test('nothing is left when the server stops, whatever clients had open', async () => {
  const other = await serving();
  const client = other.as();
  const sandbox = await client.sandbox();
  await client.command(sandbox, ['sleep', '1000'], { background: true });
  expect(await other.services.sandboxes.list()).toHaveLength(1);
  await other.end();
  await using after = await openServices({ env: { ...process.env, GLOVEBOX_HOME: other.home }, version: 'test' });
  expect(await after.sandboxes.list()).toEqual([]);
  await other.stop();
  await expect(client.call('GET', '/v1/sandboxes')).rejects.toThrow();
});

/** Errors: what was waited for, when it does not come. */
async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 30_000; ; ) {
    if (await holds()) return;
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
  }
}
