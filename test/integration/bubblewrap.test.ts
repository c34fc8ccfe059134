import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Sandbox } from '../../src/contracts/index.ts';
import { systemClock } from '../../src/contracts/index.ts';
import { BubblewrapDriver } from '../../src/sandbox/bubblewrap/index.ts';
import { ControlGroups } from '../../src/sandbox/bubblewrap/control-groups.ts';
import { tagOf } from '../../src/sandbox/bubblewrap/run-folder.ts';
import { FolderOwnership } from '../../src/sandbox/folder-ownership.ts';
import type { InitBinary } from '../../src/sandbox/init-binary.ts';
import { User } from '../e2e/glovebox.ts';
import { driverIn, hasControlGroups, ids, processesWith, shell, specOf, Station, statusField, until } from './bubblewrap.harness.ts';

const MiB = 2 ** 20;
const CORE_PATTERN = '/proc/sys/kernel/core_pattern';
const root = process.getuid?.() === 0;
/** Without control groups limits are soft, and what they would hold is not to be tried on somebody's machine. */
const hard = await hasControlGroups();

let station: Station;
beforeAll(() => {
  station = new Station();
});
afterAll(async () => {
  await station[Symbol.asyncDispose]();
});

test('the self-test says that it works, whose tools are seen, how limits are held, and leaves nothing', async () => {
  const status = await station.driver.status();
  expect(status, status.detail).toMatchObject({ kind: 'process', available: true, detail: expect.stringContaining("the host's own tools") as string });
  expect(status.detail).toContain(status.limitsAre === 'hard' ? 'held by control groups' : 'limits are soft');
  expect(status.detail).toContain('the number of files is held;');
  expect(station.traces()).toEqual([]);
});

test('without bubblewrap the status says how to get it', async () => {
  const driver = new BubblewrapDriver({ stateDir: station.stateDir, ownership: new FolderOwnership(station.stateDir), ids, clock: systemClock, init: { obtainable: async () => ({ ok: false, detail: 'no init: run x' }) } as unknown as InitBinary });
  expect(await driver.status()).toMatchObject({ available: false, detail: 'no init: run x' });
});

