// Commands of those who write policies, administer and account, on a machine and at its server: both read one journal, so what they print has to be the very same.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openServices } from '../../src/app.ts';
import { runCli, Terminal } from '../../src/cli/index.ts';
import { serving } from '../support/server.ts';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const MONTH = new Date().toISOString().slice(0, 7);
let server: Awaited<ReturnType<typeof serving>>;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'glovebox-cli-'));
  server = await serving();
  const used = { microUsd: 8_200_000, tokens: 900 };
  await server.services.journal.append(`budget:${MONTH}:local`, [{ type: 'budget.warned', data: { scope: 'tenant.month', name: 'local', period: MONTH, limit: { microUsd: 10_000_000 }, used } }], { tenant: 'local' });
  const sandbox = await server.as().sandbox();
  await server.as().command(sandbox, ['sudo', 'id']);
  await server.as().command(sandbox, ['true']);
  await server.as().call('DELETE', `/v1/sandboxes/${sandbox}`);
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  const [stdin, stdout, stderr] = [new PassThrough().end(), new PassThrough(), new PassThrough()];
  // A pipe, as far as commands look at it.
  const terminal = new Terminal({ stdin, stdout, stderr } as unknown as NodeJS.Process);
  const read = Promise.all([buffer(stdout), buffer(stderr)]);
  const whole = { ...process.env, GLOVEBOX_HOME: server.home, ...env };
  const code = await runCli(args, terminal, { version: 'test', env: whole, openServices: () => openServices({ env: whole, version: 'test' }) });
  stdout.end();
  stderr.end();
  const [out, error] = (await read).map(String);
  return { code, stdout: out ?? '', stderr: error ?? '' };
}

const here = (...args: string[]): Promise<Ended> => run(args, {});
const there = (key: string, ...args: string[]): Promise<Ended> => run(args, { GLOVEBOX_URL: server.url, GLOVEBOX_KEY: key });
const atServer = (...args: string[]): Promise<Ended> => there(server.key, ...args);

