import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { type Started, User } from './glovebox.ts';

const TERMINAL = fileURLToPath(new URL('terminal.py', import.meta.url));
const ASKS = 'commands: { ask: [{ program: echo, reason: somebody looks at it }] }\n';

/** A user with a policy `asking` that asks about `echo`. */
function userWith(approvals: string): User {
  const user = new User();
  mkdirSync(join(user.folder, 'policies/asking'), { recursive: true });
  writeFileSync(join(user.folder, 'policies/asking/policy.yaml'), `name: asking\nextends: exec\n${ASKS}${approvals}`);
  return user;
}

function command(...argv: string[]): string[] {
  return ['exec', '--kind', 'container', '--policy', 'asking', '--', ...argv];
}

/** The approval that a command says it waits for. */
async function awaited(user: User, started: Started): Promise<string> {
  await started.says('waiting until');
  const { approvals } = JSON.parse((await user.run('approvals', '--json')).stdout) as { approvals: readonly { id: string }[] };
  expect(approvals).toHaveLength(1);
  return approvals[0]?.id ?? '';
}

function rolesOf(user: User, role: string, tenant = 'local'): void {
  writeFileSync(join(user.folder, 'roles.yaml'), `users: { ${userInfo().username}: { tenant: ${tenant}, roles: [${role}] } }\n`);
  user.env['GLOVEBOX_ROLES'] = join(user.folder, 'roles.yaml');
}

describe('a command without a terminal that policy asks about', () => {
  test('waits, and goes on when somebody approves it at another terminal', async () => {
    using user = userWith('approvals: { own: true, expires: 10m }\n');
    const started = user.start(command('echo', 'hello\u001b[2J\u202eworld'));
    const id = await awaited(user, started);
    const shown = await user.run('approvals', id);
    expect(shown.stdout).toContain(`${id}\n  asks      commands.ask[0] (`);
    expect(shown.stdout).toContain('  request   command.exec "echo" "hello\\u001b[2J\\u{202e}world" in "/workspace"\n  files     not bound to a workspace\n');
    expect(shown.stdout).toMatch(/ {2}status {4}pending until /);
    const approved = await user.run('approve', id, '--why', 'it is harmless');
    expect(approved).toMatchObject({ code: 0, stdout: '' });
    expect(await started.ended).toMatchObject({ code: 0, stdout: 'hello\u001b[2J\u202eworld\n' });
    expect((await user.run('approvals', id)).stdout).toMatch(/ {2}status {4}used: once, by user:\S+ at \S+: it is harmless\n/);
    // A second yes to the same is none.
    expect(await user.run('approve', id)).toMatchObject({ code: 3, stderr: expect.stringContaining('has answered already') });
    expect(await user.run('approvals')).toMatchObject({ code: 0, stdout: '', stderr: 'nothing waits for an answer\n' });
  });

  test('is refused when somebody denies it, with his reason', async () => {
    using user = userWith('approvals: { own: true }\n');
    const started = user.start(command('echo', 'hello'));
    const id = await awaited(user, started);
    expect((await user.run('deny', id, '--why', 'not today')).code).toBe(0);
    expect(await started.ended).toMatchObject({ code: 126, stdout: '', stderr: expect.stringMatching(/somebody looks at it \(user:\S+ said no: not today\)/) });
  });

  test('is approved by nobody who asked for it himself, has not the role, or is of another tenant', async () => {
    using user = userWith('approvals: { expires: 10m }\n');
    const started = user.start(command('echo', 'hello'));
    const id = await awaited(user, started);
    expect(await user.run('approve', id)).toMatchObject({ code: 3, stderr: expect.stringContaining('approvals.own') });
    rolesOf(user, 'operator');
    expect(await user.run('approve', id)).toMatchObject({ code: 3, stderr: expect.stringContaining('no role of') });
    rolesOf(user, 'administrator', 'other');
    expect(await user.run('approve', id)).toMatchObject({ code: 2, stderr: expect.stringContaining(`there is no approval ${id}`) });
    started.child.kill('SIGINT');
    expect((await started.ended).code).toBe(130);
    delete user.env['GLOVEBOX_ROLES'];
    expect(await user.run('approvals', id, '--json')).toMatchObject({ code: 0, stdout: expect.stringContaining('"status":"over"') });
  });

  test('ends refused when nobody answers in time', async () => {
    using user = userWith('approvals: { expires: 500ms }\n');
    expect(await user.run(...command('echo', 'hello'))).toMatchObject({ code: 126, stdout: '', stderr: expect.stringContaining('nobody answered in time') });
  });

  test('is refused at once where the policy names nobody', async () => {
    using user = userWith('');
    expect(await user.run(...command('echo', 'hello'))).toMatchObject({ code: 126, stderr: expect.stringContaining('nobody can be asked here') });
  });
});