describe('from inside', () => {
  let sandbox: Sandbox;
  const hostPattern = readFileSync(CORE_PATTERN, 'utf8');
  beforeAll(async () => {
    sandbox = await station.driver.create(specOf());
  });
  afterAll(async () => {
    await sandbox.destroy();
  });

  test('only the host\'s programs are seen of the host', async () => {
    const { stdout } = await shell(sandbox, 'ls -A /');
    expect(stdout.trim().split('\n').filter((name) => !['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'].includes(name))).toEqual([
      '.glovebox', 'dev', 'etc', 'home', 'proc', 'run', ...(sandbox.limitsAre === 'hard' ? ['sys'] : []), 'tmp', 'usr', 'var', 'workspace',
    ]);
    expect((await shell(sandbox, 'ls -A /home /run /var /var/tmp/ /root')).stdout).toBe('/home:\nsandbox\n\n/run:\n\n/var:\ntmp\n\n/var/tmp/:\n');
    expect((await shell(sandbox, 'cat /etc/shadow')).stderr).toContain('No such file');
    expect((await shell(sandbox, 'find /sys -type f')).stdout.trim().split('\n').length).toBeLessThanOrEqual(2);
  });

  test('no descriptor, variable or user of the host comes along', async () => {
    expect((await shell(sandbox, 'ls /proc/self/fd')).stdout).toBe('0\n1\n2\n3\n');
    const { stdout } = await shell(sandbox, 'env; cut -d: -f1 /etc/passwd');
    expect(stdout.trim().split('\n').filter((line) => !/^(PATH|HOME|PWD|OLDPWD|SHLVL|_)=/.test(line))).toEqual(['sandbox', 'nobody']);
  });

  test('configuration of the host\'s tools is not seen, tokens in it least of all', async () => {
    expect((await shell(sandbox, 'find /usr/etc /usr/local/etc /etc/npmrc /etc/gitconfig /etc/pip.conf -type f 2>/dev/null')).stdout).toBe('');
  });

  test('the root, programs and /dev are read-only; the workspace, /tmp and home are not', async () => {
    for (const path of ['/x', '/usr/x', '/etc/x', '/dev/x', '/run/x', '/.glovebox/x']) {
      expect((await shell(sandbox, `touch ${path}`)).end.exitCode, path).toBe(1);
    }
    for (const path of ['/workspace/x', '/tmp/x', '$HOME/x', '/dev/shm/x']) expect((await shell(sandbox, `touch ${path}`)).end.exitCode, path).toBe(0);
  });

  test('kernel settings cannot be written, and core_pattern of the host is what it was', async () => {
    const { end, stderr } = await shell(sandbox, `echo /tmp/owned > ${CORE_PATTERN}`);
    expect(end.exitCode).not.toBe(0);
    expect(stderr).toMatch(/Read-only|Permission denied/);
    expect((await shell(sandbox, 'find /proc/sys -writable -type f | head -1')).stdout).toBe('');
    expect(readFileSync(CORE_PATTERN, 'utf8')).toBe(hostPattern);
  });

  test('what /proc tells of the machine is hidden', async () => {
    const { stdout } = await shell(sandbox, 'cat /proc/keys /proc/kcore /proc/timer_list /proc/interrupts; ls -A /proc/fs /proc/bus /proc/irq /proc/acpi 2>/dev/null | grep -v :');
    expect(stdout.trim()).toBe('');
  });

  test('there are no capabilities, no new privileges, a seccomp filter, and no way to more', async () => {
    const { stdout } = await shell(sandbox, 'grep -E "^(Cap...|NoNewPrivs|Seccomp):" /proc/self/status');
    expect(Object.fromEntries(stdout.trim().split('\n').map((line) => line.split(':\t') as [string, string]))).toEqual({
      CapInh: '0'.repeat(16), CapPrm: '0'.repeat(16), CapEff: '0'.repeat(16), CapBnd: '0'.repeat(16), CapAmb: '0'.repeat(16), NoNewPrivs: '1', Seccomp: '2',
    });
    expect((await shell(sandbox, 'unshare -U true')).end.exitCode).not.toBe(0);
    expect((await shell(sandbox, 'mount -t tmpfs x /tmp')).end.exitCode).not.toBe(0);
  });

  test('only loopback is there, and nothing else can be reached', async () => {
    const { stdout } = await shell(sandbox, 'tail -n +3 /proc/net/dev | cut -d: -f1');
    expect(stdout.trim()).toBe('lo');
    expect((await shell(sandbox, 'timeout 5 bash -c "echo > /dev/tcp/192.0.2.1/80"')).stderr).toContain('unreachable');
  });

  test('no process of the host is seen', async () => {
    const { stdout } = await shell(sandbox, 'for p in /proc/[0-9]*; do echo "$(cat $p/comm)"; done');
    expect(stdout.trim().split('\n').length).toBeLessThan(10);
    expect(stdout).not.toMatch(/node|vitest|dockerd|systemd/);
  });

  test('the workspace is as large as the disk, and a full one says so', async () => {
    const { end, stderr } = await shell(sandbox, 'dd if=/dev/zero of=/workspace/big bs=1M count=100; exit $?');
    expect(stderr).toContain('No space left');
    expect(end.limitsHit).toContain('disk');
    await shell(sandbox, 'rm /workspace/big');
  });
});