/** What is asked, how it ends, and what of it stands on stdout. */
const SAME: readonly (readonly [args: readonly string[], code: number, said: RegExp])[] = [
  [['policy', 'show', 'code-fix'], 0, /^code-fix {2}sha256:[^]*commands\.deny/],
  [['policy', 'show', 'exec', '--cedar'], 0, /forbid|permit/],
  [['policy', 'show', 'exec', '--json'], 0, /"grant":\{"image"/],
  [['policy', 'explain', 'code-fix', 'exec', 'sudo', 'id'], 0, /^deny {2}exec sudo id\n {2}decided by {2}commands\.deny/],
  [['policy', 'explain', '--json', '--tenant', 'acme', '--user', 'user:ann', 'code-fix', 'write', '/workspace/a'], 0, /"effect":"allow"/],
  [['policy', 'explain', 'code-fix', 'tool', ''], 2, /^$/],
  [['policy', 'lint'], 0, /note: /],
  [['policy', 'lint', 'code-fix', '--sarif'], 0, /sarif-2\.1\.0/],
  [['policy', 'diff', 'exec', 'code-fix'], 1, /^lends [^]*questions asked: \d+ have another answer/],
  [['policy', 'backtest', 'exec'], 0, /^\d+ recorded decisions, 0 would be another\n$/],
  [['policy', 'backtest', 'code-fix', '--json'], 1, /"was":\{"effect":"allow"[^]*"flipped":[1-9]/],
  [['usage', '--month', MONTH], 0, /key:first .* 1 /],
  [['usage', '--json'], 0, /"warnings":\[\{"limit":\{"microUsd":10000000\}/],
  [['budgets', '--json'], 0, /"scope":"tenant.month"/],
  [['keys', 'list'], 0, /first +administrator/],
  [['stop'], 0, /^$/],
  [['audit', 'key'], 0, /^glovebox\/journal-/],
];

test.each(SAME)('glovebox %j prints at a server what it prints on its machine', async (args, code, said) => {
  const [local, remote] = [await here(...args), await atServer(...args)];
  expect(remote).toEqual(local);
  expect(local, local.stderr).toMatchObject({ code, stdout: expect.stringMatching(said) });
});

test('usage tells of a budget of which most was used', async () => {
  for (const args of [['usage'], ['budgets']]) expect((await atServer(...args)).stderr).toMatch(new RegExp(`^most of the budget tenant.month of local for ${MONTH} was used at \\S+: \\$8.2000 of \\$10.0000\n$`));
});

test('a key is made at a server, opens it, and opens nothing once it is revoked', async () => {
  const made = JSON.parse((await atServer('keys', 'create', 'reader', '--role', 'viewer', '--expires', '1h', '--json')).stdout) as { id: string; key: string; roles: string[]; expiresMs: number };
  expect(made).toMatchObject({ key: expect.stringMatching(/^gbx_/), roles: ['viewer'], expiresMs: expect.any(Number) });
  expect(await there(made.key, 'policy', 'lint', 'exec')).toMatchObject({ code: 0 });
  for (const refused of [['keys', 'list'], ['stop', '--all'], ['stop', '--lift'], ['secrets', 'list'], ['audit', 'checkpoint']]) expect(await there(made.key, ...refused), refused.join(' ')).toMatchObject({ code: 3, stdout: '' });
  expect((await atServer('keys', 'revoke', made.id)).stderr).toBe(`${made.id} (reader) is revoked\n`);
  expect(await there(made.key, 'usage')).toMatchObject({ code: 3 });
});

test('an export of a server proves itself on this machine, with the key of the server, and any other key shows that it does not', async () => {
  const file = join(folder, 'export.jsonl');
  expect(await atServer('audit', 'export', '-o', file)).toMatchObject({ code: 0 });
  expect(await atServer('audit', 'verify', '--export', file)).toMatchObject({ code: 0, stdout: expect.stringContaining('as it was written: ') });
  const [session] = (await server.services.journal.streams({ prefix: 'ses_' })).map(({ stream }) => stream);
  const one = (await atServer('audit', 'export', '--run', session ?? '')).stdout.trim().split('\n').map((line) => JSON.parse(line) as { kind: string; stream?: string });
  expect(new Set(one.flatMap(({ stream }) => stream ?? []))).toEqual(new Set([session]));
  expect(await atServer('audit', 'export', '--run', 'ses_01m7z5h3qe662r57zzrc2wm7ha')).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no ses_') });
  const alien = JSON.parse((await run(['audit', 'checkpoint', '--json'], { GLOVEBOX_HOME: join(folder, 'other') })).stdout) as { key: string };
  expect(await atServer('audit', 'verify', '--export', file, '--key', alien.key)).toMatchObject({ code: 1, stdout: expect.stringContaining('ALTERED') });
});

test('what is stopped at a server ends there, begins nowhere until it is lifted, and what a tenant stops is his own', async () => {
  const sandbox = await server.as().sandbox();
  const stranger = String((await (await server.foreigner()).call('POST', '/v1/keys', { name: 'own', roles: ['administrator'] })).body['key']);
  expect(await there(stranger, 'stop', '--all')).toMatchObject({ code: 3, stderr: expect.stringContaining('administrators of the tenant local') });
  expect(await there(stranger, 'stop', '--tenant', 'local')).toMatchObject({ code: 3 });
  expect(await there(stranger, 'stop', '--tenant', 'acme', '--freeze')).toMatchObject({ code: 0, stderr: expect.stringContaining('the tenant acme stands still') });
  expect(await atServer('stop', '--all', '--why', 'a key leaked', '--json')).toMatchObject({ code: 0, stdout: expect.stringContaining('{"scope":{"what":"all"},"left":0,') });
  await expect.poll(async () => (await server.as().call('GET', `/v1/sandboxes/${sandbox}`)).status, { timeout: 20_000 }).toBe(404);
  const [local, remote] = [await here('stop'), await atServer('stop')];
  expect(remote).toEqual(local);
  expect(local.stdout).toMatch(/^everything stopped by key:first at \S+: a key leaked\n$/);
  expect(await here('exec', '--kind', 'process', '--', 'true')).toMatchObject({ code: 126, stderr: expect.stringContaining('a key leaked') });
  // His own he lifts; the operator's is not his.
  expect(await there(stranger, 'stop', '--lift')).toMatchObject({ code: 0, stderr: expect.stringMatching(/^lifted: the tenant acme frozen by key:own at \S+\n$/) });
  expect(await there(stranger, 'stop', '--lift', '--all')).toMatchObject({ code: 3 });
  expect((await server.as().call('POST', '/v1/sandboxes', { kind: 'process' })).status).toBe(423);
  expect(await atServer('stop', '--lift')).toMatchObject({ code: 0, stderr: expect.stringContaining('lifted: everything stopped by key:first') });
  await server.as().sandbox();
});

test('what only the machine knows is refused in a sentence', async () => {
  for (const [args, said] of [
    [['policy', 'lint', './policies/exec/policy.yaml'], 'a server has policies by name alone'],
    [['policy', 'learn', '--since', '1h'], '`glovebox policy learn` works on the machine itself, not at a server'],
    [['keys', 'create', 'x', '--tenant', 'acme'], '--tenant: at a server a key is made for the tenant of whoever makes it'],
    [['usage', '--tenant', 'acme'], '--tenant: a server tells of the tenant of whoever asks'],
    [['audit', 'export', '--checkpoint', join(import.meta.dirname, 'cli-at-server.test.ts')], '--checkpoint: a server shows nothing of checkpoints in an export'],
  ] as const)
    expect(await atServer(...args), args.join(' ')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(said) });
});
