import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { filesHolding } from '../support/clear-text.ts';
import { Caller } from '../support/server.ts';
import { type Started, User } from './glovebox.ts';

const CANARY = 'the task of this test that nobody else would ever write';
/** Of a file of the repository, and so in the run's trees. */
const CODE = 'export function split(';
const user = new User();
const home = user.env['GLOVEBOX_HOME'] ?? '';
let run: string;
let service: Started;
let client: Caller;

beforeAll(async () => {
  const fixed = await user.run('fix', '--repo', user.checkout(), '--task', CANARY, '--model', user.transcript(), '--json');
  expect(fixed.code, fixed.stderr).toBe(0);
  run = (JSON.parse(fixed.stdout) as { run: string }).run;
  service = user.start(['serve', '--port', '0', '--workers', '0']);
  // The key comes on another pipe.
  await Promise.all([service.says('/docs)'), service.prints('\n')]);
  client = new Caller(/listening at (http:\S+)/.exec(service.soFar.stderr)?.[1] ?? '', service.soFar.stdout.trim());
});
afterAll(async () => {
  service.child.kill('SIGTERM');
  await service.ended;
  user[Symbol.dispose]();
});

/** Files below the state folder in which a text stands as it is. */
function filesWith(text: string, folder = home): readonly string[] {
  const files = readdirSync(folder, { recursive: true }).map(String).filter((name) => statSync(join(folder, name)).isFile());
  return files.filter((name) => readFileSync(join(folder, name)).includes(text));
}

test('what a run was told, said and came to stands nowhere in the state folder as it is', async () => {
  expect((await user.run('runs', 'show', run)).stdout).toContain(CANARY);
  const patch = (await user.run('runs', 'show', run, '--patch')).stdout;
  const line = patch.split('\n').find((one) => one.startsWith('+  for (const')) ?? 'none';
  for (const text of [CANARY, line]) expect(filesWith(text)).toEqual([]);
});

test('everything of a tenant is given out in a folder that can be read, and no secret', async () => {
  const folder = join(user.folder, 'export');
  const exported = await user.run('tenants', 'export', 'local', '-o', folder);
  expect(exported.code, exported.stderr).toBe(0);
  expect(JSON.parse(readFileSync(join(folder, 'tenant.json'), 'utf8'))).toMatchObject({ tenant: 'local', erased: 0 });
  expect(filesWith(CANARY, folder)).toContain(`streams/${run}.ndjson`);
  expect(filesWith('+++ b/src/split.js', folder).some((name) => name.startsWith('blobs/sha256-'))).toBe(true);
  const packs = filesWith('{"glovebox":"tree 1",', folder);
  expect(filesHolding(CODE, folder).filter((name) => packs.includes(name))).not.toEqual([]);
  expect(filesWith(readFileSync(join(home, 'master.key'), 'utf8').trim(), folder)).toEqual([]);
  expect(await user.run('tenants', 'export', 'local', '-o', folder)).toMatchObject({ code: 2, stderr: expect.stringContaining('cannot be made') });
});

test('the master key is changed while a service runs, which goes on reading and writing; then the one before can be destroyed', async () => {
  expect((await client.call('PUT', '/v1/secrets/before', { value: 'one' })).status).toBe(204);

  const rekeyed = await user.run('secrets', 'rekey');
  expect([rekeyed.code, rekeyed.stdout], rekeyed.stderr).toEqual([0, expect.stringMatching(/^put under the master key \w{16} \(\S+master\.2\.key\): secrets 1, leases 0, payload keys \d+\nnothing is left under \w{16} \(\S+master\.key\)\n$/)]);
  rmSync(join(home, 'master.key'));
  // It has not read this run before.
  expect((await client.call('GET', `/v1/runs/${run}`)).body).toMatchObject({ id: run });
  expect((await client.call('PUT', '/v1/secrets/after', { value: 'two' })).status).toBe(204);
  const keys = ['before', 'after'].map((name) => (JSON.parse(readFileSync(join(home, 'secrets', `${name}.json`), 'utf8')) as { sealed: { masterKey: string } }).sealed.masterKey);
  expect(rekeyed.stdout).toContain(`under the master key ${keys[0]} `);
  expect(keys[1]).toBe(keys[0]);
  expect((await user.run('runs', 'show', run)).stdout).toContain(CANARY);
  expect((await user.run('audit', 'verify')).code).toBe(0);
});

