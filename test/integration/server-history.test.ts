import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { atif } from '../support/trajectory-formats.ts';
import { type Caller, serving } from '../support/server.ts';
import { userGit } from '../unit/workspace/support.ts';

const DEMO = join(import.meta.dirname, '..', '..', 'demo', 'javascript');

let server: Awaited<ReturnType<typeof serving>>;
let admin: Caller;
/** An administrator of another tenant. */
let them: Caller;
let run: string;

beforeAll(async () => {
  server = await serving();
  admin = server.as();
  them = await server.foreigner();
  const repository = join(server.home, 'repository');
  cpSync(join(DEMO, 'repository'), repository, { recursive: true });
  for (const words of [['init', '-q', '-b', 'main'], ['add', '-A'], ['commit', '-q', '-m', 'as it came']]) userGit(repository, words);
  const runs = server.services.runs();
  const id = await runs.create({ task: 'make the tests pass', repository, model: `transcript:${join(DEMO, 'transcript.yaml')}`, policy: 'code-fix' });
  run = id;
  const { outcome, detail } = await runs.execute(id);
  expect(outcome, detail).toBe('fixed');
});
afterAll(() => server.stop());

test('a run that ended is done again, exported, and goes another way for a worker', async () => {
  expect(await admin.call('POST', `/v1/runs/${run}/replay`, {})).toMatchObject({ status: 200, body: { run, identical: true, strict: { identical: true, steps: 4 } } });
  expect(atif.safeParse((await admin.call('GET', `/v1/runs/${run}/export?format=atif`)).body).error).toBeUndefined();
  expect((await admin.call('GET', `/v1/runs/${run}/export`)).body).toMatchObject({ format: 'glovebox', run, events: expect.arrayContaining([expect.objectContaining({ type: 'run.ended' })]) });
  const forked = await admin.call('POST', `/v1/runs/${run}/fork`, { step: 2, prompt: 'Go on.' });
  expect(forked).toMatchObject({ status: 201, body: { task: 'make the tests pass', status: 'created' } });
  const fork = String(forked.body['id']);
  await server.services.worker({ name: 'test', concurrency: 1, parkAfterMs: 1000, graceMs: 1000, untilEmpty: true }).run(new AbortController().signal);
  expect(await admin.call('GET', `/v1/runs/${fork}?waitMs=60000`)).toMatchObject({ status: 200, body: { status: 'ended', summary: { outcome: 'fixed' } } });
  expect(await admin.call('POST', `/v1/runs/${run}/fork`, { step: 99 })).toMatchObject({ status: 400, body: { detail: expect.stringContaining('there is no step 99') } });
  expect(await admin.call('POST', `/v1/runs/${run}/fork`, { step: 0, model: 'transcript:/etc/passwd' })).toMatchObject({ status: 400 });
});

test('what a tenant used is told by user, and nothing of another tenant', async () => {
  const month = new Date().toISOString().slice(0, 7);
  const { body } = await admin.call('GET', '/v1/usage');
  expect(body).toMatchObject({ tenant: 'local', month, users: expect.arrayContaining([expect.objectContaining({ user: server.services.principal.name })]) });
  const { commands, sandboxes, sandboxSeconds } = body['total'] as Record<string, number>;
  expect(commands).toBeGreaterThan(0);
  expect(sandboxes).toBeGreaterThan(0);
  expect(sandboxSeconds).toBeGreaterThan(0);
  expect((await them.call('GET', '/v1/usage')).body).toMatchObject({ tenant: 'acme', total: { commands: 0 }, users: [] });
  expect((await admin.call('GET', '/v1/usage?month=2026-13')).status).toBe(400);
});

test('the journal is verified and signed; a tenant has its own streams as a file that proves itself', async () => {
  const signed = await admin.call('POST', '/v1/audit/checkpoints');
  expect(signed).toMatchObject({ status: 201, body: { checkpoint: expect.stringContaining('glovebox'), key: expect.stringMatching(/^glovebox\//) } });
  const { checkpoint, key } = signed.body as { checkpoint: string; key: string };
  expect((await admin.call('POST', '/v1/audit/verify', { checkpoints: [checkpoint] })).body).toMatchObject({ findings: [], unsigned: 0 });
  expect(await them.call('POST', '/v1/audit/verify', {})).toMatchObject({ status: 403 });
  expect((await them.raw('GET', '/v1/audit/export?everything=true')).status).toBe(403);
  const lines = (await (await admin.raw('GET', '/v1/audit/export')).text()).trim().split('\n');
  expect(await server.services.audit.verifyExport(each(lines), { keys: [key] })).toMatchObject({ findings: [] });
  expect(lines.some((line) => line.includes(run))).toBe(true);
  const theirs = await (await them.raw('GET', '/v1/audit/export')).text();
  expect(theirs).not.toContain(run);
  expect(await server.services.audit.verifyExport(each(theirs.trim().split('\n')), { keys: [key] })).toMatchObject({ findings: [] });
});

test('a policy is tried on its cases, and on what was asked in the tenant', async () => {
  expect((await admin.call('POST', '/v1/policies/code-fix/test')).body).toMatchObject({ policy: 'code-fix', passed: true });
  const { body } = await admin.call('POST', '/v1/policies/locked-down/backtest', { flips: 1 });
  expect(body['flips']).toHaveLength(1);
  expect(body['flips']).toMatchObject([{ was: { effect: 'allow' } }]);
  expect(Number(body['asked'])).toBeGreaterThan(Number(body['flipped']) - 1);
  expect((await them.call('POST', '/v1/policies/locked-down/backtest', {})).body).toMatchObject({ asked: 0, flips: [] });
});

test('a snapshot begins another sandbox of its tenant, and is nothing to anybody else', async () => {
  const sandbox = await admin.sandbox();
  await admin.command(sandbox, ['sh', '-c', 'echo secret > a']);
  const { body } = await admin.call('POST', `/v1/sandboxes/${sandbox}/snapshot`);
  const snapshot = String(body['id']);
  const other = await admin.sandbox({ snapshot });
  expect(await admin.command(other, ['cat', 'a'])).toMatchObject({ stdout: 'secret\n' });
  const own = await them.sandbox();
  expect(await them.call('POST', `/v1/sandboxes/${own}/restore`, { snapshot })).toMatchObject({ status: 404, body: { code: 'not_found' } });
  expect(await them.call('POST', '/v1/sandboxes', { kind: 'process', snapshot })).toMatchObject({ status: 404 });
  await Promise.all([admin.call('DELETE', `/v1/sandboxes/${sandbox}`), admin.call('DELETE', `/v1/sandboxes/${other}`), them.call('DELETE', `/v1/sandboxes/${own}`)]);
});

async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}
