import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { GloveboxError, Sandbox } from '../../src/contracts/index.ts';
import { finish, ids, processNames, run, shell, specOf, start, until } from '../support/sandbox-commands.ts';
import type { SandboxWorld } from '../support/sandbox-world.ts';
import { streamBehaviours } from './sandbox-streams.suite.ts';

/** What a kind of sandbox does otherwise, and why. */
export interface SuiteOptions {
  /** Behaviours that cannot be asked of it here, by the test's name, each with the reason. They are printed, so that nothing is left out in silence. */
  readonly notRun?: Readonly<Record<string, string>>;
  /** A command can write to the wire through PID 1's descriptors; what it writes ends the sandbox. */
  readonly wireIsReachable?: boolean;
}

const MiB = 2 ** 20;

/** A program with forty processes, each of which is another one all the time: it forks, and ends. Whoever looks at a list of them is late. */
function hoppers(meanwhile: string): string {
  return `use POSIX; open(STDOUT, '>/dev/null');
    for (1..40) { my $p = fork(); next if !defined($p) || $p; POSIX::setsid(); while (1) { my $q = fork(); POSIX::_exit(0) if $q; } }
    ${meanwhile} sleep 1000;`;
}

/** Every behaviour that a kind of sandbox must have. */
export function sandboxSuite(name: string, open: () => Promise<SandboxWorld>, options: SuiteOptions = {}): void {
  describe(name, () => {
    let world: SandboxWorld;
    let sandbox!: Sandbox;
    const left: string[] = [];

    /** A test, unless this kind cannot be asked for it. */
    function behaviour(what: string, body: () => Promise<void>, timeoutMs?: number): void {
      const reason = options.notRun?.[what];
      if (reason === undefined) test(what, body, timeoutMs);
      else left.push(`${what}: ${reason}`);
    }

    /** Something runs beside all of it, and must go on. */
    async function withNeighbour(body: () => Promise<void>): Promise<void> {
      const neighbour = start(sandbox, ['sh', '-c', 'echo ready; read line; echo "$line"'], { stdin: 'pipe', limits: { wallMs: 120_000 } });
      const output = neighbour.output[Symbol.asyncIterator]();
      await until(output, 'ready');
      await body();
      await neighbour.write(Buffer.from('alive\n'));
      await until(output, 'alive');
      expect(await neighbour.end).toMatchObject({ cause: 'exited', exitCode: 0, markerLost: false });
    }

    beforeAll(async () => {
      world = await open();
    });
    // One sandbox for all, as a session has it; a test that broke it must not be what the next ones report.
    beforeEach(async () => {
      if (sandbox !== undefined && (await run(sandbox, ['/bin/true'])).end.cause !== 'lost') return;
      if (sandbox !== undefined) process.stderr.write(`${name}: a sandbox was lost: ${await sandbox.gone}\n`);
      sandbox = await world.driver.create(specOf());
    });
    afterAll(async () => {
      await sandbox?.destroy();
      await world?.[Symbol.asyncDispose]();
      if (left.length > 0) process.stderr.write(`\n${name}: not run here\n${left.map((line) => `  - ${line}`).join('\n')}\n`);
    });

    describe('a command', () => {
      behaviour('gets its arguments as they are, and no shell sees them', async () => {
        const { stdout, end } = await run(sandbox, ['/usr/bin/printf', '%s|', 'a b', '$HOME', '', '*', 'ü\n"']);
        expect(stdout).toBe('a b|$HOME||*|ü\n"|');
        expect(end).toMatchObject({ cause: 'exited', exitCode: 0, tree: 'dead', markerLost: false, limitsHit: [] });
      });

      behaviour('is looked up in PATH', async () => {
        expect(await run(sandbox, ['true'])).toMatchObject({ end: { cause: 'exited', exitCode: 0 } });
        expect(await run(sandbox, ['true'], { env: { PATH: '/nowhere' } })).toMatchObject({ end: { cause: 'not_started', startError: 'ENOENT' } });
      });

      behaviour('gets its own environment above the sandbox’s, and nothing else of ours', async () => {
        const { stdout } = await run(sandbox, ['env'], { env: { ONE: '1 2', HOME: '/tmp' } });
        const names = stdout.split('\n').map((line) => line.split('=')[0]);
        expect(stdout).toContain('ONE=1 2\n');
        expect(stdout).toContain('HOME=/tmp\n');
        expect(names.filter((each) => each !== '' && !['ONE', 'HOME', 'PATH', 'LANG'].includes(each ?? ''))).toEqual([]);
      });

      behaviour('starts in the workspace, or where it is told', async () => {
        expect((await run(sandbox, ['pwd'])).stdout).toBe('/workspace\n');
        expect((await run(sandbox, ['pwd'], { cwd: '/tmp' })).stdout).toBe('/tmp\n');
        expect((await run(sandbox, ['pwd'], { cwd: '/nowhere' })).end).toMatchObject({ cause: 'not_started', startError: 'ENOENT' });
      });

      behaviour('passes its exit code on', async () => {
        expect((await shell(sandbox, 'exit 42')).end).toMatchObject({ cause: 'exited', exitCode: 42 });
      });

      behaviour('that dies of a signal has no exit code', async () => {
        const { end } = await shell(sandbox, 'kill -SEGV $$');
        expect(end).toMatchObject({ cause: 'signalled', signal: 'SIGSEGV' });
        expect(end).not.toHaveProperty('exitCode');
      });

      behaviour('that cannot be started says why', async () => {
        expect((await run(sandbox, ['/nowhere'])).end).toMatchObject({ cause: 'not_started', startError: 'ENOENT' });
        expect((await run(sandbox, ['/etc/passwd'])).end).toMatchObject({ cause: 'not_started', startError: 'EACCES' });
        expect((await run(sandbox, ['with\0nul'])).end).toMatchObject({ cause: 'not_started', startError: 'EINVAL' });
        expect((await run(sandbox, ['true', 'x'.repeat(300_000)])).end).toMatchObject({ cause: 'not_started', startError: 'E2BIG' });
      });

      behaviour('reads what is written to it until it is closed', async () => {
        const command = start(sandbox, ['cat'], { stdin: 'pipe' });
        const text = Buffer.from('line\n'.repeat(100_000));
        const reading = finish(command);
        await command.write(text);
        await command.closeStdin();
        const { stdout, end } = await reading;
        expect(stdout).toBe(text.toString());
        expect(end).toMatchObject({ cause: 'exited', exitCode: 0 });
      });

      behaviour('without a pipe reads nothing', async () => {
        expect((await run(sandbox, ['cat'])).end).toMatchObject({ cause: 'exited', exitCode: 0, output: { stdoutBytes: 0 } });
      });

      behaviour('that closes its stdin keeps nobody waiting', async () => {
        const command = start(sandbox, ['sh', '-c', 'exec <&-; echo closed'], { stdin: 'pipe' });
        const reading = finish(command);
        await command.write(Buffer.alloc(MiB));
        await command.closeStdin();
        expect(await reading).toMatchObject({ stdout: 'closed\n', end: { cause: 'exited', exitCode: 0 } });
      });

      behaviour('has its channels apart, and each in order, by offset', async () => {
        const command = start(sandbox, ['sh', '-c', 'seq 1 30000; seq 1 20 >&2']);
        const offsets = { stdout: 0, stderr: 0 };
        const text = { stdout: '', stderr: '' };
        for await (const { channel, offset, bytes } of command.output) {
          expect(offset).toBe(offsets[channel]);
          offsets[channel] += bytes.length;
          text[channel] += bytes.toString();
        }
        expect(text.stdout).toBe(Array.from({ length: 30_000 }, (_, i) => `${i + 1}\n`).join(''));
        expect(text.stderr).toBe(Array.from({ length: 20 }, (_, i) => `${i + 1}\n`).join(''));
        expect((await command.end).output).toMatchObject({ stdoutBytes: offsets.stdout, stderrBytes: offsets.stderr, droppedBytes: 0, lostBytes: 0 });
      });

      behaviour('that floods a reader who does not read stalls nobody else, and loses nothing', async () => {
        const bytes = 3 * MiB;
        const flood = start(sandbox, ['head', '-c', String(bytes), '/dev/zero']);
        const output = flood.output[Symbol.asyncIterator]();
        let received = (await output.next()).value?.bytes.length ?? 0;
        for (let i = 0; i < 20; i++) expect((await run(sandbox, ['echo', 'alive'])).stdout).toBe('alive\n');
        for (let next = await output.next(); next.done !== true; next = await output.next()) received += next.value.bytes.length;
        expect(received).toBe(bytes);
        expect(await flood.end).toMatchObject({ cause: 'exited', exitCode: 0, output: { stdoutBytes: bytes } });
      });

      behaviour('whose reader goes away runs on to its end', async () => {
        const command = start(sandbox, ['head', '-c', String(2 * MiB), '/dev/zero']);
        for await (const _ of command.output) break;
        expect(await command.end).toMatchObject({ cause: 'exited', exitCode: 0, output: { stdoutBytes: 2 * MiB } });
      });

      behaviour('gets the signals that it is sent', async () => {
        const command = start(sandbox, ['sh', '-c', 'trap "echo got; exit 7" USR1; echo ready; while :; do sleep 0.02; done']);
        const output = command.output[Symbol.asyncIterator]();
        await until(output, 'ready');
        command.signal('SIGUSR1');
        await until(output, 'got');
        expect(await command.end).toMatchObject({ cause: 'exited', exitCode: 7 });
      });

      behaviour('that had a signal is not sent it again with those that have begun since', async () => {
        const child = 'trap "echo new; exit 7" USR1; echo child; while :; do sleep 0.02; done';
        const command = start(sandbox, ['sh', '-c', 'n=0; trap "n=\\$((n + 1)); echo old" USR1; sleep 0.05; echo ready; until read go; do :; done; sh -c "$1"; echo "ended $? after $n"', 'sh', child], { stdin: 'pipe' });
        const output = command.output[Symbol.asyncIterator]();
        await until(output, 'ready');
        command.signal('SIGUSR1', 'tree');
        await until(output, 'old');
        await command.write(Buffer.from('go\n'));
        await until(output, 'child');
        command.signal('SIGUSR1', 'late');
        await until(output, 'ended 7 after 1\n');
        expect(await command.end).toMatchObject({ cause: 'exited', exitCode: 0 });
      });

      behaviour('asked for twice by its id runs once', async () => {
        const spec = { id: ids.next('cmd'), argv: ['sh', '-c', 'echo x >> /workspace/once; exit 5'] as [string, ...string[]], limits: { wallMs: 10_000 } };
        const [first, second] = [sandbox.exec(spec), sandbox.exec(spec)];
        expect(await first.end).toMatchObject({ exitCode: 5 });
        expect(await second.end).toEqual(await first.end);
        expect(await sandbox.exec(spec).end).toEqual(await first.end);
        expect((await sandbox.files.read('/workspace/once')).toString()).toBe('x\n');
      });

      behaviour('a thousand of them leave no zombie', async () => {
        for (let i = 0; i < 125; i++) {
          const ends = await Promise.all(Array.from({ length: 8 }, () => run(sandbox, ['/bin/true'])));
          expect(ends.every(({ end }) => end.exitCode === 0)).toBe(true);
        }
        const { stdout } = await shell(sandbox, 'cat /proc/[0-9]*/stat 2>/dev/null; true');
        expect(stdout.split('\n').filter((line) => / Z /.test(line))).toEqual([]);
      });
    });

    describe('an end', () => {
      behaviour('comes with the time limit, for daemons too', async () => {
        const { end } = await shell(sandbox, '(setsid sh -c "trap \\"\\" TERM HUP; while :; do sleep 1000; done" &) ; trap "" TERM; while :; do sleep 1000; done', { limits: { wallMs: 400 } });
        expect(end).toMatchObject({ cause: 'timeout', tree: 'dead' });
        expect(end).not.toHaveProperty('exitCode');
        expect(await processNames(sandbox)).not.toContain('sleep');
      });

      behaviour('gives a command its grace time', async () => {
        const { stdout, end } = await shell(sandbox, 'trap "echo cleaning; exit 0" TERM; while :; do sleep 0.02; done', { limits: { wallMs: 300 }, graceMs: 5000 });
        expect(stdout).toBe('cleaning\n');
        expect(end.cause).toBe('timeout');
      });

      behaviour('does not wait for a daemon that holds the pipe', async () => {
        const { stdout, end } = await shell(sandbox, '(setsid sleep 1000 &) ; echo done');
        expect(stdout).toBe('done\n');
        expect(end).toMatchObject({ cause: 'exited', exitCode: 0, tree: 'dead' });
        expect(end.usage.wallMs).toBeLessThan(10_000);
        expect(await processNames(sandbox)).not.toContain('sleep');
      });

      behaviour('comes with cancellation', async () => {
        const command = start(sandbox, ['sh', '-c', 'setsid sleep 1000 & echo ready; sleep 1000']);
        const output = command.output[Symbol.asyncIterator]();
        await until(output, 'ready');
        command.cancel(0);
        expect(await command.end).toMatchObject({ cause: 'cancelled', tree: 'dead' });
        expect(await processNames(sandbox)).not.toContain('sleep');
      });

      behaviour('comes with the CPU limit of the whole tree', async () => {
        const { end } = await shell(sandbox, 'sh -c "while :; do :; done" & while :; do :; done', { limits: { wallMs: 30_000, cpuMs: 500 } });
        expect(end.cause).toBe('cpu_time');
      });

      behaviour('comes with a flood of output', async () => {
        const { stdout, end } = await run(sandbox, ['yes'], { limits: { wallMs: 30_000, outputBytes: 100_000 } });
        expect(end.cause).toBe('output');
        expect(stdout.length).toBe(100_000);
      });

      behaviour('does not come with a flood that is to be dropped, and that is counted', async () => {
        const { stdout, end } = await shell(sandbox, 'head -c 200000 /dev/zero; exit 3', { limits: { wallMs: 30_000, outputBytes: 1000 }, onOutputLimit: 'drop' });
        expect(stdout.length).toBe(1000);
        expect(end).toMatchObject({ cause: 'exited', exitCode: 3, output: { droppedBytes: 199_000 } });
      });

      behaviour('of a command that kills its own marker takes everything that was its own, says so, and harms no neighbour', async () => {
        await withNeighbour(async () => {
          // Whoever has left the session has no parent but the marker. The sleeps would outlast every deadline here.
          const { stdout, end } = await shell(sandbox, '(setsid sleep 1000 &) ; (setsid sh -c "trap \\"\\" TERM HUP; sleep 1000; :" &) ; echo mine; kill -9 $PPID; sleep 1000');
          expect(stdout).toBe('mine\n');
          expect(end).toMatchObject({ cause: 'signalled', tree: 'dead', markerLost: true });
          expect(end).not.toHaveProperty('exitCode');
          expect(end.usage.wallMs).toBeLessThan(10_000);
          expect(await processNames(sandbox)).not.toContain('sleep');
        });
      });

      behaviour('is not kept from coming by a marker that is stopped, and one that is stopped again is done without', async () => {
        await withNeighbour(async () => {
          const once = await shell(sandbox, 'kill -STOP $PPID; sleep 0.1; echo woken');
          expect(once).toMatchObject({ stdout: 'woken\n', end: { cause: 'exited', exitCode: 0, tree: 'dead', markerLost: false } });
          const { end } = await shell(sandbox, '(setsid sleep 1000 &) ; kill -STOP $PPID; sleep 0.2; kill -STOP $PPID; sleep 1000');
          expect(end).toMatchObject({ cause: 'signalled', tree: 'dead', markerLost: true });
          expect(end.usage.wallMs).toBeLessThan(10_000);
          expect(await processNames(sandbox)).not.toContain('sleep');
        });
      });

      behaviour('of one that kills everything it can is everybody’s, and the sandbox lives', async () => {
        const neighbour = start(sandbox, ['sh', '-c', 'echo ready; sleep 1000']);
        await until(neighbour.output[Symbol.asyncIterator](), 'ready');
        const { end } = await shell(sandbox, 'kill -9 -1; sleep 0.2; echo still here');
        // Its own marker is among them, and whether it is seen to be gone before or after the shell has ended is luck.
        expect(end).toMatchObject({ cause: expect.stringMatching(/^(exited|signalled)$/) as string, tree: 'dead' });
        expect(await neighbour.end).toMatchObject({ cause: 'signalled', tree: 'dead', markerLost: true });
        expect((await run(sandbox, ['echo', 'next'])).stdout).toBe('next\n');
        expect(await processNames(sandbox)).not.toContain('sleep');
      });

      for (const [how, killMarker] of [['with its marker', ''], ['without its marker', 'select(undef, undef, undef, 0.3); kill 9, getppid();']] as const) {
        behaviour(`comes for processes that hop from pid to pid, ${how}`, async () => {
          await withNeighbour(async () => {
            const { end } = await run(sandbox, ['perl', '-e', hoppers(killMarker)], { limits: { wallMs: 1500 } });
            expect(end).toMatchObject({ tree: 'dead', markerLost: killMarker !== '' });
            if (killMarker === '') expect(end.cause).toBe('timeout');
            expect((await processNames(sandbox)).filter((name) => name === 'perl')).toEqual([]);
          });
        }, 60_000);
      }

      behaviour('of a memory hog says so, and the sandbox lives', async () => {
        const { end } = await run(sandbox, ['tail', '/dev/zero'], { limits: { wallMs: 60_000 } });
        expect(end.cause).toBe('memory');
        expect(end.oomKills).toEqual({ count: expect.any(Number) as number, blame: 'certain' });
        expect(end.oomKills.count).toBeGreaterThan(0);
        expect((await run(sandbox, ['echo', 'alive'])).stdout).toBe('alive\n');
      });

      behaviour('of a memory hog is blamed on nobody alone while another command runs', async () => {
        await withNeighbour(async () => {
          const { end } = await run(sandbox, ['tail', '/dev/zero'], { limits: { wallMs: 60_000 } });
          expect(end).toMatchObject({ cause: 'memory', oomKills: { count: expect.any(Number) as number, blame: 'shared' } });
          expect(end.oomKills.count).toBeGreaterThan(0);
        });
        expect((await run(sandbox, ['/bin/true'])).end.oomKills).toEqual({ count: 0, blame: 'certain' });
      });

      behaviour('of a shell whose grandchild was the memory hog says so, too', async () => {
        const { stdout, end } = await shell(sandbox, 'sh -c "tail /dev/zero; echo \\$?; exit 137"', { limits: { wallMs: 60_000 } });
        expect(stdout).toBe('137\n');
        expect(end).toMatchObject({ cause: 'memory', exitCode: 137, oomKills: { count: 1, blame: 'certain' } });
        // A shell that lives with it decides how it ends, and what happened is told all the same.
        const survived = await shell(sandbox, 'sh -c "tail /dev/zero"; exit 3', { limits: { wallMs: 60_000 } });
        expect(survived.end).toMatchObject({ cause: 'exited', exitCode: 3, oomKills: { count: 1, blame: 'certain' } });
      });

      behaviour('of a fork bomb comes with its time, and says what it ran into', async () => {
        const { end } = await shell(sandbox, 'bomb() { bomb | bomb & }; bomb & while :; do :; done', { limits: { wallMs: 2000 } });
        expect(end).toMatchObject({ cause: 'timeout', tree: 'dead' });
        expect(end.limitsHit).toContain('pids');
        expect((await run(sandbox, ['echo', 'alive'])).stdout).toBe('alive\n');
      });

      behaviour('says that the disk was full', async () => {
        const { end } = await shell(sandbox, 'head -c 100000000 /dev/zero > /workspace/full');
        expect(end.limitsHit).toContain('disk');
        await sandbox.files.remove('/workspace/full');
      });
    });

    describe('files', () => {
      beforeEach(async () => {
        await sandbox.files.mkdir('/workspace/files', { parents: true });
      });

      const errno = async (work: Promise<unknown>): Promise<unknown> =>
        work.then(
          () => 'nothing went wrong',
          (error: GloveboxError) => (error.code === 'file_failed' ? error.details['errno'] : error),
        );

      behaviour('are written whole, read whole or in part', async () => {
        const { files } = sandbox;
        const bytes = Buffer.from(Array.from({ length: 3 * MiB }, (_, i) => (i * 7) & 0xff));
        await files.write('/workspace/files/deep/er/large', bytes, { parents: true, mode: 0o755 });
        expect((await files.read('/workspace/files/deep/er/large')).equals(bytes)).toBe(true);
        expect(await files.read('/workspace/files/deep/er/large', { offset: 10, length: 5 })).toEqual(bytes.subarray(10, 15));
        expect(await files.stat('/workspace/files/deep/er/large')).toMatchObject({ type: 'file', mode: 0o755, sizeBytes: bytes.length });
        expect(await errno(files.read('/workspace/files/deep/er/large', { maxBytes: MiB }))).toBe('EFBIG');
      });

      behaviour('are listed, renamed and removed', async () => {
        const { files } = sandbox;
        await files.mkdir('/workspace/files/tree/sub', { parents: true });
        await files.write('/workspace/files/tree/a', Buffer.from('a'));
        await files.write('/workspace/files/tree/sub/b', Buffer.from('b'));
        await shell(sandbox, 'cd /workspace/files/tree && ln -s ../x link && mkdir -p .git/objects && touch .git/objects/o');
        const paths = async (how: object): Promise<string[]> => (await files.list('/workspace/files/tree', how)).map(({ path }) => path).toSorted();
        expect(await paths({})).toEqual(['.git', 'a', 'link', 'sub']);
        expect(await paths({ recursive: true, exclude: ['.git'] })).toEqual(['a', 'link', 'sub', 'sub/b']);
        expect((await files.list('/workspace/files/tree')).find(({ path }) => path === 'link')).toMatchObject({ type: 'symlink', target: '../x' });
        await files.rename('/workspace/files/tree/a', '/workspace/files/tree/c');
        expect(await errno(files.remove('/workspace/files/tree'))).toMatch(/ENOTEMPTY|EISDIR/);
        await files.remove('/workspace/files/tree', { recursive: true });
        expect(await errno(files.stat('/workspace/files/tree'))).toBe('ENOENT');
      });

      behaviour('are not reached through a symbolic link', async () => {
        const { files } = sandbox;
        await shell(sandbox, 'cd /workspace/files && ln -s /etc/passwd link && ln -s /etc dir');
        expect(await errno(files.read('/workspace/files/link'))).toBe('ELOOP');
        expect(await errno(files.read('/workspace/files/dir/passwd'))).toMatch(/ELOOP|ENOTDIR/);
        expect(await errno(files.write('/workspace/files/dir/new', Buffer.from('x')))).toMatch(/ELOOP|ENOTDIR/);
        expect(await files.resolve('/workspace/files/link')).toBe('/etc/passwd');
        expect((await files.stat('/workspace/files/link')).type).toBe('symlink');
      });

      behaviour('that are no files are refused at once', async () => {
        await shell(sandbox, 'mkfifo /workspace/files/fifo');
        expect(await errno(sandbox.files.read('/workspace/files/fifo'))).toMatch(/^E/);
        expect(await errno(sandbox.files.read('/dev/zero'))).toMatch(/^E/);
        expect(await errno(sandbox.files.read('/workspace'))).toBe('EISDIR');
        await sandbox.files.remove('/workspace/files/fifo');
      });

      behaviour('keep their names, whatever is in them', async () => {
        const { files } = sandbox;
        await files.mkdir('/workspace/files/names');
        const names = ['-rf', ' ', 'a\nb', '"quoted"', 'ünïcödé', '$(touch x)', '\u001b[31m', 'x'.repeat(255)];
        for (const each of names) await files.write(`/workspace/files/names/${each}`, Buffer.from(each));
        expect((await files.list('/workspace/files/names')).map(({ path }) => path).toSorted()).toEqual(names.toSorted());
        for (const each of names) expect((await files.read(`/workspace/files/names/${each}`)).toString()).toBe(each);
      });

      behaviour('go out as a tar stream and come in as one', async () => {
        const { files } = sandbox;
        await shell(sandbox, 'mkdir -p /workspace/files/from/sub && cd /workspace/files/from && seq 1 200000 > large && printf x > sub/run && chmod 755 sub/run && ln -s sub/run link && touch "$(printf "%0120d" 1)"');
        await files.mkdir('/workspace/files/to');
        await files.unpack('/workspace/files/to', files.pack('/workspace/files/from'));
        const { stdout } = await shell(sandbox, 'cd /workspace/files && (cd from && find . -printf "%p %y %m %l\\n" | sort) > a && (cd to && find . -printf "%p %y %m %l\\n" | sort) > b; cmp a b && cmp from/large to/large && echo same');
        expect(stdout).toBe('same\n');
        const some = await Array.fromAsync(files.pack('/workspace/files/from', { paths: ['sub/run'] }));
        expect(Buffer.concat(some).toString('latin1')).toContain('sub/run');
        expect(Buffer.concat(some).toString('latin1')).not.toContain('large');
      });

      behaviour('do not get out of the folder that a tar stream is unpacked into', async () => {
        const hostile = (entry: { name: string; type?: 'symlink'; linkname?: string }): AsyncIterable<Uint8Array> => {
          const archive = pack();
          archive.entry({ name: entry.name, ...(entry.type === undefined ? {} : { type: entry.type, linkname: entry.linkname ?? '' }) }, entry.type === undefined ? 'x' : '');
          archive.finalize();
          return archive as unknown as AsyncIterable<Uint8Array>;
        };
        await sandbox.files.mkdir('/workspace/files/cage');
        for (const name of ['../escaped', '/tmp/escaped']) await expect(sandbox.files.unpack('/workspace/files/cage', hostile({ name }))).rejects.toMatchObject({ code: 'file_failed', message: expect.stringContaining(name) as string, details: { errno: 'EINVAL' } });
        await sandbox.files.unpack('/workspace/files/cage', hostile({ name: 'out', type: 'symlink', linkname: '/tmp' }));
        expect(await errno(sandbox.files.unpack('/workspace/files/cage', hostile({ name: 'out/escaped' })))).toMatch(/^E/);
        expect((await shell(sandbox, 'ls /tmp/escaped /workspace/files/escaped 2>/dev/null; true')).stdout).toBe('');
      });

      behaviour('that cannot be had say why', async () => {
        expect(await errno(sandbox.files.read('/nowhere'))).toBe('ENOENT');
        expect(await errno(sandbox.files.write('/etc/new', Buffer.from('x')))).toMatch(/EACCES|EROFS/);
      });

      behaviour('come with a deadline and an AbortSignal', async () => {
        const never = (async function* () {
          yield Buffer.alloc(512);
          await new Promise(() => undefined);
        })();
        await expect(sandbox.files.unpack('/workspace/files', never, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'deadline' });
        await expect(sandbox.files.read('/etc/passwd', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
        const controller = new AbortController();
        const reading = (async () => {
          for await (const _ of sandbox.files.pack('/usr', { signal: controller.signal })) controller.abort();
        })();
        await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
      });
    });

    streamBehaviours(behaviour, () => sandbox, () => world);

    describe('the seal', () => {
      behaviour('holds against the network', async () => {
        const { stderr, end } = await run(sandbox, ['bash', '-c', 'exec 3<>/dev/tcp/1.1.1.1/53']);
        expect(end).toMatchObject({ cause: 'exited', exitCode: 1 });
        expect(stderr).toMatch(/unreachable|refused|not permitted|No route/i);
        const { stdout } = await shell(sandbox, 'cat /proc/net/route; ls /sys/class/net 2>/dev/null; true');
        expect(stdout).not.toMatch(/eth|veth|docker/);
      });

      behaviour('holds against writing anywhere but in the workspace, home and scratch', async () => {
        const { stdout } = await shell(sandbox, 'for d in / /etc /usr /bin /lib /root /opt /var /dev /sys /proc /.glovebox; do touch $d/x 2>/dev/null && echo "wrote $d"; done; for d in /workspace /tmp $HOME; do touch $d/x && echo "may $d"; done');
        expect(stdout).toBe('may /workspace\nmay /tmp\nmay /home/sandbox\n');
      });

      const statusOf = async (): Promise<Record<string, string>> => {
        const { stdout } = await run(sandbox, ['cat', '/proc/self/status']);
        return Object.fromEntries(stdout.split('\n').map((line) => line.split(/:\s+/) as [string, string]));
      };

      behaviour('leaves no capability, and no root', async () => {
        const status = await statusOf();
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd']) expect(status[set], set).toMatch(/^0+$/);
        for (const id of status['Uid']?.split('\t') ?? ['0']) expect(Number(id)).toBeGreaterThan(0);
      });

      behaviour('filters system calls, and lets no program gain anything', async () => {
        expect(await statusOf()).toMatchObject({ NoNewPrivs: '1', Seccomp: '2' });
      });

      behaviour('keeps commands away from init', async () => {
        const { stdout } = await shell(sandbox, 'cat /proc/1/mem 2>/dev/null | head -c 1; cat /proc/1/environ 2>/dev/null; ls /proc/1/fd 2>/dev/null; true');
        expect(stdout).toBe('');
      });

      behaviour('gives each sandbox a user of its own', async () => {
        await using other = await world.driver.create(specOf());
        const [one, two] = await Promise.all([run(sandbox, ['id', '-u']), run(other, ['id', '-u'])]);
        expect(one.stdout).not.toBe(two.stdout);
      });

      behaviour('forged frames change nothing', async () => {
        await using victim = await world.driver.create(specOf());
        const { stdout } = await shell(victim, 'printf "GBX1%064d" 0 > /proc/1/fd/1; printf "GBX1%064d" 0 > /proc/1/fd/0; echo tried');
        if (options.wireIsReachable === true) {
          // It got through, nothing of it was believed, and whoever does this loses the sandbox.
          expect(await victim.gone).toMatch(/broke the wire/);
          return;
        }
        expect(stdout).toBe('tried\n');
        expect((await run(victim, ['echo', 'alive'])).stdout).toBe('alive\n');
      });

      behaviour('keeps keys out of what the sandbox can see', async () => {
        const { toGuest, fromGuest } = JSON.parse(readFileSync(join(world.stateDir, 'sandboxes', `${sandbox.id}.json`), 'utf8')) as { toGuest: string; fromGuest: string };
        const { stdout } = await shell(sandbox, 'cat /proc/*/environ /proc/*/cmdline 2>/dev/null | base64 -w0; env');
        for (const key of [toGuest, fromGuest]) expect(stdout).not.toContain(key.slice(0, 20));
      });
    });

    describe('a broken connection', () => {
      behaviour('loses no byte of a stream', async () => {
        const expected = Array.from({ length: 600_000 }, (_, i) => `${i + 1}\n`).join('');
        const command = start(sandbox, ['seq', '1', '600000']);
        const digest = createHash('sha256');
        let received = 0;
        let cuts = 0;
        for await (const { offset, bytes } of command.output) {
          expect(offset).toBe(received);
          received += bytes.length;
          digest.update(bytes);
          if (received > (cuts + 1) * MiB && cuts < 3) {
            cuts += 1;
            world.cutTransports();
          }
        }
        expect(cuts).toBe(3);
        expect(digest.digest('hex')).toBe(createHash('sha256').update(expected).digest('hex'));
        expect(await command.end).toMatchObject({ cause: 'exited', exitCode: 0, output: { lostBytes: 0 } });
      });

      behaviour('loses no byte that nobody had read yet', async () => {
        const command = start(sandbox, ['seq', '1', '300000']);
        const output = command.output[Symbol.asyncIterator]();
        let text = '';
        for (let i = 0; i < 3; i++) {
          text += (await output.next()).value?.bytes.toString() ?? '';
          // Whoever answers has sent everything that the unread stream has credit for.
          await run(sandbox, ['/bin/true']);
          world.cutTransports();
        }
        for (let next = await output.next(); next.done !== true; next = await output.next()) text += next.value.bytes.toString();
        expect(text).toBe(Array.from({ length: 300_000 }, (_, i) => `${i + 1}\n`).join(''));
        expect(await command.end).toMatchObject({ cause: 'exited', exitCode: 0, output: { lostBytes: 0 } });
      });

      behaviour('loses no byte of what is written either', async () => {
        const command = start(sandbox, ['sha256sum'], { stdin: 'pipe' });
        const reading = finish(command);
        const block = Buffer.from('0123456789abcdef'.repeat(4096));
        for (let i = 0; i < 40; i++) {
          if (i % 15 === 7) world.cutTransports();
          await command.write(block);
        }
        await command.closeStdin();
        const expected = createHash('sha256').update(Buffer.concat(Array.from({ length: 40 }, () => block))).digest('hex');
        expect(await reading).toMatchObject({ end: { cause: 'exited' }, stdout: `${expected}  -\n` });
      });

      behaviour('does not keep a command from being started', async () => {
        world.cutTransports();
        expect(await run(sandbox, ['echo', 'alive'])).toMatchObject({ stdout: 'alive\n', end: { cause: 'exited' } });
      });
    });

    describe('somebody else', () => {
      behaviour('takes a sandbox over, finds what ran, and is then the only one', async () => {
        const spec = specOf();
        const first = await world.driver.create(spec);
        const ran = { id: ids.next('cmd'), argv: ['sh', '-c', 'echo x >> /workspace/count; echo told; exit 9'] as [string, ...string[]], limits: { wallMs: 10_000 } };
        const runs = { id: ids.next('cmd'), argv: ['sh', '-c', 'echo before; read line; echo "after $line"'] as [string, ...string[]], limits: { wallMs: 30_000 }, stdin: 'pipe' as const };
        await first.exec(ran).end;
        const held = first.exec(runs);
        await until(held.output[Symbol.asyncIterator](), 'before');
        await using second = await world.driver.adopt(first.id);
        expect(await first.gone).toMatch(/taken the sandbox over/);
        expect(await held.end).toMatchObject({ cause: 'lost' });
        expect(await finish(second.exec(ran))).toMatchObject({ stdout: 'told\n', end: { cause: 'exited', exitCode: 9 } });
        expect((await second.files.read('/workspace/count')).toString()).toBe('x\n');
        const again = second.exec(runs);
        await again.write(Buffer.from('you\n'));
        expect((await finish(again)).stdout).toBe('before\nafter you\n');
        await first.destroy();
        expect((await run(second, ['echo', 'alive'])).stdout).toBe('alive\n');
      });
    });

    describe('in the end', () => {
      behaviour('nothing is left of a sandbox that was destroyed, however often', async () => {
        const before = await world.remains();
        const one = await world.driver.create(specOf());
        expect(await world.remains()).not.toEqual(before);
        const running = start(one, ['sleep', '1000']);
        await Promise.all([one.destroy(), one.destroy()]);
        await one.destroy();
        expect(await running.end).toMatchObject({ cause: 'lost' });
        expect(await one.gone).toBe('destroyed');
        expect((await run(one, ['true'])).end.cause).toBe('lost');
        expect(await world.remains()).toEqual(before);
      });

      behaviour('nothing is left of a start that was cancelled', async () => {
        const before = await world.remains();
        const controller = new AbortController();
        const opening = world.driver.create(specOf(), controller.signal);
        controller.abort();
        await expect(opening).rejects.toMatchObject({ code: 'cancelled' });
        expect(await world.remains()).toEqual(before);
      });

      behaviour('nothing runs when the owner is killed and nobody comes back, and a sweep takes its records', async () => {
        const [running, remains] = [await world.running(), await world.remains()];
        await using owner = await Owner.start(world, 1500);
        expect(await world.running()).not.toEqual(running);
        await owner.kill();
        await expect.poll(() => world.running(), { timeout: 30_000, interval: 100 }).toEqual(running);
        await world.driver.sweep();
        expect(await world.remains()).toEqual(remains);
      });

      behaviour('a sweep removes what a killed owner left, and nothing else', async () => {
        const before = await world.remains();
        await using owner = await Owner.start(world, 60_000);
        expect((await world.driver.sweep()).join()).not.toContain(owner.sandbox);
        await owner.kill();
        expect((await world.driver.sweep()).join()).toContain(owner.sandbox);
        expect(await world.remains()).toEqual(before);
        expect((await run(sandbox, ['echo', 'alive'])).stdout).toBe('alive\n');
      });
    });
  });
}

/** Another process with a sandbox of its own. */
class Owner implements AsyncDisposable {
  readonly sandbox: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(process: ChildProcess, exited: Promise<unknown>, sandbox: string) {
    this.#process = process;
    this.#exited = exited;
    this.sandbox = sandbox;
  }

  static async start(world: SandboxWorld, graceMs: number): Promise<Owner> {
    const child = spawn(process.execPath, world.ownerCommand(graceMs), { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    const line = await Promise.race([once(child.stdout, 'data'), exited.then(() => Promise.reject(new Error('the owner ended before it had a sandbox')))]);
    const sandbox = String(line[0]).trim();
    expect(sandbox).toMatch(/^sbx_/);
    return new Owner(child, exited, sandbox);
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