describe('on the host', () => {
  const open: Sandbox[] = [];
  const create = async (...args: Parameters<BubblewrapDriver['create']>): Promise<Sandbox> => {
    const sandbox = await station.driver.create(...args);
    open.push(sandbox);
    return sandbox;
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map((sandbox) => sandbox.destroy()));
  });

  test('each sandbox runs as a user of its own, which is never root', async () => {
    const users: string[] = [];
    for (const mark of ['mark-one', 'mark-two']) {
      const sandbox = await create(specOf());
      const running = sandbox.exec({ id: ids.next('cmd'), argv: ['/bin/sh', '-c', `sleep 60; : ${mark}`], limits: { wallMs: 60_000 } });
      await until('it runs', () => processesWith(mark).length > 0);
      const found = processesWith(mark).flatMap(({ pid }) => [...statusField(pid, 'Uid'), ...statusField(pid, 'Gid')]);
      expect(new Set(found).size).toBe(1);
      expect(Number(found[0])).toBeGreaterThan(0);
      users.push(found[0]!);
      running.cancel(0);
      await running.end;
    }
    if (root) expect(users[0]).not.toBe(users[1]);
  });

  test('neither the keeper nor bubblewrap is root\'s, and both have given up every privilege', async () => {
    const sandbox = await create(specOf());
    const helpers = processesWith(sandbox.id);
    expect(helpers.length).toBeGreaterThanOrEqual(2);
    for (const { pid } of helpers) {
      expect(statusField(pid, 'Uid')).not.toContain('0');
      expect(statusField(pid, 'NoNewPrivs')).toEqual(['1']);
      expect(statusField(pid, 'CapEff')).toEqual(['0'.repeat(16)]);
      // Nothing, unless a distribution counts users in: no group of ours either.
      expect(statusField(pid, 'Groups').filter((group) => !statusField(pid, 'Gid').includes(group))).toEqual([]);
    }
  });

  test('destroying removes every process, group, folder and record', async () => {
    const sandbox = await create(specOf());
    const running = sandbox.exec({ id: ids.next('cmd'), argv: ['/bin/sh', '-c', 'setsid sleep 600 & sleep 600; : mark-destroy'], limits: { wallMs: 600_000 } });
    await until('it runs', () => processesWith('mark-destroy').length > 0);
    expect(station.traces()).not.toEqual([]);
    await sandbox.destroy();
    expect(station.traces()).toEqual([]);
    expect(processesWith('mark-destroy')).toEqual([]);
    expect((await running.end).cause).toBe('lost');
    await sandbox.destroy();
  });

  test.runIf(hard)('memory is held: what takes too much ends with that cause, and the sandbox lives', async () => {
    const sandbox = await create(specOf({ memoryBytes: 96 * MiB }));
    expect(sandbox.limitsAre).toBe('hard');
    const { end } = await shell(sandbox, 'exec python3 -c "x = bytearray(400 * 2**20)"');
    expect(end).toMatchObject({ cause: 'memory', signal: 'SIGKILL' });
    expect(end.oomKills.count).toBeGreaterThan(0);
    expect((await shell(sandbox, 'echo alive')).stdout).toBe('alive\n');
  });

  test.runIf(!hard)('without control groups a process that runs away is stopped all the same', async () => {
    const sandbox = await create(specOf({ memoryBytes: 64 * MiB }));
    expect(sandbox.limitsAre).toBe('soft');
    expect((await shell(sandbox, 'exec tail /dev/zero', { wallMs: 60_000 })).stderr).toContain('memory exhausted');
    expect((await shell(sandbox, 'node -p 1+1')).stdout).toBe('2\n');
  });

  test.runIf(hard)('all places for files together are memory, too', async () => {
    const sandbox = await create(specOf({ memoryBytes: 64 * MiB, diskBytes: 64 * MiB }));
    await shell(sandbox, 'head -c 300M /dev/zero > /workspace/big');
    const filled = await shell(sandbox, 'exec head -c 300M /dev/zero > /tmp/big');
    expect(filled.end.cause).toBe('memory');
    // Whether a shell fits into what is left is luck; that its end is told is not. One that is half begun when there is no more is ended by a signal.
    expect(['exited', 'memory', 'signalled']).toContain((await shell(sandbox, 'echo alive')).end.cause);
  });

  test.runIf(hard)('the number of processes is held: a fork bomb stays in its sandbox', async () => {
    const sandbox = await create(specOf({ pids: 32 }));
    const { end } = await shell(sandbox, 'bomb() { bomb | bomb & }; bomb; sleep 1; exit 0', { wallMs: 5_000 });
    expect(end.limitsHit).toContain('pids');
    expect((await shell(sandbox, 'echo alive')).stdout).toBe('alive\n');
  });

  test('the number of processes is held, whatever holds it', async () => {
    const sandbox = await create(specOf({ pids: 24 }));
    const { stderr } = await shell(sandbox, 'i=0; while [ $i -lt 64 ]; do sleep 3 & i=$((i + 1)); done', { wallMs: 10_000 });
    expect(stderr).toMatch(/fork|Resource temporarily unavailable/i);
    expect((await shell(sandbox, 'echo alive')).stdout).toBe('alive\n');
  });

  test.runIf(hard)('cpu is held: a tenth of a processor gets about a tenth of the time', async () => {
    const sandbox = await create(specOf({ cpu: 0.1 }));
    const { end } = await shell(sandbox, 'while :; do :; done', { wallMs: 2_000 });
    expect(end.cause).toBe('timeout');
    expect(end.usage.userMs + end.usage.systemMs).toBeLessThan(800);
  });

  test('another client at the keeper\'s socket takes the wire for a moment, and the command goes on', async () => {
    const sandbox = await create(specOf());
    const running = sandbox.exec({ id: ids.next('cmd'), argv: ['/bin/sh', '-c', 'read line; echo "$line"'], stdin: 'pipe', limits: { wallMs: 30_000 } });
    const intruder = connect(join(station.runRoot, sandbox.id, 'keeper', 'socket'));
    await once(intruder, 'connect');
    intruder.destroy();
    await running.write(Buffer.from('still here\n'));
    let text = '';
    for await (const { bytes } of running.output) text += bytes.toString();
    expect(text).toBe('still here\n');
    expect(await running.end).toMatchObject({ cause: 'exited', exitCode: 0 });
  });

  test('a keeper that is killed takes its sandbox with it', async () => {
    const sandbox = await create(specOf());
    const running = sandbox.exec({ id: ids.next('cmd'), argv: ['/bin/sh', '-c', 'setsid sleep 600 & sleep 600; : mark-keeper'], limits: { wallMs: 600_000 } });
    await until('it runs', () => processesWith('mark-keeper').length > 0);
    process.kill(processesWith('--keeper\0' + join(station.runRoot, sandbox.id))[0]!.pid, 'SIGKILL');
    expect((await running.end).cause).toBe('lost');
    await sandbox.gone;
    expect(processesWith('mark-keeper')).toEqual([]);
    await sandbox.destroy();
    expect(station.traces()).toEqual([]);
  });

  test('a start that fails says why and leaves nothing', async () => {
    const noInit = { path: async () => '/usr/bin/false' } as unknown as InitBinary;
    const driver = new BubblewrapDriver({ stateDir: station.stateDir, ownership: new FolderOwnership(station.stateDir), ids, clock: systemClock, init: noInit });
    await expect(driver.create(specOf())).rejects.toMatchObject({ code: 'sandbox_start_failed' });
    expect(station.traces()).toEqual([]);
  });

  test('a start that is cancelled leaves nothing', async () => {
    const stop = new AbortController();
    const creating = station.driver.create(specOf(), stop.signal);
    const outcome = expect(creating).rejects.toThrow();
    await until('it has begun', () => station.traces().length > 0);
    stop.abort();
    await outcome;
    expect(station.traces()).toEqual([]);
  });
});