describe('a run whose patch policy asks about', () => {
  /** `glovebox fix` under a policy that asks about any patch, until it waits. */
  async function waiting(user: User): Promise<{ readonly started: Started; readonly id: string; readonly run: string }> {
    writeFileSync(join(user.folder, 'policies/asking/policy.yaml'), 'name: asking\nextends: code-fix-local\nexport: { ask: ["**"] }\n');
    const started = user.start(['fix', '--repo', user.checkout(), '--task', 'make the tests pass', '--model', user.transcript(), '--policy', 'asking']);
    const id = await awaited(user, started);
    const { runs } = JSON.parse((await user.run('runs', 'list', '--json')).stdout) as { runs: readonly { id: string; status: string }[] };
    expect(runs).toMatchObject([{ status: 'waiting' }]);
    return { started, id, run: runs[0]?.id ?? '' };
  }

  test('waits for an answer, and lets out what was asked about', async () => {
    using user = userWith('');
    const { started, id } = await waiting(user);
    const { question } = JSON.parse((await user.run('approvals', id, '--json')).stdout) as { question: Record<string, unknown> };
    expect(question).toMatchObject({ tree: expect.stringMatching(/^[0-9a-f]{40}\.[0-9a-f]{64}$/), request: { action: 'export.patch', paths: ['src/split.js'] } });
    expect(await user.run('approve', id)).toMatchObject({ code: 0 });
    expect(await started.ended).toMatchObject({ code: 0, stdout: expect.stringContaining('+++ b/src/split.js') });
  });

  test('that was killed while it waited goes on by the answer that came meanwhile', async () => {
    using user = userWith('');
    const { started, id, run } = await waiting(user);
    started.child.kill('SIGKILL');
    await started.ended;
    expect(await user.run('approve', id)).toMatchObject({ code: 0 });
    expect(await user.run('runs', 'resume', run)).toMatchObject({ code: 0, stdout: expect.stringContaining('+++ b/src/split.js') });
    expect((await user.run('approvals', id)).stdout).toMatch(/ {2}status {4}used: once, /);
  });
});

describe('somebody at the terminal', () => {
  test.each([
    ['o', 0],
    ['s', 0],
    ['', 126],
    ['n', 126],
  ])('answers %j: the command ends with %i', async (answer, code) => {
    using user = userWith('');
    const started = user.startWith('python3', [TERMINAL, process.execPath], command('sh', '-c', 'echo fin"ished"'));
    await started.prints('or [N]ever?');
    started.child.stdin?.write(`${JSON.stringify({ type: `${answer}\r` })}\n`);
    const ended = await started.ended;
    expect(ended.code).toBe(code);
    expect(ended.stdout.includes('finished')).toBe(code === 0);
  });

  test('need not answer when somebody else does', async () => {
    using user = userWith('approvals: { own: true }\n');
    const started = user.startWith('python3', [TERMINAL, process.execPath], command('echo', 'hello'));
    await started.prints('or [N]ever?');
    const { approvals } = JSON.parse((await user.run('approvals', '--json')).stdout) as { approvals: readonly { id: string }[] };
    expect((await user.run('approve', approvals[0]?.id ?? '')).code).toBe(0);
    expect((await started.ended).code).toBe(0);
  });
});

describe('roles', () => {
  test('say who may begin a session, look, and remove', async () => {
    using user = userWith('');
    rolesOf(user, 'viewer');
    expect(await user.run('exec', '--', 'true')).toMatchObject({ code: 126, stderr: expect.stringContaining('lets him begin a session') });
    expect(await user.run('runs', 'list')).toMatchObject({ code: 0 });
    expect(await user.run('gc', '--all')).toMatchObject({ code: 3 });
    rolesOf(user, 'nothing');
    expect(await user.run('runs', 'list')).toMatchObject({ code: 2, stderr: expect.stringContaining('expected one of viewer, operator, approver, administrator, found nothing') });
    writeFileSync(join(user.folder, 'roles.yaml'), 'users: {}\n');
    expect(await user.run('runs', 'list')).toMatchObject({ code: 3, stderr: expect.stringContaining('is not among the users of') });
  });
});