test('what still waits or runs keeps a tenant from being erased, unless it is cancelled; then nobody can read anything, and the audit verifies', async () => {
  const sandbox = await client.sandbox();
  const { session } = (await client.call('GET', `/v1/sandboxes/${sandbox}`)).body;
  await client.command(sandbox, ['sleep', '1000'], { background: true });
  const waiting = (await user.run('fix', '--repo', user.checkout('python'), '--task', CANARY, '--model', user.transcript('python'), '--detach')).stdout.trim();
  expect(await user.run('tenants', 'erase', 'local')).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
  const refused = await user.run('tenants', 'erase', 'local', '--yes');
  expect(refused.code).toBe(2);
  for (const living of [waiting, session]) expect(refused.stderr).toContain(living);
  expect((await user.run('runs', 'show', run)).stdout).toContain(CANARY);
  // While it lives, what this machine works with is clear, and nothing else is.
  const clear = filesHolding(CODE, home);
  expect([clear.length > 0, clear.filter((name) => !name.startsWith('trees/local.git/'))]).toEqual([true, []]);

  const erased = await user.run('tenants', 'erase', 'local', '--yes', '--cancel', '--why', 'he asked for it');
  expect([erased.code, erased.stdout], erased.stderr).toEqual([0, expect.stringMatching(/^local is erased: \d+ streams of the journal and \d+ blobs can be read by nobody any more; 3 keys were destroyed\n$/)]);
  expect(await client.call('GET', `/v1/sandboxes/${sandbox}`)).toMatchObject({ status: 404 });
  expect(readdirSync(join(home, 'sandboxes')).filter((name) => name.startsWith(sandbox))).toEqual([]);
  expect(filesHolding(CODE, home)).toEqual([]);
  const { stdout: listed } = await user.run('runs', 'list');
  for (const id of [run, waiting]) expect(listed).toMatch(new RegExp(`^${id} +erased`, 'm'));
  for (const args of [['show', run], ['replay', run], ['resume', run]]) {
    expect(await user.run('runs', ...args)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(`${run} was erased, and nobody can read it any more`) });
  }
  expect(await user.run('audit', 'verify')).toMatchObject({ code: 0, stdout: expect.stringContaining('as it was written') });
  expect((await user.run('policy', 'backtest', 'code-fix', '--since', '1d')).stdout).toMatch(/^0 recorded decisions, 0 would be another; \d+ more were erased/);
  expect(JSON.parse(readFileSync(join(home, 'keys', 'local', 'names.all.1.json'), 'utf8'))).toMatchObject({ state: 'destroyed' });
  expect((await user.run('stop')).stderr).toContain('nothing is stopped');
  expect((await client.call('POST', '/v1/sandboxes', { kind: 'process', policy: 'exec' })).status).toBe(201);
});

test('runs go on being made, and one under another master key is refused with what to do', async () => {
  expect((await user.run('js', '-e', 'export default 6 * 7')).stdout.trim()).toBe('42');
  writeFileSync(join(user.folder, 'other.key'), `${Buffer.alloc(32, 9).toString('base64')}\n`, { mode: 0o600 });
  using other = new User({ ...user.env, GLOVEBOX_MASTER_KEY_FILE: join(user.folder, 'other.key') });
  expect(await other.run('js', '-e', 'export default 1')).toMatchObject({ code: 125, stdout: '', stderr: expect.stringMatching(/was sealed under master key \w{16}, and this is \w{16}: give the one it was sealed under/) });
  expect((await other.run('audit', 'verify')).code).toBe(0);
});

test('what an older version kept of files, which nobody can erase for one tenant, is named', async () => {
  const older = join(home, 'trees.git');
  mkdirSync(older);
  writeFileSync(join(older, 'HEAD'), 'ref: refs/heads/main\n');
  expect(await user.run('tenants', 'erase', 'local', '--yes', '--cancel')).toMatchObject({ code: 1, stdout: expect.stringContaining(`${older} has files of all tenants that an older glovebox worked with`) });
});