describe('after a crash', () => {
  const orphan = async (graceMs: number, mark: string): Promise<void> => {
    const owner = spawn(process.execPath, [fileURLToPath(new URL('bubblewrap.owner.ts', import.meta.url)), station.stateDir, String(graceMs), mark]);
    let said = '';
    owner.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const started = await Promise.race([once(owner.stdout, 'data'), once(owner, 'exit')]);
    expect(String(started[0]), said).toBe('started\n');
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    expect(processesWith(mark)).not.toEqual([]);
  };

  test('a sandbox whose owner is dead ends by itself after its grace time, and a sweep removes the rest', async () => {
    await orphan(1_500, 'mark-grace');
    await until('the dead man\'s switch', () => processesWith('mark-grace').length === 0 && processesWith(station.runRoot).length === 0, 15_000);
    expect(await station.driver.sweep()).toEqual([expect.stringMatching(/^process sandbox sbx_\w+ \(its owner, process \d+, is dead\)$/)]);
    expect(station.traces()).toEqual([]);
  });

  test('a sweep need not wait for that', async () => {
    await orphan(600_000, 'mark-sweep');
    expect(await driverIn(station.stateDir).sweep()).toHaveLength(1);
    expect(processesWith('mark-sweep')).toEqual([]);
    expect(station.traces()).toEqual([]);
  });

  test('a sweep spares what lives, unless all is to go', async () => {
    const sandbox = await station.driver.create(specOf());
    expect(await driverIn(station.stateDir).sweep()).toEqual([]);
    expect((await shell(sandbox, 'echo alive')).stdout).toBe('alive\n');
    expect(await station.driver.sweep({ all: true })).toEqual([`process sandbox ${sandbox.id} (it was to go)`]);
    expect(await sandbox.gone).not.toBe('');
    await sandbox.destroy();
    expect(station.traces()).toEqual([]);
  });

  test('a sweep from the command line says what it removed, and finds nothing the next time', async () => {
    await orphan(600_000, 'mark-gc');
    using user = new User({ GLOVEBOX_HOME: station.stateDir, DOCKER_HOST: 'unix:///nowhere.sock' });
    expect(await user.run('gc')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^removed process sandbox sbx_\w+ \(its owner, process \d+, is dead\)\n$/) as string });
    expect(processesWith('mark-gc')).toEqual([]);
    expect(station.traces()).toEqual([]);
    expect(await user.run('gc')).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('nothing was left behind') as string });
  });

  test.runIf(hard)('a control group that no record knows goes too, with what is in it', async () => {
    const id = ids.next('sbx');
    const groups = await ControlGroups.find(tagOf(station.stateDir));
    if (!(groups instanceof ControlGroups)) throw new Error(groups.missing);
    const group = await groups.create(id, specOf().limits);
    const inside = spawn('sleep', ['600'], { stdio: 'ignore' });
    try {
      await once(inside, 'spawn');
      for (const directory of group.directories) writeFileSync(join(directory, 'cgroup.procs'), String(inside.pid));
      expect(station.traces()).toHaveLength(group.directories.length);
      const ended = once(inside, 'exit');
      expect(await driverIn(station.stateDir).sweep()).toEqual([`process sandbox ${id} (nobody has a record of it)`]);
      expect(await ended).toEqual([null, 'SIGKILL']);
      expect(station.traces()).toEqual([]);
    } finally {
      inside.kill('SIGKILL');
    }
  });

  test('a folder that no record knows goes too, and what is none of ours stays', async () => {
    const id = ids.next('sbx');
    mkdirSync(join(station.runRoot, id, 'keeper'), { recursive: true });
    writeFileSync(join(station.runRoot, 'notes'), '');
    expect(await station.driver.sweep()).toEqual([`process sandbox ${id} (nobody has a record of it)`]);
    expect(existsSync(join(station.runRoot, id))).toBe(false);
    expect(existsSync(join(station.runRoot, 'notes'))).toBe(true);
  });
});
