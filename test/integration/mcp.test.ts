import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { dirname } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { randomIds, systemClock } from '../../src/contracts/index.ts';
import { gitServer } from '../support/git-server.ts';
import { httpsServer } from '../support/https-server.ts';
import { servingHere } from '../support/server.ts';
import { repositoryOf } from '../unit/workspace/support.ts';

interface Way {
  /** 2025: the handshake that came before; 2026: each request for itself. */
  readonly era: 'legacy' | 'auto';
  readonly key: string;
  readonly policy: string;
  /** What the client's person says. */
  readonly answer?: (message: string) => { action: 'accept' | 'decline' | 'cancel'; content?: Record<string, string> };
}

async function client(url: string, { era, key, policy, answer }: Way) {
  const connected = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: era }, capabilities: answer === undefined ? {} : { elicitation: { form: {} } } });
  const asked: string[] = [];
  if (answer !== undefined) {
    connected.setRequestHandler('elicitation/create', ({ params }) => {
      asked.push(params.message);
      return answer(params.message);
    });
  }
  await connected.connect(new StreamableHTTPClientTransport(new URL(`/mcp?policy=${encodeURIComponent(policy)}&fix-policy=code-fix-local&model=openai:any`, url), { requestInit: { headers: { authorization: `Bearer ${key}` } } }));
  onTestFinished(() => connected.close());
  const call = async (name: string, input: object = {}, options: Parameters<Client['callTool']>[1] = {}) => {
    const { content, isError } = await connected.callTool({ name, arguments: { ...input } }, options);
    const parts = content as { type: string; text?: string; uri?: string }[];
    return { text: parts.map(({ text = '' }) => text).join(''), links: parts.flatMap(({ uri }) => uri ?? []), isError: isError === true };
  };
  return { connected, asked, call };
}

test.each(['legacy', 'auto'] as const)('a client of the %s protocol has sandboxes over HTTP, and nobody without a key', async (era) => {
  const server = await servingHere();
  const made = await server.as().call('POST', '/v1/keys', { name: 'other', roles: ['administrator'] });
  const { connected, call } = await client(server.url, { era, key: server.key, policy: 'code-fix-local' });
  await expect(client(server.url, { era, key: `${server.key}x`, policy: 'exec' })).rejects.toThrow(/401|nauthorized/);
  expect((await connected.listTools()).tools).toHaveLength(11);
  expect(await call('run_command', { command: 'echo one > a.txt; echo done' })).toEqual({ text: 'done\n\n[exited: exit code 0]', links: [], isError: false });
  expect(await call('read_file', { path: 'a.txt' })).toMatchObject({ text: 'one\n' });
  const { text: second } = await call('create_sandbox');
  expect(await call('read_file', { path: 'a.txt', sandbox: second })).toMatchObject({ isError: true });
  expect(await call('run_command', { command: 'echo two > a.txt', sandbox: second })).toMatchObject({ isError: false });
  const read = async (uri: string) => (await connected.readResource({ uri })).contents;
  expect(await read('glovebox://sandboxes/own/files/a.txt')).toMatchObject([{ mimeType: 'text/plain', text: 'one\n' }]);
  expect(await read(`glovebox://sandboxes/${second}/files/a.txt`)).toMatchObject([{ text: 'two\n' }]);
  // What is one client's is nobody else's.
  const other = await client(server.url, { era, key: String(made.body['key']), policy: 'code-fix-local' });
  expect(await other.call('read_file', { path: 'a.txt', sandbox: second })).toMatchObject({ text: expect.stringContaining('not_found'), isError: true });
  expect(await other.call('read_file', { path: 'a.txt' })).toMatchObject({ isError: true });
  expect(await call('delete_sandbox', { sandbox: second })).toMatchObject({ isError: false });
  expect(await call('read_file', { path: 'a.txt', sandbox: second })).toMatchObject({ text: expect.stringContaining('not_found'), isError: true });
  await other.connected.close();
  await connected.close();
});

test('how it goes is told while it goes, and a call that is cancelled ends its command', async () => {
  const server = await servingHere();
  const { connected, call } = await client(server.url, { era: 'auto', key: server.key, policy: 'code-fix-local' });
  const told: (string | undefined)[] = [];
  const gone = new AbortController();
  const going = call('run_command', { command: 'echo begun; sleep 1003' }, {
    signal: gone.signal,
    onprogress: ({ message }) => {
      told.push(message);
      gone.abort();
    },
  });
  await expect(going).rejects.toThrow(/abort/i);
  expect(told).toEqual(['begun']);
  // A client that is gone waits for nothing: what it left ends a little later.
  const left = await call('run_command', { command: 'for n in $(seq 100); do left=$(for each in /proc/[0-9]*/cmdline; do tr "\\0" " " < $each; echo; done | grep -c "^sleep 1003"); [ "$left" = 0 ] && break; sleep 0.1; done; echo "$left"' });
  expect(left.text).toMatch(/^0\n/);
  await connected.close();
});

