import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { CommandEnd, GloveboxError, Sandbox } from '../../src/contracts/index.ts';
import { run, shell, specOf, start, until } from '../support/sandbox-commands.ts';
import { KINDS, openWorld } from '../support/sandbox-kinds.ts';
import { SessionRig } from '../support/session.ts';
import { hasControlGroups } from './bubblewrap.harness.ts';

// The limits that sandbox.suite.ts does not run into. docs/limits.md has the table.
const isHard = { container: true, process: await hasControlGroups() };
const MiB = 2 ** 20;
/** An ordinary user has one user for all his sandboxes, and their instances are his. */
const root = process.getuid?.() === 0;
/** As many as the kernel gives one user. */
const INSTANCES = Number(readFileSync('/proc/sys/fs/inotify/max_user_instances', 'utf8'));
const INOTIFY_INIT1 = process.arch === 'arm64' ? 26 : 294;
const SPIN = 'while :; do :; done';

describe.each(KINDS)('a %s sandbox', (kind) => {
  test.runIf(isHard[kind])('gets the share of CPU that it may have, and no more, however many want it', async () => {
    await using world = openWorld(kind);
    await using sandbox = await world.driver.create(specOf({ limits: { cpu: 0.5 } }));
    const { end } = await shell(sandbox, `${SPIN} & ${SPIN} & ${SPIN}`, { limits: { wallMs: 3000 } });
    expect(end).toMatchObject({ cause: 'timeout', tree: 'dead' });
    // A period of the kernel's is 100 ms: at the beginning one may be had for nothing.
    expect((end.usage.userMs + end.usage.systemMs) / end.usage.wallMs).toBeLessThan(0.6);
  });

  test('counts CPU time of children that came and went', async () => {
    await using world = openWorld(kind);
    await using sandbox = await world.driver.create(specOf());
    const short = "sh -c 'i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done'";
    const { end } = await shell(sandbox, `while :; do ${short}; done`, { limits: { wallMs: 60_000, cpuMs: 600 } });
    expect(end).toMatchObject({ cause: 'cpu_time', tree: 'dead' });
    expect(end.usage.userMs + end.usage.systemMs).toBeGreaterThanOrEqual(600);
    // Somebody who leaves the tree takes the account with him.
    const left = await shell(sandbox, `setsid sh -c '${SPIN}' & ${SPIN.replace(':;', 'sleep 0.05;')}`, { limits: { wallMs: 60_000, cpuMs: 600 } });
    expect(left.end).toMatchObject({ cause: 'cpu_time', tree: 'dead' });
  });

  test('holds the number of open files of each process', async () => {
    await using world = openWorld(kind);
    await using sandbox = await world.driver.create(specOf({ limits: { openFiles: 100 } }));
    const { stdout, stderr } = await run(sandbox, ['bash', '-c', 'ulimit -Sn; ulimit -Hn; ulimit -n 200; for i in $(seq 150); do exec {fd}</dev/null || { echo "stopped at $i"; exit; }; done']);
    const [soft, hard, stopped] = stdout.split('\n');
    expect([soft, hard]).toEqual(['100', '100']);
    expect(Number(/stopped at (\d+)/.exec(stopped ?? '')?.[1] ?? 0)).toBeGreaterThan(80);
    expect(stderr).toMatch(/Too many open files/i);
  });

  test('says that it ran out of inodes, wherever files may be made, and works again when there is room', async () => {
    await using world = openWorld(kind);
    await using sandbox = await world.driver.create(specOf({ limits: { inodes: 200 } }));
    for (const folder of ['/workspace', '/tmp', '$HOME', '/dev/shm']) {
      const { stderr, end } = await shell(sandbox, `cd ${folder} && for i in $(seq 300); do : > f$i || exit 3; done`);
      expect({ folder, end }).toMatchObject({ end: { cause: 'exited', exitCode: 2, limitsHit: ['inodes'] } });
      expect(stderr).toMatch(/No space left on device/);
      expect((await shell(sandbox, `cd ${folder} && rm -f f* && echo ok > g && cat g`)).stdout).toBe('ok\n');
    }
  });

  test('that is promised as much disk as memory is full in time, and commands can still be started', async () => {
    await using world = openWorld(kind);
    await using sandbox = await world.driver.create(specOf({ limits: { memoryBytes: 64 * MiB, diskBytes: 64 * MiB } }));
    const { end, stderr } = await shell(sandbox, 'exec head -c 300M /dev/zero > /workspace/big');
    expect(stderr).toContain('No space left');
    expect(end).toMatchObject({ cause: 'exited', exitCode: 1, limitsHit: ['disk'] });
    expect((await shell(sandbox, 'rm /workspace/big && echo removed')).stdout).toBe('removed\n');
  });

  test('says that the disk was full although the program cleared up', async () => {
    await using world = openWorld(kind);
    await using sandbox = await world.driver.create(specOf({ limits: { diskBytes: 8 * MiB } }));
    // What complains is looked at then; what does not, now and then, where its CPU time is limited.
    for (const [silence, cpuMs] of [['', undefined], ['2> /dev/null', 10_000]] as const) {
      const { stdout, end } = await shell(sandbox, `cd /workspace; head -c 16M /dev/zero ${silence} > f || echo full; sleep 0.5; rm f`, { limits: { wallMs: 30_000, ...(cpuMs === undefined ? {} : { cpuMs }) } });
      expect(stdout).toBe('full\n');
      expect(end).toMatchObject({ cause: 'exited', exitCode: 0, limitsHit: ['disk'] });
    }
    expect((await shell(sandbox, 'sleep 0.3')).end).toMatchObject({ limitsHit: [] });
  });

  test.runIf(root)('that takes all inotify instances of its user leaves another its own', async () => {
    await using world = openWorld(kind);
    const spec = specOf({ limits: { openFiles: INSTANCES + 100 } });
    await using greedy = await world.driver.create(spec);
    await using other = await world.driver.create(spec);
    const held = start(greedy, ['perl', '-e', takeInstances(INSTANCES + 50)], { stdin: 'pipe' });
    const output = held.output[Symbol.asyncIterator]();
    // EMFILE, long before it has as many files as it may.
    await until(output, ' of them, 24\n');
    // Who has no more in there is not kept from anything else.
    expect((await run(greedy, ['echo', 'alive'])).stdout).toBe('alive\n');
    expect(await watched(greedy)).toBe('EMFILE');
    const { stdout } = await run(other, ['perl', '-e', takeInstances(INSTANCES - 20)]);
    expect(stdout).toBe(`${INSTANCES - 20} of them, 0\n`);
    expect(await watched(other)).toBe('seen');
    await held.closeStdin();
    await held.end;
    expect(await watched(greedy)).toBe('seen');
  });

  test('that takes all processes that it may have leaves another its own', async () => {
    await using world = openWorld(kind);
    await using greedy = await world.driver.create(specOf());
    await using other = await world.driver.create(specOf());
    const held = start(greedy, ['perl', '-e', takeProcesses(100)], { stdin: 'pipe' });
    const output = held.output[Symbol.asyncIterator]();
    // EAGAIN.
    await until(output, ' of them, 11\n');
    expect((await run(other, ['perl', '-e', takeProcesses(40)])).stdout).toBe('40 of them, 0\n');
    await held.closeStdin();
    if (isHard[kind]) expect((await held.end).limitsHit).toEqual(['pids']);
    else await held.end;
    expect((await run(greedy, ['perl', '-e', takeProcesses(40)])).stdout).toBe('40 of them, 0\n');
  });

  test('runs into every limit that a policy sets', async () => {
    await using world = openWorld(kind);
    await using rig = new SessionRig([world.driver]);
    const session = await rig.open(`
sandbox: { image: base, images: ["*"], kinds: [${kind}] }
limits: { cpu: 1, memory: 64MiB, pids: 24, disk: 8MiB, inodes: 100, open_files: 50 }
command: { wall: 6s, cpu: 2s, output: 10KiB }
`);
    const sandbox = await session.sandbox('test');
    const ended = async (line: string): Promise<CommandEnd> => {
      const command = await sandbox.exec({ argv: ['bash', '-c', line] });
      for await (const _ of command.output);
      return await command.end;
    };
    expect(await ended('sleep 600')).toMatchObject({ cause: 'timeout', tree: 'dead' });
    expect(await ended(SPIN)).toMatchObject({ cause: 'cpu_time', tree: 'dead' });
    expect(await ended('yes')).toMatchObject({ cause: 'output', output: { stdoutBytes: 10 * 1024 } });
    expect(await ended('head -c 16M /dev/zero > /workspace/f; rm /workspace/f; head -c 16M /dev/zero > /tmp/f')).toMatchObject({ cause: 'exited', exitCode: 1, limitsHit: ['disk'] });
    // On its own: what starts on a full disk may be told of it, for as long as it is.
    await ended('rm /tmp/f');
    expect(await ended('for i in $(seq 200); do : > /workspace/f$i || exit 3; done')).toMatchObject({ cause: 'exited', exitCode: 3, limitsHit: ['inodes'] });
    await ended('rm /workspace/f*');
    expect(await ended('for i in $(seq 100); do exec {fd}</dev/null || exit 4; done')).toMatchObject({ cause: 'exited', exitCode: 4 });
    if (!isHard[kind]) return;
    expect(await ended('tail /dev/zero')).toMatchObject({ cause: 'memory', oomKills: { blame: 'certain' } });
    expect((await ended("exec sh -c 'for i in $(seq 50); do sleep 600 & done'")).limitsHit).toEqual(['pids']);
  });
});

