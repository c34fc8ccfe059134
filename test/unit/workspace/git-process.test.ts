import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { delimiter, join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { GitProcess } from '../../../src/workspace/git-process.ts';
import { GitRepository } from '../../../src/workspace/git-repository.ts';
import { configFile, trustedPath } from '../../../src/workspace/git-settings.ts';
import { temporaryFolder } from './support.ts';

/** A program called git that does what a test says. */
function fakeGit(script: string): { process: GitProcess; folder: string } {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'git'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'git'), 0o755);
  return { process: new GitProcess([folder, '/usr/bin', '/bin'].join(delimiter)), folder };
}

async function isDead(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 200; tries++) {
    // A zombie that nobody has reaped yet is dead, too.
    const state = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '')[0] : 'Z';
    if (state === 'Z') return true;
    await setTimeout(10);
  }
  return false;
}

describe('GitProcess', () => {
  it('gives git nothing of our environment', async () => {
    const { process: git, folder } = fakeGit('env');
    process.env['GLOVEBOX_TEST_SECRET'] = 'secret';
    const { stdout } = await git.run({ gitDir: folder, args: ['x'] });
    delete process.env['GLOVEBOX_TEST_SECRET'];
    const names = stdout.toString().split('\n').map((line) => line.split('=')[0]);
    expect(names).toContain('GIT_DIR');
    expect(names).not.toContain('GLOVEBOX_TEST_SECRET');
    expect(stdout.toString()).toContain('HOME=/nonexistent\n');
  });

  it('kills git and what git started when the deadline passes', async () => {
    const { process: git, folder } = fakeGit('sleep 60 & echo $! > child; wait');
    await expect(git.run({ gitDir: folder, args: ['fetch'], timeoutMs: 300 })).rejects.toMatchObject({ code: 'deadline', message: 'git fetch took longer than 0.3 s' });
    expect(await isDead(Number(readFileSync(join(folder, 'child'), 'utf8')))).toBe(true);
  });

  it('kills git and what git started when it is cancelled', async () => {
    const { process: git, folder } = fakeGit('sleep 60 & echo $! > child; echo started; wait');
    const controller = new AbortController();
    await using running = git.start({ gitDir: folder, args: ['fetch'], signal: controller.signal });
    running.stdout.once('data', () => controller.abort());
    await expect(running.end()).rejects.toMatchObject({ code: 'cancelled' });
    expect(await isDead(Number(readFileSync(join(folder, 'child'), 'utf8')))).toBe(true);
  });

  it('does not start what is cancelled already', () => {
    const { process: git, folder } = fakeGit('touch started');
    expect(() => git.start({ gitDir: folder, args: ['x'], signal: AbortSignal.abort() })).toThrow('cancelled');
    expect(existsSync(join(folder, 'started'))).toBe(false);
  });

  it("tells git's own words when it fails", async () => {
    const { process: git, folder } = fakeGit('echo "fatal: no such thing" >&2; exit 3');
    await expect(git.run({ gitDir: folder, args: ['x'], input: 'unread'.repeat(100_000) })).rejects.toMatchObject({ code: 'internal', message: 'git x failed: fatal: no such thing' });
  });

  it('rejects with the error of the source that feeds it', async () => {
    const { process: git, folder } = fakeGit('cat > /dev/null');
    const source = async function* () {
      yield 'some';
      throw new Error('the source broke');
    };
    await expect(git.run({ gitDir: folder, args: ['x'], input: source() })).rejects.toThrow('the source broke');
  });

  it('stops a git that writes without end', async () => {
    const { process: git, folder } = fakeGit('yes');
    await expect(git.run({ gitDir: folder, args: ['x'], maxOutputBytes: 1000 })).rejects.toMatchObject({ code: 'internal' });
  });

  it('says what to do when there is no git', async () => {
    const folder = temporaryFolder();
    await expect(new GitProcess(folder).run({ gitDir: folder, args: ['x'] })).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining('install git') });
  });
});

describe('the settings', () => {
  it('are read by git as they are meant', () => {
    const file = join(temporaryFolder(), 'config');
    writeFileSync(file, configFile());
    const listed = execFileSync('git', ['config', '--file', file, '--list'], { encoding: 'utf8' });
    expect(listed.split('\n')).toEqual(expect.arrayContaining(['core.hookspath=/dev/null', 'core.fsmonitor=false', 'protocol.allow=never', 'credential.helper=']));
  });

  it('look for git in no folder that a repository could bring', () => {
    expect(trustedPath('/repo/node_modules/.bin:.:bin::/opt/bin:/usr/bin')).toBe('/opt/bin:/usr/bin');
    expect(trustedPath(undefined)).toBe('/usr/local/bin:/usr/bin:/bin');
  });
});

it('a directory that is laid out again is whole at every moment for who uses it', async () => {
  const directory = join(temporaryFolder(), 'git');
  const repository = new GitRepository(new GitProcess(process.env['PATH'] ?? ''), directory);
  await repository.create();
  const files = ['HEAD', 'config', 'info/attributes'].map((name) => join(directory, name));
  const whole = files.map((file) => readFileSync(file, 'utf8'));
  let isOver = false;
  const again = Promise.all(Array.from({ length: 300 }, () => repository.create())).finally(() => (isOver = true));
  while (!isOver) {
    expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual(whole);
    await setImmediate();
  }
  await again;
  expect(readdirSync(directory).toSorted()).toEqual(['HEAD', 'config', 'info', 'objects', 'refs']);
});
