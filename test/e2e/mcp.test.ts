import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { stateJournal } from '../support/state-journal.ts';
import { User } from './glovebox.ts';

const BIN = fileURLToPath(new URL('../../bin/glovebox.js', import.meta.url));

/** A client of the protocol's own package, with a server of ours at the other end of its pipes. */
async function client(user: User, ...args: string[]) {
  return clientOf(new Client({ name: 'test', version: '1' }), user, args);
}

async function clientOf(connected: Client, user: User, args: readonly string[]) {
  await connected.connect(new StdioClientTransport({ command: process.execPath, args: [BIN, 'mcp', ...args], env: user.env, cwd: user.folder, stderr: 'inherit' }));
  onTestFinished(() => connected.close());
  const call = async (name: string, input: object = {}) => {
    const { content, isError } = await connected.callTool({ name, arguments: { ...input } });
    const text = (content as { type: string; text?: string }[]).map(({ text: each = '' }) => each).join('');
    return { text, isError: isError === true };
  };
  return { connected, call };
}

test('any client has a sandbox: commands, code that keeps its state, files, and what policy refuses is told to the model', async () => {
  using user = new User();
  const { connected, call } = await client(user, '--kind', 'process');
  expect((await connected.listTools()).tools.map(({ name }) => name).toSorted()).toEqual(['create_sandbox', 'delete_sandbox', 'fetch', 'get_run', 'list_files', 'read_file', 'run_code', 'run_command', 'run_js', 'start_fix', 'write_file']);
  expect(await call('run_command', { command: 'cat > a.txt; echo err >&2; exit 3', stdin: 'from stdin' })).toEqual({ text: '[stderr]\nerr\n\n[exited: exit code 3]', isError: true });
  expect(await call('read_file', { path: 'a.txt' })).toEqual({ text: 'from stdin', isError: false });
  expect(await call('write_file', { path: 'deep/b.txt', content: 'b' })).toEqual({ text: '1 bytes are in /workspace/deep/b.txt', isError: false });
  expect((await call('list_files', { recursive: true })).text).toContain('deep/b.txt\t1');
  expect(await call('run_code', { language: 'python', code: 'n = 41' })).toEqual({ text: '[finished]', isError: false });
  expect(await call('run_code', { language: 'python', code: 'print("so"); n + 1' })).toEqual({ text: 'so\n42\n[finished]', isError: false });
  expect(await call('run_js', { source: 'export default 1' })).toMatchObject({ text: expect.stringMatching(/^refused by policy: ./), isError: true });
  expect(await call('read_file', { path: '/workspace/.git/hooks/../../no' })).toMatchObject({ text: expect.stringContaining('file_failed'), isError: true });
  expect((await call('delete_sandbox')).isError).toBe(false);
  expect(await call('read_file', { path: 'a.txt' })).toMatchObject({ isError: true });
  await connected.close();
});

test('a program is computed in an isolate where policy lends that', async () => {
  using user = new User();
  const { connected, call } = await client(user, '--policy', 'js');
  expect(await call('run_js', { source: 'console.log("a"); export default (n: number) => [n, n * 2]', args: [21] })).toEqual({ text: 'a\n[21,42]', isError: false });
  expect(await call('run_js', { source: 'throw new TypeError("no")' })).toMatchObject({ text: expect.stringContaining('threw: no'), isError: true });
  await connected.close();
});

test.each(['legacy', 'auto'] as const)('what policy asks is put to the person at the client, by the %s protocol', async (mode) => {
  using user = new User();
  const asking = new Client({ name: 'test', version: '1' }, { capabilities: { elicitation: {} }, versionNegotiation: { mode } });
  const asked: string[] = [];
  asking.setRequestHandler('elicitation/create', ({ params }) => {
    asked.push(params.message);
    return asked.length === 1 ? { action: 'accept', content: { answer: 'once' } } : { action: 'decline' };
  });
  const { connected, call } = await clientOf(asking, user, ['--policy', 'code-fix-local', '--kind', 'process']);
  expect(await call('run_command', { command: 'git push' })).toMatchObject({ text: expect.stringContaining('not a git repository') });
  expect(await call('run_command', { command: 'git push' })).toMatchObject({ text: expect.stringContaining('said no'), isError: true });
  expect(asked).toEqual([expect.stringContaining('a fix leaves as a patch'), expect.stringContaining('a fix leaves as a patch')]);
  await connected.close();
});

test('nothing is left when the client goes away in the middle of a command', async () => {
  using user = new User();
  const { connected, call } = await client(user, '--kind', 'process', '--policy', 'code-fix-local');
  expect(await call('run_command', { command: 'sudo id' })).toMatchObject({ text: expect.stringContaining('refused by policy'), isError: true });
  const running = call('run_command', { command: 'sleep 1000' }).catch((error: unknown) => error);
  await connected.close();
  await running;
  await using journal = await stateJournal(join(user.folder, 'state'));
  const [session] = await journal.streams({ prefix: 'ses_' });
  const until = AbortSignal.timeout(30_000);
  const seen: string[] = [];
  for await (const { type, data } of journal.follow(session?.stream ?? '', { signal: until })) {
    seen.push(type);
    if (type === 'session.closed') expect(data).toEqual({ why: 'its client has gone' });
    if (type === 'session.closed') break;
  }
  expect(seen).toEqual(expect.arrayContaining(['command.ended', 'sandbox.gone', 'session.closed']));
});
