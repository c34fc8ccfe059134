import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ModelServer } from '../support/model-server/model-server.ts';
import { git, User } from './glovebox.ts';

const TASK = 'make the tests pass';
const CURE = "sed -i 's/shares\\[i\\] += 1/shares[order[i]] += 1/' src/split.js && npm test";

describe('glovebox fix', () => {
  test('drives a model behind a base URL with ordinary tool calls and prints the patch', async () => {
    await using server = await ModelServer.start(
      { text: 'I will mend it.', calls: [{ name: 'shell', input: { command: CURE } }] },
      { calls: [{ name: 'submit', input: { summary: 'the order is used' } }] },
    );
    using user = new User(server.env);
    const repository = user.checkout();
    const ended = await user.run('fix', '--repo', repository, '--task', TASK, '--model', 'openai-chat:any');
    expect(ended.stderr).toContain('fixed:');
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain('+  for (let i = 0; i < left; i++) shares[order[i]] += 1;');
    expect(git(repository, 'status', '--porcelain')).toBe('');
    expect(await user.containers()).toEqual([]);
  });

  test('prints one JSON object with everything', async () => {
    using user = new User();
    const ended = await user.run('fix', '--repo', user.checkout(), '--task', TASK, '--model', user.transcript(), '--json');
    const result = JSON.parse(ended.stdout) as Record<string, unknown>;
    expect(result).toMatchObject({ outcome: 'fixed', files: ['src/split.js'], tests: { before: { passed: false }, after: { passed: true } } });
  });

  test('applies to the working tree and leaves other uncommitted work alone', async () => {
    using user = new User();
    const repository = user.checkout();
    writeFileSync(join(repository, 'README.md'), 'half-written\n');
    const ended = await user.run('fix', '--repo', repository, '--task', TASK, '--model', user.transcript(), '--apply');
    expect(ended.code).toBe(0);
    expect(readFileSync(join(repository, 'README.md'), 'utf8')).toBe('half-written\n');
    expect(git(repository, 'status', '--porcelain').trimEnd().split('\n').sort()).toEqual([' M README.md', ' M src/split.js']);
  });

  test('puts the patch on a branch and leaves the checkout as it is', async () => {
    using user = new User();
    const repository = user.checkout();
    const ended = await user.run('fix', '--repo', repository, '--task', TASK, '--model', user.transcript(), '--branch', 'mended');
    expect(ended.code).toBe(0);
    expect(git(repository, 'diff', '--name-only', 'main', 'mended').trim()).toBe('src/split.js');
    expect(git(repository, 'status', '--porcelain')).toBe('');
    expect(git(repository, 'branch', '--show-current').trim()).toBe('main');
  });

  test('stops before the step that would break a limit, with exit code 4', async () => {
    using user = new User();
    const ended = await user.run('fix', '--repo', user.checkout(), '--task', TASK, '--model', user.transcript(), '--max-steps', '1');
    expect(ended.code).toBe(4);
    expect(ended.stderr).toContain('limit');
    expect(ended.stderr).not.toContain('step 2');
  });

  test('stops cleanly on Ctrl-C, says how to resume, and resumes to the end', async () => {
    await using server = await ModelServer.start({ text: 'Looking.', calls: [{ name: 'shell', input: { command: 'touch looked; ls' } }] }, { hangs: 'before' });
    using user = new User(server.env);
    const repository = user.checkout();
    const started = user.start(['fix', '--repo', repository, '--task', TASK, '--model', 'openai-chat:any']);
    await server.hanging();
    started.child.kill('SIGINT');
    const interrupted = await started.ended;
    expect(interrupted.code).toBe(130);
    const run = /runs resume (run_\w+)/.exec(interrupted.stderr)?.[1] ?? '';
    expect(run).not.toBe('');
    expect(await user.containers()).toEqual([]);

    server.add({ calls: [{ name: 'shell', input: { command: `test -e looked && ${CURE}` } }] }, { calls: [{ name: 'submit', input: { summary: 'done' } }] });
    const resumed = await user.run('runs', 'resume', run);
    expect(resumed.stderr).toContain('fixed:');
    expect(resumed.code).toBe(0);
    const listed = await user.run('runs', 'list', '--json');
    expect(JSON.parse(listed.stdout)).toMatchObject({ runs: [{ id: run, status: 'fixed' }] });
  });

  test('is gone without a trace after kill -9 and gc, and can be resumed', async () => {
    await using server = await ModelServer.start({ text: 'Looking.', calls: [{ name: 'shell', input: { command: 'ls' } }] }, { hangs: 'before' });
    using user = new User(server.env);
    const started = user.start(['fix', '--repo', user.checkout(), '--task', TASK, '--model', 'openai-chat:any']);
    await server.hanging();
    started.child.kill('SIGKILL');
    await started.ended;
    expect(await user.containers()).not.toEqual([]);
    const swept = await user.run('gc');
    expect(swept.stdout).toContain('removed');
    expect(await user.containers()).toEqual([]);

    const { runs } = JSON.parse((await user.run('runs', 'list', '--json')).stdout) as { runs: { id: string; status: string }[] };
    expect(runs[0]?.status).toBe('interrupted');
    server.add({ calls: [{ name: 'shell', input: { command: CURE } }] }, { calls: [{ name: 'submit', input: { summary: 'done' } }] });
    expect((await user.run('runs', 'resume', runs[0]?.id ?? '')).code).toBe(0);
  });

  test('says what to do where no model is named and none is within reach', async () => {
    using user = new User();
    const ended = await user.run('fix', '--repo', user.checkout(), '--task', TASK);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('ANTHROPIC_API_KEY');
  });

  test('says what to do where the repository is missing', async () => {
    using user = new User();
    const ended = await user.run('fix', '--repo', join(user.folder, 'nowhere'), '--task', TASK, '--model', user.transcript());
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('nowhere');
  });
});