test('what policy asks is put to the client’s person: once, for the session, or never', async () => {
  const server = await servingHere();
  const answers = [{ action: 'accept' as const, content: { answer: 'once' } }, { action: 'decline' as const }, { action: 'accept' as const, content: { answer: 'session' } }];
  const policy = 'code-fix-local';
  const { connected, call, asked } = await client(server.url, { era: 'auto', key: server.key, policy, answer: () => answers.shift() ?? { action: 'cancel' } });
  const push = (to: string) => call('run_command', { command: `git push ${to}` });
  expect(await push('a')).toMatchObject({ text: expect.stringContaining('not a git repository') });
  expect(asked).toEqual([expect.stringContaining('a fix leaves as a patch')]);
  expect(await push('b')).toMatchObject({ text: expect.stringMatching(/^refused by policy|said no/), isError: true });
  for (let time = 0; time < 2; time += 1) expect(await push('c')).toMatchObject({ text: expect.stringContaining('not a git repository') });
  expect(asked).toHaveLength(3);
  // Closed without a word: nobody else may answer under this policy.
  expect(await push('d')).toMatchObject({ isError: true });
  expect(asked).toHaveLength(4);
  await connected.close();
  // A client that has nobody to ask is told so.
  const alone = await client(server.url, { era: 'legacy', key: server.key, policy });
  expect(await alone.call('run_command', { command: 'git push e' })).toMatchObject({ isError: true });
  expect(await alone.call('fetch', { url: 'http://shop.test/' })).toMatchObject({ text: expect.stringMatching(/^denied: .*no network/), isError: true });
  await expect(client(server.url, { era: 'auto', key: server.key, policy: '../../etc' })).rejects.toThrow();
  await alone.connected.close();
});

test('a task is left to an agent, and what becomes of it is a resource', async () => {
  const folder = repositoryOf({ 'a.txt': 'a\n' });
  const { address, certificate } = await httpsServer(gitServer(dirname(folder)));
  const server = await servingHere({}, { GIT_SSL_CAINFO: certificate, OPENAI_API_KEY: 'key' });
  const { connected, call } = await client(server.url, { era: 'auto', key: server.key, policy: 'exec' });
  const { text: id, links } = await call('start_fix', { task: 'mend it', repository: `${address}/repository/.git` });
  expect(links).toEqual([`glovebox://runs/${id}`]);
  expect(JSON.parse((await call('get_run', { id })).text)).toMatchObject({ id, status: 'created', task: 'mend it' });
  await server.as().call('POST', `/v1/runs/${id}/cancel`, { why: 'not needed' });
  const ended = await call('get_run', { id, waitMs: 30_000 });
  expect(ended).toMatchObject({ isError: true, links: [`glovebox://runs/${id}`, `glovebox://runs/${id}/patch`] });
  expect(JSON.parse(ended.text)).toMatchObject({ status: 'ended', summary: { outcome: 'cancelled' } });
  expect((await connected.listResources()).resources).toMatchObject([{ uri: `glovebox://runs/${id}`, title: 'mend it' }]);
  expect((await connected.readResource({ uri: `glovebox://runs/${id}` })).contents).toMatchObject([{ mimeType: 'application/json', text: expect.stringContaining('"status":"ended"') }]);
  expect(await call('start_fix', { task: 'mend it', repository: '/etc' })).toMatchObject({ text: expect.stringContaining('https://'), isError: true });
  expect(await call('get_run', { id: '../../etc' })).toMatchObject({ text: expect.stringContaining('not_found'), isError: true });
  await connected.close();
});

test('a server that stops begins nothing more for a client, lets what is under way come to its end, and ends what would never', async () => {
  const server = await servingHere();
  const { connected, call } = await client(server.url, { era: 'auto', key: server.key, policy: 'code-fix-local' });
  const [told, waits] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const going = call('run_command', { command: 'echo begun; sleep 1; echo done' }, { onprogress: () => told.resolve() });
  await told.promise;
  const ids = randomIds(systemClock);
  const run = ids.next('run');
  const { principal, journal } = server.services;
  const options = { principal: { ...principal }, model: 'openai:any', policy: 'code-fix', policyHash: 'sha256:0', image: 'node', notes: [], versions: {} };
  await journal.append(run, [{ type: 'run.created', data: { task: 't', repository: 'https://x.test/y', baseTree: '4b825dc642cb6eb9a060e54bf8d69288fbee4904', options } }], { tenant: principal.tenant });
  const waiting = call('get_run', { id: run, waitMs: 600_000 }, { onprogress: () => waits.resolve() });
  await waits.promise;
  const listening = await connected.listen({ toolsListChanged: true });
  const drained = server.drain(60_000);
  // Neither waits for its ten minutes, or for ever.
  expect(JSON.parse((await waiting).text)).toMatchObject({ id: run, status: 'created' });
  await listening.closed;
  const refused = await server.as().raw('POST', '/mcp', { body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }), headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' } });
  expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([503, '5', { code: 'stopping' }]);
  await expect(call('run_command', { command: 'true' })).rejects.toThrow(/503|stopping/);
  expect(await going).toMatchObject({ text: expect.stringContaining('done'), isError: false });
  await drained;
});
