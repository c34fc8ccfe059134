import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect } from 'vitest';
import type { CommandId, FileChange, OutputChunk, RunningCommand, Sandbox } from '../../src/contracts/index.ts';
import { finish, ids, run, shell, specOf, start, until } from '../support/sandbox-commands.ts';
import type { SandboxWorld } from '../support/sandbox-world.ts';

type Behaviour = (what: string, body: () => Promise<void>, timeoutMs?: number) => void;

const MiB = 2 ** 20;
const SIZE = { columns: 100, rows: 30 };

/** What the streams of a kind of sandbox must do: terminals, commands that outlive their call, uploads, and watching files. */
export function streamBehaviours(behaviour: Behaviour, sandbox: () => Sandbox, world: () => SandboxWorld): void {
  describe('a terminal', () => terminalBehaviours(behaviour, sandbox, world));
  describe('a command that outlives its call', () => backgroundBehaviours(behaviour, sandbox, world));
  describe('a large upload', () => uploadBehaviours(behaviour, sandbox));
  describe('watched files', () => watchBehaviours(behaviour, sandbox));
}

/** Somebody at a terminal. */
class Person {
  readonly command: RunningCommand;
  readonly #output: AsyncIterator<OutputChunk>;
  seen = '';

  constructor(sandbox: Sandbox, argv: readonly [string, ...string[]], more: Parameters<typeof start>[2] = {}) {
    this.command = start(sandbox, argv, { terminal: SIZE, ...more });
    this.#output = this.command.output[Symbol.asyncIterator]();
  }

  async type(text: string): Promise<void> {
    await this.command.write(Buffer.from(text, 'latin1'));
  }

  /** Looks until it shows. */
  async sees(text: string): Promise<void> {
    while (!this.seen.includes(text)) {
      const next = await this.#output.next();
      if (next.done === true) throw new Error(`it ended before it showed ${JSON.stringify(text)}: ${JSON.stringify(this.seen)}`);
      expect(next.value.channel).toBe('stdout');
      this.seen += next.value.bytes.toString('latin1');
    }
    this.seen = this.seen.slice(this.seen.indexOf(text) + text.length);
  }