/** Takes up to so many, says how many it had and why no more, and holds them until its stdin ends. */
function takeInstances(most: number): string {
  return `$| = 1; my $n = 0; $! = 0; while ($n < ${most}) { last if syscall(${INOTIFY_INIT1}, 0) < 0; $n++; $! = 0; } print $n, ' of them, ', $! + 0, "\\n"; <STDIN>;`;
}

/** The same with processes that do nothing, and end with it. */
function takeProcesses(most: number): string {
  return `$| = 1; my @all; $! = 0; while (@all < ${most}) { my $p = fork(); last if !defined $p; if (!$p) { sleep 60; exit; } push @all, $p; $! = 0; } print scalar(@all), ' of them, ', $! + 0, "\\n"; <STDIN>; kill 9, @all; waitpid($_, 0) for @all;`;
}

/** Whether a change in the workspace is seen, or why not: init watches it with an instance of the sandbox's user. */
async function watched(sandbox: Sandbox): Promise<unknown> {
  try {
    const changes = await sandbox.files.watch('/workspace', { timeoutMs: 10_000 });
    await sandbox.files.write('/workspace/seen', Buffer.from('x'));
    for await (const _ of changes) return 'seen';
    return 'nothing';
  } catch (error) {
    return (error as GloveboxError).details['errno'] ?? error;
  }
}