  async leave(): Promise<Awaited<RunningCommand['end']>> {
    for (let next = await this.#output.next(); next.done !== true; next = await this.#output.next()) this.seen += next.value.bytes.toString('latin1');
    return this.command.end;
  }
}

function terminalBehaviours(behaviour: Behaviour, sandbox: () => Sandbox, world: () => SandboxWorld): void {
  behaviour('has its size and its TERM from the start, and is all three streams', async () => {
    const script = 'stty size; echo "$TERM ${LINES-none} ${COLUMNS-none}"; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all; echo err >&2';
    const { stdout, stderr, end } = await shell(sandbox(), script, { terminal: SIZE });
    expect(stdout).toBe('30 100\r\nxterm-256color none none\r\nall\r\nerr\r\n');
    expect(stderr).toBe('');
    expect(end).toMatchObject({ cause: 'exited', exitCode: 0, tree: 'dead' });
    expect((await run(sandbox(), ['sh', '-c', 'echo $TERM'], { terminal: { ...SIZE, term: 'vt100' } })).stdout).toBe('vt100\r\n');
  });

  behaviour('tells the program that it was resized', async () => {
    const person = new Person(sandbox(), ['sh', '-c', 'trap "stty size > /dev/tty; exit 3" WINCH; echo ready; while :; do sleep 0.02; done']);
    await person.sees('ready');
    person.command.resize(77, 11);
    await person.sees('11 77');
    expect(await person.leave()).toMatchObject({ cause: 'exited', exitCode: 3 });
  });

  behaviour('makes a signal of ^C for what runs in the foreground, and for nothing else', async () => {
    const person = new Person(sandbox(), ['bash', '--norc', '--noprofile', '-i'], { env: { PS1: 'prompt> ' } });
    await person.sees('prompt> ');
    // What is typed shows at once; what it says shows that it runs.
    await person.type(`sh -c 'echo slee"ping"; exec sleep 1000'\r`);
    await person.sees('sleeping');
    await person.type('\u0003');
    await person.sees('prompt> ');
    await person.type('echo "and $?"; exit 7\r');
    await person.sees('and 130');
    expect(await person.leave()).toMatchObject({ cause: 'exited', exitCode: 7, tree: 'dead' });
  });

  behaviour('controls jobs, and ^D is an end', async () => {
    const person = new Person(sandbox(), ['bash', '--norc', '--noprofile', '-i'], { env: { PS1: 'prompt> ' } });
    await person.sees('prompt> ');
    await person.type(`sh -c 'echo slee"ping"; exec sleep 1000'\r`);
    await person.sees('sleeping');
    await person.type('\u001a');
    await person.sees('Stopped');
    await person.sees('prompt> ');
    await person.type(`kill %1; fg; sh -c 'echo rea"dy"; exec cat'; false\r`);
    await person.sees('ready');
    await person.type('typed\r');
    await person.sees('typed\r\ntyped');
    await person.type('\u0004');
    await person.sees('prompt> ');
    await person.type('\u0004');
    expect(await person.leave()).toMatchObject({ cause: 'exited', exitCode: 1 });
  });

  behaviour('lets programs draw', async () => {
    const top = new Person(sandbox(), ['top', '-d', '0.2']);
    await top.sees('COMMAND');
    top.command.resize(60, 8);
    await top.sees('\u001b[H');
    await top.sees('\u001b[H');
    await top.type('q');
    expect(await top.leave()).toMatchObject({ cause: 'exited', exitCode: 0 });
    // It leaves the cursor below its last line.
    expect(top.seen).toContain('\u001b[9;1H');
    const less = new Person(sandbox(), ['sh', '-c', 'seq 1 5000 > /workspace/long; exec less /workspace/long']);
    await less.sees('\u001b[?1049h');
    await less.sees('29\r\n');
    await less.type('G');
    await less.sees('4972\r\n');
    await less.sees('5000\r\n');
    await less.type('q');
    expect(await less.leave()).toMatchObject({ cause: 'exited', exitCode: 0 });
    expect(less.seen).toContain('\u001b[?1049l');
  });

  behaviour('passes every byte on as it is, both ways', async () => {
    const keys = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('') + '\u001b[31;1m\u001b]0;title\u0007\u001b[200~';
    const person = new Person(sandbox(), ['sh', '-c', `stty raw -echo; printf ready; head -c ${keys.length}`]);
    await person.sees('ready');
    await person.type(keys);
    expect(await person.leave()).toMatchObject({ cause: 'exited', exitCode: 0 });
    expect(person.seen).toBe(keys);
  });

  behaviour('keeps to the limits of any command', async () => {
    expect((await run(sandbox(), ['yes'], { terminal: SIZE, limits: { wallMs: 30_000, outputBytes: 50_000 } })).end.cause).toBe('output');
    const { end } = await shell(sandbox(), 'setsid sleep 1000 & trap "" HUP INT TERM; while :; do sleep 1000; done', { terminal: SIZE, limits: { wallMs: 400 } });
    expect(end).toMatchObject({ cause: 'timeout', tree: 'dead' });
  });

  behaviour('hangs up on what does not see its end', async () => {
    const person = new Person(sandbox(), ['sh', '-c', 'stty raw; printf ready; exec sleep 1000']);
    await person.sees('ready');
    await person.command.closeStdin();
    expect(await person.leave()).toMatchObject({ cause: 'signalled', signal: 'SIGHUP', tree: 'dead' });
    const reader = new Person(sandbox(), ['sh', '-c', 'printf ready; cat; echo "saw the end"']);
    await reader.sees('ready');
    await reader.command.closeStdin();
    expect(await reader.leave()).toMatchObject({ cause: 'exited', exitCode: 0 });
    expect(reader.seen).toContain('saw the end');
  });

  behaviour('whose end was said outlives a broken connection', async () => {
    // Its line drops a second after the end, which is none of its business here.
    const person = new Person(sandbox(), ['sh', '-c', 'trap "" HUP; printf ready; cat; sleep 1; exit 7'], { limits: { wallMs: 20_000 } });
    await person.sees('ready');
    await person.command.closeStdin();
    await sandbox().ping();
    world().cutTransports();
    expect(await person.leave()).toMatchObject({ cause: 'exited', exitCode: 7 });
  });

  behaviour('goes on where it was after the connection broke', async () => {
    const person = new Person(sandbox(), ['sh', '-c', 'printf ready; while read line && [ "$line" != end ]; do echo "<$line>"; stty size; done']);
    await person.sees('ready');
    world().cutTransports();
    person.command.resize(50, 20);
    await person.type('one\r');
    await person.sees('<one>');
    await person.sees('20 50');
    world().cutTransports();
    await person.type('two\rend\r');
    await person.sees('<two>');
    expect(await person.leave()).toMatchObject({ cause: 'exited', exitCode: 0, output: { lostBytes: 0 } });
  });
}

function numbers(count: number): string {
  return Array.from({ length: count }, (_, i) => `${i + 1}\n`).join('');
}

function backgroundBehaviours(behaviour: Behaviour, sandbox: () => Sandbox, world: () => SandboxWorld): void {
  behaviour('outlives a broken connection with its stdin closed', async () => {
    const command = start(sandbox(), ['sh', '-c', 'cat; sleep 0.5; echo done'], { stdin: 'pipe' });
    await command.write(Buffer.from('text '));
    await command.closeStdin();
    await sandbox().ping();
    world().cutTransports();
    expect(await finish(command)).toMatchObject({ stdout: 'text done\n', end: { cause: 'exited', exitCode: 0 } });
  });

  behaviour('takes nobody with it where it is written to as it ends', async () => {
    const written = async (isForgotten: boolean): Promise<void> => {
      const command = start(sandbox(), ['true'], { stdin: 'pipe' });
      let isOver = false;
      const end = command.end.finally(() => {
        isOver = true;
      });
      if (isForgotten) command.forget();
      while (!isOver) {
        await command.write(Buffer.from('some text\n'));
        await new Promise(setImmediate);
      }
      expect(await end).toMatchObject({ cause: 'exited' });
    };
    for (let round = 0; round < 40; round++) await Promise.all(Array.from({ length: 8 }, (_, i) => written(i % 2 === 0)));
    expect((await run(sandbox(), ['echo', 'alive'])).stdout).toBe('alive\n');
  });

  behaviour('runs on when its reader drops it, and another reads the rest from any byte on', async () => {
    const expected = numbers(300_000);
    const { id } = start(sandbox(), ['seq', '1', '300000'], { onUnread: 'keep' });
    let text = '';
    for (let reader = 0; reader < 12; reader++) {
      // Each takes a few pieces, keeps half of the last, and goes away; now and then the connection goes, too.
      let pieces = 0;
      for await (const { offset, bytes } of sandbox().command(id)?.outputFrom({ stdout: text.length }) ?? []) {
        expect(offset).toBe(text.length);
        pieces += 1;
        text += bytes.toString('latin1', 0, pieces < 3 ? bytes.length : bytes.length / 2);
        if (pieces === 3) break;
      }
      if (reader % 4 === 1) world().cutTransports();
      expect((await run(sandbox(), ['echo', 'meanwhile'])).stdout).toBe('meanwhile\n');
    }
    for await (const { bytes } of sandbox().command(id)?.outputFrom({ stdout: text.length }) ?? []) text += bytes.toString('latin1');
    expect(text).toBe(expected);
    expect(await sandbox().command(id)?.end).toMatchObject({ cause: 'exited', exitCode: 0, output: { lostBytes: 0, droppedBytes: 0 } });
    sandbox().command(id)?.forget();
  });

  behaviour('is known by its id until it is forgotten, however many end after it', async () => {
    const argv: readonly [string, ...string[]] = ['sh', '-c', 'echo x >> /workspace/background; echo told; exit 6'];
    const spec = { id: ids.next('cmd'), argv, limits: { wallMs: 10_000 }, onUnread: 'keep' as const };
    expect((await finish(sandbox().exec(spec))).stdout).toBe('told\n');
    for (let i = 0; i < 30; i++) await run(sandbox(), ['/bin/true']);
    expect(await sandbox().command(spec.id)?.end).toMatchObject({ exitCode: 6 });
    expect(await sandbox().exec(spec).end).toMatchObject({ exitCode: 6 });
    const again = await Array.fromAsync(sandbox().command(spec.id)?.outputFrom({}) ?? []);
    expect(Buffer.concat(again.map(({ bytes }) => bytes)).toString()).toBe('told\n');
    sandbox().command(spec.id)?.forget();
    expect(sandbox().command(spec.id)).toBeUndefined();
    expect((await sandbox().files.read('/workspace/background')).toString()).toBe('x\n');
    expect(sandbox().command('cmd_never' as CommandId)).toBeUndefined();
  });

  behaviour('is found by whoever takes the sandbox over, with all that nobody has read', async () => {
    const first = await world().driver.create(specOf());
    const ended = start(first, ['sh', '-c', 'seq 1 10000; exit 4'], { onUnread: 'keep' });
    const running = start(first, ['sh', '-c', 'echo before; read line; echo "after $line"; exit 5'], { onUnread: 'keep', stdin: 'pipe' });
    await until(ended.output[Symbol.asyncIterator](), '1\n');
    await until(running.output[Symbol.asyncIterator](), 'before');
    await ended.end;
    await using second = await world().driver.adopt(first.id);
    const [one, two] = [second.command(ended.id), second.command(running.id)];
    await two?.write(Buffer.from('you\n'));
    const text = Buffer.concat((await Array.fromAsync(one?.outputFrom({ stdout: 100 }) ?? [])).map(({ bytes }) => bytes)).toString();
    expect(text).toBe(numbers(10_000).slice(100));
    expect(await one?.end).toMatchObject({ cause: 'exited', exitCode: 4 });
    expect(Buffer.concat((await Array.fromAsync(two?.outputFrom({}) ?? [])).map(({ bytes }) => bytes)).toString()).toBe('before\nafter you\n');
    expect(await two?.end).toMatchObject({ cause: 'exited', exitCode: 5 });
    await first.destroy();
  });

  behaviour('is refused, and says why, when more are kept than there may be', async () => {
    await using crowded = await world().driver.create(specOf());
    const kept: RunningCommand[] = [];
    for (let i = 0; i < 256; i++) {
      const command = start(crowded, ['/bin/true'], { onUnread: 'keep' });
      kept.push(command);
      expect(await command.end).toMatchObject({ cause: 'exited', exitCode: 0 });
    }
    expect((await run(crowded, ['/bin/true'])).end).toMatchObject({ cause: 'not_started', startError: 'EAGAIN' });
    kept[0]?.forget();
    expect((await run(crowded, ['/bin/true'])).end).toMatchObject({ cause: 'exited', exitCode: 0 });
  });
}

function uploadBehaviours(behaviour: Behaviour, sandbox: () => Sandbox): void {
  behaviour('goes at the pace of a slow reader, and neither end holds more than a window of it', async () => {
    const script = 'i=0; while [ $i -lt 32 ]; do dd bs=1M count=2 iflag=fullblock status=none; i=$((i + 1)); sleep 0.02; done | sha256sum';
    const command = start(sandbox(), ['sh', '-c', script], { stdin: 'pipe', limits: { wallMs: 110_000 } });
    const reading = finish(command);
    const digest = createHash('sha256');
    const initPages = async (): Promise<number> => Number((await run(sandbox(), ['cat', '/proc/1/statm'])).stdout.split(' ')[1] ?? 0);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void; // as node documents it
    const held = (): number => {
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    const before = { host: held(), init: await initPages() };
    const most = { host: 0, init: 0 };
    const block = Buffer.alloc(MiB);
    for (let i = 0; i < 64; i++) {
      digest.update(block.fill(`block ${i} `));
      await command.write(block);
      most.host = Math.max(most.host, held() - before.host);
      if (i % 16 === 8) most.init = Math.max(most.init, (await initPages()) - before.init);
    }
    await command.closeStdin();
    expect((await reading).stdout).toBe(`${digest.digest('hex')}  -\n`);
    expect(most.host).toBeLessThan(8 * MiB);
    expect(most.init * 4096).toBeLessThan(2 * MiB);
  });
}

function watchBehaviours(behaviour: Behaviour, sandbox: () => Sandbox): void {
  const collect = async (changes: AsyncIterable<FileChange>, last: string): Promise<string[]> => {
    const seen: string[] = [];
    for await (const { kind, path } of changes) {
      const change = `${kind} ${path}`;
      if (seen.at(-1) !== change) seen.push(change);
      if (change === last) break;
    }
    return seen;
  };

  behaviour('say what is made, changed, moved and removed', async () => {
    await sandbox().files.mkdir('/workspace/watched/sub', { parents: true });
    const changes = await sandbox().files.watch('/workspace/watched');
    await shell(sandbox(), 'cd /workspace/watched; echo 1 > a; mv a "b\nc"; rm b*; echo unseen > sub/x; mkdir end');
    expect(await collect(changes, 'created end')).toEqual(['created a', 'changed a', 'removed a', 'created b\nc', 'removed b\nc', 'created end']);
    await sandbox().files.remove('/workspace/watched', { recursive: true });
  });

  behaviour('say what happens below, in directories that come to be as well, but not in excluded ones', async () => {
    await sandbox().files.mkdir('/workspace/deep/node_modules', { parents: true });
    const changes = await sandbox().files.watch('/workspace/deep', { recursive: true, exclude: ['node_modules'] });
    await sandbox().files.write('/workspace/deep/a/b/c/file', Buffer.from('x'), { parents: true });
    await shell(sandbox(), 'cd /workspace/deep; touch node_modules/x; rm -r a; mkdir end');
    const seen = await collect(changes, 'created end');
    expect(seen).toEqual(expect.arrayContaining(['created a', 'created a/b', 'created a/b/c', 'created a/b/c/file', 'removed a/b/c/file', 'removed a/b/c', 'removed a/b', 'removed a']));
    expect(seen.join('\n')).not.toContain('node_modules');
    await sandbox().files.remove('/workspace/deep', { recursive: true });
  });

  behaviour('are watched until they are gone, or the signal fires, or it cannot be', async () => {
    await sandbox().files.mkdir('/workspace/going');
    const going = await sandbox().files.watch('/workspace/going');
    await sandbox().files.remove('/workspace/going', { recursive: true });
    expect(await Array.fromAsync(going)).toEqual([{ kind: 'removed', path: '.' }]);
    await expect(sandbox().files.watch('/workspace/going')).rejects.toMatchObject({ code: 'file_failed', details: { errno: 'ENOENT' } });
    const controller = new AbortController();
    const watching = Array.fromAsync(await sandbox().files.watch('/workspace', { signal: controller.signal }));
    controller.abort();
    await expect(watching).rejects.toMatchObject({ code: 'cancelled' });
    await shell(sandbox(), 'mkdir -p /workspace/many/1 /workspace/many/2 /workspace/many/3');
    await expect(sandbox().files.watch('/workspace/many', { recursive: true, limit: 3 })).rejects.toMatchObject({ details: { errno: 'ENOSPC' } });
    expect((await run(sandbox(), ['sh', '-c', 'cat /proc/[0-9]*/comm'])).stdout).not.toContain('glovebox-files');
  });
}
