import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GloveboxError } from '../../../src/contracts/index.ts';
import type { CommandSpec, OutputChunk, RunningCommand } from '../../../src/contracts/index.ts';
import { GuestSandbox } from '../../../src/sandbox/guest.ts';
import type { GuestOptions } from '../../../src/sandbox/guest-options.ts';
import { currentOwner } from '../../../src/sandbox/owner.ts';
import { SandboxState } from '../../../src/sandbox/state.ts';
import type { Transport } from '../../../src/sandbox/transport.ts';
import { FieldWriter, readU64 } from '../../../src/sandbox/wire/fields.ts';
import { FrameWriter } from '../../../src/sandbox/wire/frame-writer.ts';
import { Feature, FromGuest, MAX_CHUNK_BYTES, MAX_STDIN_BYTES, OUTPUT_WINDOW_BYTES, STDIN_HEAD_BYTES, STDIN_WINDOW_BYTES, ToGuest } from '../../../src/sandbox/wire/protocol.ts';
import { ids, specOf } from '../../support/sandbox-commands.ts';
import { FakeGuest, outputPayload } from '../../support/sandbox-fake-guest.ts';

let stateDir: string;
let guest: FakeGuest;
let destroyed: number;
let connects: number;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'glovebox-guest-'));
  guest = new FakeGuest();
  destroyed = 0;
  connects = 0;
});
afterEach(() => {
  rmSync(stateDir, { recursive: true });
});

function optionsOf(change: Partial<GuestOptions> = {}): GuestOptions {
  const id = ids.next('sbx');
  return {
    id,
    kind: 'container',
    image: 'sha256:0',
    limitsAre: 'hard',
    spec: specOf({ env: { FROM: 'spec' } }),
    state: SandboxState.create(stateDir, { id, kind: 'container', owner: currentOwner(), createdMs: 0, spec: specOf() }),
    env: { PATH: '/bin', FROM: 'image' },
    requires: Feature.seccomp,
    writable: ['/workspace'],
    ids,
    connect: async () => {
      connects += 1;
      return guest.connect();
    },
    destroy: async () => {
      destroyed += 1;
    },
    ...change,
  };
}

const open = (change: Partial<GuestOptions> = {}): Promise<GuestSandbox> => GuestSandbox.open(optionsOf(change));

function command(change: Partial<CommandSpec> = {}): CommandSpec {
  return { id: ids.next('cmd'), argv: ['true'], limits: { wallMs: 1000 }, ...change };
}

function ended(stdoutBytes = 0): (fields: FieldWriter) => FieldWriter {
  return (fields) => fields.u32(1, 1).u32(2, 0).u64(12, stdoutBytes).u32(15, 1);
}

async function read(running: RunningCommand): Promise<OutputChunk[]> {
  return Array.fromAsync(running.output);
}

/** A way to a guest that takes one write after the other, when the test says so. */
function slowly() {
  const waiting: (() => void)[] = [];
  let isHeld = false;
  return {
    connect(to: FakeGuest): Transport {
      const transport = to.connect();
      const input = new Writable({
        write(chunk: Buffer, _encoding, done) {
          const take = (): void => void transport.input.write(chunk, done);
          if (isHeld) waiting.push(take);
          else take();
        },
      });
      return { ...transport, input };
    },
    hold: () => void (isHeld = true),
    takeOne: () => waiting.shift()?.(),
    release() {
      isHeld = false;
      for (const take of waiting.splice(0)) take();
    },
  };
}

/** What was sent before is there once this has come back. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

describe('opening', () => {
  test('sends the keys once, and attaches with the first epoch', async () => {
    await open();
    expect(await guest.next(ToGuest.attach)).toMatchObject({ epoch: 1, stream: 0 });
  });

  test('of a sandbox that lacks what its kind promises fails, and leaves nothing', async () => {
    guest.features = 0xff & ~Feature.seccomp;
    const options = optionsOf();
    await expect(GuestSandbox.open(options)).rejects.toMatchObject({ code: 'sandbox_start_failed' });
    expect(destroyed).toBe(1);
    expect(existsSync(join(stateDir, 'sandboxes', `${options.id}.json`))).toBe(false);
  });

  test('can be cancelled while nothing answers', async () => {
    guest.greets = false;
    const controller = new AbortController();
    const opening = GuestSandbox.open(optionsOf(), controller.signal);
    await guest.next(ToGuest.attach);
    controller.abort();
    await expect(opening).rejects.toMatchObject({ code: 'cancelled' });
    expect(destroyed).toBe(1);
  });

  test('that finds the transport gone says so', async () => {
    guest.greets = false;
    const opening = open();
    await guest.next(ToGuest.attach);
    guest.breakTransport();
    await expect(opening).rejects.toMatchObject({ code: 'sandbox_start_failed' });
  });

  test('passes on what the driver cannot do', async () => {
    const connect = (): Promise<never> => Promise.reject(new GloveboxError('engine_unavailable', 'no engine'));
    await expect(open({ connect })).rejects.toMatchObject({ code: 'engine_unavailable' });
    expect(destroyed).toBe(1);
  });
});

describe('a command', () => {
  test('goes out with everything that init must know', async () => {
    const sandbox = await open();
    const spec = command({ argv: ['a', '', 'ü'], env: { X: '1' }, limits: { wallMs: 5, cpuMs: 6, outputBytes: 7 }, stdin: 'pipe', onOutputLimit: 'drop', graceMs: 8 });
    sandbox.exec(spec);
    const { payload, stream } = await guest.next(ToGuest.exec);
    const expected = new FieldWriter().text(1, spec.id).text(2, 'a').text(2, '').text(2, 'ü').text(3, 'PATH=/bin').text(3, 'FROM=spec').text(3, 'X=1').text(4, '/workspace');
    expected.u32(5, 5).u32(6, 6).u64(7, 7).u32(8, 9).u32(9, OUTPUT_WINDOW_BYTES).u32(10, 8).u32(11, 256);
    expect(payload).toEqual(expected.toBuffer());
    expect(stream).toBe(1);
  });

  test('ends as init says', async () => {
    const sandbox = await open();
    const running = sandbox.exec(command());
    const { stream } = await guest.next(ToGuest.exec);
    guest.send(FromGuest.started, stream, Buffer.alloc(8));
    guest.output(stream, 1, 0, Buffer.from('out'));
    guest.output(stream, 2, 0, Buffer.from('er'));
    guest.end(stream, (fields) => fields.u32(1, 6).u32(3, 9).u32(5, 7).u32(6, 2).u32(7, 1).u64(8, 1500).u64(11, 2500).u64(12, 3).u64(13, 2).u64(14, 4).u32(15, 1).u32(16, 1));
    expect((await read(running)).map(({ channel, bytes }) => `${channel} ${bytes.toString()}`)).toEqual(['stdout out', 'stderr er']);
    expect(await running.end).toEqual({
      cause: 'memory',
      signal: 'SIGKILL',
      limitsHit: ['pids', 'disk'],
      oomKills: { count: 2, blame: 'shared' },
      tree: 'dead',
      markerLost: true,
      usage: { wallMs: 2.5, userMs: 1.5, systemMs: 0, maxRssBytes: 0 },
      output: { stdoutBytes: 3, stderrBytes: 2, droppedBytes: 4, lostBytes: 0 },
    });
  });

  test('that fits no frame, or no kernel, never leaves', async () => {
    const sandbox = await open();
    const refused = [command({ argv: ['a\0'] }), command({ argv: [''] }), command({ argv: ['x'.repeat(300_000)] }), command({ cwd: 'relative' }), command({ env: { 'A=B': '' } })];
    const errors = await Promise.all(refused.map(async (spec) => (await sandbox.exec(spec).end).startError));
    expect(errors).toEqual(['EINVAL', 'ENOENT', 'E2BIG', 'EINVAL', 'EINVAL']);
    await settle();
    expect(guest.seen(ToGuest.exec)).toEqual([]);
  });

  test('is forgotten by init only when eight others have ended after it, for whoever asks again after a crash', async () => {
    const sandbox = await open();
    for (let stream = 1; stream <= 9; stream++) {
      const running = sandbox.exec(command());
      await guest.next(ToGuest.exec);
      expect(guest.seen(ToGuest.done)).toEqual([]);
      guest.end(stream);
      await running.end;
    }
    expect((await guest.next(ToGuest.done)).stream).toBe(1);
  });

  test('gives credit as it is read, not before', async () => {
    const sandbox = await open();
    const running = sandbox.exec(command());
    const { stream } = await guest.next(ToGuest.exec);
    const chunk = Buffer.alloc(OUTPUT_WINDOW_BYTES / 4);
    for (let i = 0; i < 4; i++) guest.output(stream, 1, i * chunk.length, chunk);
    await settle();
    expect(guest.seen(ToGuest.ack)).toEqual([]);
    const output = running.output[Symbol.asyncIterator]();
    await output.next();
    await output.next();
    const { payload } = await guest.next(ToGuest.ack);
    expect([payload.readUInt8(0), readU64(payload, 8)]).toEqual([1, chunk.length]);
  });

  test('can be read once only', async () => {
    const sandbox = await open();
    const running = sandbox.exec(command());
    running.output[Symbol.asyncIterator]();
    expect(() => running.output[Symbol.asyncIterator]()).toThrow(/only once/);
  });

  test('is written to within its window', async () => {
    const sandbox = await open();
    const running = sandbox.exec(command({ stdin: 'pipe' }));
    const { stream } = await guest.next(ToGuest.exec);
    let taken = false;
    const writing = running.write(Buffer.alloc(STDIN_WINDOW_BYTES + 10)).then(() => (taken = true));
    for (let sent = 0; sent < STDIN_WINDOW_BYTES; sent += MAX_CHUNK_BYTES) expect((await guest.next(ToGuest.stdin)).payload.length).toBe(8 + MAX_CHUNK_BYTES);
    await settle();
    expect(taken).toBe(false);
    const ack = Buffer.alloc(8);
    ack.writeUInt32LE(100, 0);
    guest.send(FromGuest.stdinAck, stream, ack);
    await writing;
    expect((await guest.next(ToGuest.stdin)).payload.length).toBe(18);
    await running.closeStdin();
    expect(await guest.next(ToGuest.stdin)).toMatchObject({ flags: 1, stream });
  });
});

describe('a transport that is slow', () => {
  test('is given all of stdin, whatever else is sent meanwhile', async () => {
    const slow = slowly();
    const sandbox = await open({ connect: async () => slow.connect(guest) });
    const running = sandbox.exec(command({ stdin: 'pipe' }));
    await guest.next(ToGuest.exec);
    const pieces = 12;
    slow.hold();
    const writing = (async () => {
      for (let piece = 0; piece < pieces; piece++) await running.write(Buffer.alloc(MAX_CHUNK_BYTES));
    })();
    await settle();
    expect(guest.seen(ToGuest.stdin).length).toBe(0);
    // After each there is a word that is sent at once.
    for (let taken = 0; taken < 8; taken++) {
      slow.takeOne();
      running.signal('SIGUSR1');
      await settle();
    }
    expect(guest.seen(ToGuest.stdin).length).toBeLessThan(pieces);
    slow.release();
    await writing;
    await settle();
    expect(guest.seen(ToGuest.stdin).length).toBe(pieces);
  });

  test('takes of each command in its turn, in long frames where init takes them', async () => {
    guest.features |= Feature.longStdin;
    const slow = slowly();
    const sandbox = await open({ connect: async () => slow.connect(guest) });
    const flood = sandbox.exec(command({ stdin: 'pipe' }));
    const typed = sandbox.exec(command({ stdin: 'pipe' }));
    const { stream } = await guest.next(ToGuest.exec);
    await settle();
    slow.hold();
    const writing = (async () => {
      for (let sent = 0; sent < STDIN_WINDOW_BYTES; sent += MAX_CHUNK_BYTES) await flood.write(Buffer.alloc(MAX_CHUNK_BYTES, 1));
    })();
    await settle();
    await typed.write(Buffer.from('word'));
    for (let taken = 0; taken < 20; taken++) {
      slow.takeOne();
      await settle();
    }
    await writing;
    const frames = guest.seen(ToGuest.stdin);
    const ofFlood = frames.filter((frame) => frame.stream === stream);
    expect(ofFlood.reduce((sum, { payload }) => sum + payload.length - STDIN_HEAD_BYTES, 0)).toBe(STDIN_WINDOW_BYTES);
    expect(Math.max(...ofFlood.map(({ payload }) => payload.length))).toBe(STDIN_HEAD_BYTES + MAX_STDIN_BYTES);
    const turn = frames.findIndex((frame) => frame.stream !== stream);
    expect(frames[turn]?.payload.subarray(STDIN_HEAD_BYTES).toString()).toBe('word');
    expect(turn).toBeLessThan(frames.length - 1);
  });
});

describe('a command that outlives its call', () => {
  const kept = (): CommandSpec => command({ onUnread: 'keep' });
  const end = async (sandbox: GuestSandbox, spec: CommandSpec, bytes = ''): Promise<number> => {
    const running = sandbox.exec(spec);
    const { stream } = await guest.next(ToGuest.exec);
    if (bytes !== '') guest.output(stream, 1, 0, Buffer.from(bytes));
    guest.end(stream, ended(bytes.length));
    await running.end;
    return stream;
  };

  test('is kept, in init too, until it is acknowledged, however many end after it', async () => {
    const sandbox = await open();
    const spec = kept();
    const stream = await end(sandbox, spec, 'result');
    for (let i = 0; i < 20; i++) await end(sandbox, command());
    await settle();
    expect(guest.seen(ToGuest.done).map((frame) => frame.stream)).not.toContain(stream);
    const again = sandbox.command(spec.id);
    expect(await again?.end).toMatchObject({ cause: 'exited', exitCode: 0 });
    expect((await Array.fromAsync(again?.outputFrom({ stdout: 2 }) ?? [])).map(({ offset, bytes }) => [offset, bytes.toString()])).toEqual([[2, 'sult']]);
    again?.forget();
    await settle();
    expect(guest.seen(ToGuest.done).map((frame) => frame.stream)).toContain(stream);
    expect(sandbox.command(spec.id)).toBeUndefined();
  });

  test('that is acknowledged before its end is forgotten with it', async () => {
    const sandbox = await open();
    const running = sandbox.exec(kept());
    const { stream } = await guest.next(ToGuest.exec);
    running.forget();
    await settle();
    expect(guest.seen(ToGuest.done)).toEqual([]);
    guest.end(stream);
    expect(await running.end).toMatchObject({ cause: 'exited' });
    expect((await guest.next(ToGuest.done)).stream).toBe(stream);
    expect(sandbox.command(running.id)).toBeUndefined();
  });

  test('is not acknowledged by a wire that breaks, and is acknowledged again where that was lost', async () => {
    const sandbox = await open();
    const [one, two] = [kept(), kept()];
    const [first, second] = [await end(sandbox, one), await end(sandbox, two)];
    guest.commands = [{ stream: first, id: one.id, ended: true }, { stream: second, id: two.id, ended: true }];
    sandbox.command(one.id)?.forget();
    await guest.next(ToGuest.done);
    guest.breakTransport();
    expect((await guest.next(ToGuest.done)).stream).toBe(first);
    await settle();
    expect(guest.seen(ToGuest.done)).toEqual([]);
    expect(await sandbox.command(two.id)?.end).toMatchObject({ cause: 'exited' });
  });

  test('is found by its id by whoever takes the sandbox over, from where init has it, and kept as well', async () => {
    guest.commands = [{ stream: 7, id: 'cmd_of_another', ended: true, stdoutFrom: 100 }];
    const sandbox = await open();
    expect(sandbox.command('cmd_of_nobody' as CommandSpec['id'])).toBeUndefined();
    const found = sandbox.command('cmd_of_another' as CommandSpec['id']);
    const resume = await guest.next(ToGuest.resume);
    // Never from an offset that a caller says he has: to ask for bytes that init has not sent is a fault.
    expect([resume.stream, readU64(resume.payload, 0), readU64(resume.payload, 8)]).toEqual([7, 100, 0]);
    guest.output(7, 1, 100, Buffer.from('0123456789'));
    guest.end(7, ended(110));
    expect(await found?.end).toMatchObject({ cause: 'exited', output: { stdoutBytes: 110, lostBytes: 0 } });
    expect((await Array.fromAsync(found?.outputFrom({ stdout: 104 }) ?? [])).map(({ offset, bytes }) => [offset, bytes.toString()])).toEqual([[104, '456789']]);
    expect(guest.seen(ToGuest.done)).toEqual([]);
    found?.forget();
    expect((await guest.next(ToGuest.done)).stream).toBe(7);
  });
});

describe('a terminal', () => {
  test('goes out with its size and TERM, and without what would hide its size from programs', async () => {
    const sandbox = await open({ env: { PATH: '/bin', LINES: '1', COLUMNS: '2' }, spec: specOf({ env: { COLUMNS: '3' } }) });
    const spec = command({ argv: ['top'], terminal: { columns: 80, rows: 24 } });
    sandbox.exec(spec);
    const { payload } = await guest.next(ToGuest.exec);
    const expected = new FieldWriter().text(1, spec.id).text(2, 'top').text(3, 'PATH=/bin').text(3, 'TERM=xterm-256color').text(4, '/workspace');
    expect(payload).toEqual(expected.u32(5, 1000).u32(8, 5).u32(9, OUTPUT_WINDOW_BYTES).u32(11, 256).u32(15, 24 * 65_536 + 80).toBuffer());
    sandbox.exec(command({ terminal: { columns: 1, rows: 1, term: 'dumb' }, env: { LINES: '7' } }));
    const second = (await guest.next(ToGuest.exec)).payload.toString('latin1');
    expect(second).toContain('TERM=dumb');
    expect(second).toContain('LINES=7');
  });

  test('of a size that no terminal has never leaves', async () => {
    const sandbox = await open();
    for (const terminal of [{ columns: 65_536, rows: 1 }, { columns: 80, rows: -1 }, { columns: 80, rows: 1.5 }, { columns: Number.NaN, rows: 1 }]) {
      expect((await sandbox.exec(command({ terminal })).end).startError).toBe('EINVAL');
    }
  });

  test('is resized, also by what was said while the wire was down', async () => {
    const sandbox = await open();
    const spec = command({ terminal: { columns: 80, rows: 24 } });
    const running = sandbox.exec(spec);
    const { stream } = await guest.next(ToGuest.exec);
    running.resize(100, 30);
    expect((await guest.next(ToGuest.resize)).payload).toEqual(Buffer.from([100, 0, 30, 0]));
    guest.commands = [{ stream, id: spec.id, ended: false }];
    guest.breakTransport();
    running.resize(90, 25);
    running.resize(1e9, -3);
    expect((await guest.next(ToGuest.resize)).payload).toEqual(Buffer.from([255, 255, 0, 0]));
    await settle();
    expect(guest.seen(ToGuest.resize)).toEqual([]);
  });

  test('takes what is typed', async () => {
    const sandbox = await open();
    const running = sandbox.exec(command({ terminal: { columns: 80, rows: 24 } }));
    await guest.next(ToGuest.exec);
    await running.write(Buffer.from('\u0003'));
    expect((await guest.next(ToGuest.stdin)).payload.subarray(8)).toEqual(Buffer.from([3]));
  });
});

describe('a guest that breaks the rules loses the sandbox', () => {
  const started = async (): Promise<{ sandbox: GuestSandbox; running: RunningCommand; stream: number }> => {
    const sandbox = await open();
    const running = sandbox.exec(command({ stdin: 'pipe' }));
    const { stream } = await guest.next(ToGuest.exec);
    return { sandbox, running, stream };
  };
  const u64 = (value: number): Buffer => new FieldWriter().u64(1, value).toBuffer().subarray(6);

  test.each<[string, (stream: number) => void]>([
    ['output of a stream that is not open', (stream) => guest.output(stream + 1, 1, 0, Buffer.from('x'))],
    ['the end of another command', (stream) => guest.end(stream + 1)],
    ['output at an offset that is not due', (stream) => guest.output(stream, 1, 1, Buffer.from('x'))],
    ['output that came before', (stream) => [0, 0].forEach((offset) => guest.output(stream, 1, offset, Buffer.from('x')))],
    ['output beyond its credit', (stream) => Array.from({ length: 5 }, (_, i) => guest.output(stream, 1, i * 65_536, Buffer.alloc(65_536)))],
    ['output on no channel', (stream) => guest.output(stream, 3 as 1, 0, Buffer.from('x'))],
    ['an end with other totals', (stream) => guest.end(stream, ended(7))],
    ['an end without a cause', (stream) => guest.end(stream, (fields) => fields.u32(2, 0))],
    ['an exit without a code', (stream) => guest.end(stream, (fields) => fields.u32(1, 1))],
    ['an exit code that cannot be', (stream) => guest.end(stream, (fields) => fields.u32(1, 1).u32(2, 256))],
    ['stdin taken that was never sent', (stream) => guest.send(FromGuest.stdinAck, stream, u64(1))],
    ['an answer to no question', () => guest.send(FromGuest.pong, 0, Buffer.alloc(24, 1))],
    ['a second hello', () => guest.send(FromGuest.hello, 0, Buffer.alloc(64))],
    ['a command announced out of turn', (stream) => guest.send(FromGuest.command, stream, new FieldWriter().text(1, 'x').u32(2, 1).toBuffer())],
    ['a fault that it reports', () => guest.send(FromGuest.fault, 0, Buffer.from('\u0005\0\0\0bad \u001b[31m', 'latin1'))],
    ['bytes that are no frame', () => guest.raw(Buffer.from('hello world'))],
    ['a frame with another key', () => guest.raw(new FrameWriter(Buffer.alloc(32), 1, 2).seal(FromGuest.output, 0, 1, outputPayload(1, 0, Buffer.from('x'))))],
  ])('%s', async (_what, misbehave) => {
    const { sandbox, running, stream } = await started();
    misbehave(stream);
    expect(await running.end).toMatchObject({ cause: 'lost', tree: 'unproven' });
    const why = await sandbox.gone;
    expect(why).toMatch(/broke the wire/);
    expect(why).not.toContain('\u001b');
    expect(destroyed).toBe(1);
    expect(connects).toBe(1);
  });

  test('and whatever is started afterwards is lost at once', async () => {
    const { sandbox } = await started();
    guest.raw(Buffer.from('hello world'));
    await sandbox.gone;
    expect(await sandbox.exec(command()).end).toMatchObject({ cause: 'lost' });
    await expect(sandbox.files.read('/x')).rejects.toMatchObject({ code: 'sandbox_lost' });
  });
});

describe('a transport that breaks', () => {
  test('is replaced, with a higher epoch, and streams go on at the byte', async () => {
    const sandbox = await open();
    await guest.next(ToGuest.attach);
    const observed: Buffer[] = [];
    const spec = { ...command(), observe: ({ bytes }: OutputChunk) => void observed.push(Buffer.from(bytes)) };
    const running = sandbox.exec(spec);
    const { stream } = await guest.next(ToGuest.exec);
    const output = running.output[Symbol.asyncIterator]();
    guest.output(stream, 1, 0, Buffer.from('read '));
    expect((await output.next()).value?.bytes.toString()).toBe('read ');
    // Whoever asks for more is done with what he has.
    const more = output.next();
    guest.output(stream, 1, 5, Buffer.from('in hand '));
    expect((await more).value?.bytes.toString()).toBe('in hand ');
    guest.output(stream, 1, 13, Buffer.from('not read'));
    await settle();
    guest.commands = [{ stream, id: spec.id, ended: false }];
    guest.breakTransport();
    // 2 was taken with the stream numbers.
    expect(await guest.next(ToGuest.attach)).toMatchObject({ epoch: 3 });
    const resume = await guest.next(ToGuest.resume);
    // To ask for bytes is to acknowledge those before them, so what nobody has done with yet is asked for again.
    expect([resume.stream, readU64(resume.payload, 0), readU64(resume.payload, 8)]).toEqual([stream, 5, 0]);
    guest.output(stream, 1, 5, Buffer.from('in hand read'));
    guest.output(stream, 1, 17, Buffer.from(' now'));
    guest.end(stream, ended(21));
    expect((await output.next()).value).toMatchObject({ offset: 13, bytes: Buffer.from('read now') });
    expect((await output.next()).done).toBe(true);
    expect(await running.end).toMatchObject({ cause: 'exited', output: { lostBytes: 0 } });
    expect(Buffer.concat(observed).toString()).toBe('read in hand not read');
  });

  const noise = (): void => guest.send(FromGuest.fault, 0, Buffer.from('\u0003\0\0\0mac', 'latin1'));

  test('may have left something under way that init takes for noise: it is given time, and everything goes on', async () => {
    const sandbox = await open();
    await guest.next(ToGuest.attach);
    const spec = { ...command(), stdin: 'pipe' as const };
    const running = sandbox.exec(spec);
    const { stream } = await guest.next(ToGuest.exec);
    await running.write(Buffer.from('abc'));
    await guest.next(ToGuest.stdin);
    guest.commands = [{ stream, id: spec.id, ended: false }];
    noise();
    expect(await guest.next(ToGuest.attach)).toMatchObject({ epoch: 3 });
    await guest.next(ToGuest.resume);
    // Init has had none of it, and gets it again.
    expect((await guest.next(ToGuest.stdin)).payload.subarray(8).toString()).toBe('abc');
    guest.end(stream, ended());
    expect(await running.end).toMatchObject({ cause: 'exited' });
  });

  test('and where the noise does not end, somebody else writes to init, and it is not believed any more', async () => {
    const sandbox = await open();
    const spec = command();
    const running = sandbox.exec(spec);
    const { stream } = await guest.next(ToGuest.exec);
    guest.commands = [{ stream, id: spec.id, ended: false }];
    for (let i = 0; i < 4; i++) {
      noise();
      await guest.next(ToGuest.resume);
    }
    noise();
    expect(await running.end).toMatchObject({ cause: 'lost' });
    expect(await sandbox.gone).toMatch(/init reports 3 "mac"/);
    expect(connects).toBe(5);
  });

  test('has its gap counted when init no longer has the bytes', async () => {
    const sandbox = await open();
    const spec = command();
    const running = sandbox.exec(spec);
    const { stream } = await guest.next(ToGuest.exec);
    guest.commands = [{ stream, id: spec.id, ended: false }];
    guest.breakTransport();
    await guest.next(ToGuest.resume);
    guest.output(stream, 1, 100, Buffer.from('x'));
    guest.end(stream, ended(101));
    expect((await running.end).output).toMatchObject({ stdoutBytes: 101, lostBytes: 100 });
  });

  test('starts what init never heard of again, and cancels what was cancelled meanwhile', async () => {
    const sandbox = await open();
    guest.breakTransport();
    const running = sandbox.exec(command());
    running.cancel(5);
    const { stream } = await guest.next(ToGuest.exec);
    expect((await guest.next(ToGuest.cancel)).payload.readUInt32LE(0)).toBe(5);
    guest.end(stream, (fields) => fields.u32(1, 8).u32(3, 15).u32(15, 1));
    expect(await running.end).toMatchObject({ cause: 'cancelled', signal: 'SIGTERM' });
  });

  test('must find the commands that it left: an init that has forgotten one is not believed', async () => {
    const sandbox = await open();
    const running = sandbox.exec(command());
    const { stream } = await guest.next(ToGuest.exec);
    guest.send(FromGuest.started, stream, Buffer.alloc(8));
    await settle();
    guest.breakTransport();
    expect(await running.end).toMatchObject({ cause: 'lost' });
    expect(await sandbox.gone).toMatch(/forgotten/);
  });

  test('sends unread stdin again from where init has it', async () => {
    const sandbox = await open();
    const spec = command({ stdin: 'pipe' });
    const running = sandbox.exec(spec);
    const { stream } = await guest.next(ToGuest.exec);
    await running.write(Buffer.from('0123456789'));
    await guest.next(ToGuest.stdin);
    guest.commands = [{ stream, id: spec.id, ended: false, stdinTaken: 4 }];
    guest.breakTransport();
    const { payload } = await guest.next(ToGuest.stdin);
    expect([readU64(payload, 0), payload.toString('latin1', 8)]).toEqual([4, '456789']);
  });

  test('sends no stdin to a command that ended meanwhile', async () => {
    const sandbox = await open();
    const spec = command({ stdin: 'pipe' });
    const running = sandbox.exec(spec);
    const { stream } = await guest.next(ToGuest.exec);
    await running.write(Buffer.from('0123456789'));
    await guest.next(ToGuest.stdin);
    guest.frames.length = 0;
    guest.commands = [{ stream, id: spec.id, ended: true, stdinTaken: 4 }];
    guest.breakTransport();
    await guest.next(ToGuest.resume);
    await running.write(Buffer.from('x'));
    await running.closeStdin();
    await settle();
    expect(guest.seen(ToGuest.stdin)).toEqual([]);
  });

  test('is given up when the sandbox is gone, and nobody invents how its commands ended', async () => {
    let alive = true;
    const sandbox = await open({
      connect: async () => {
        if (!alive) throw new GloveboxError('sandbox_lost', 'the sandbox is gone: because');
        return guest.connect();
      },
    });
    const running = sandbox.exec(command());
    await guest.next(ToGuest.exec);
    alive = false;
    guest.breakTransport();
    expect(await running.end).toMatchObject({ cause: 'lost' });
    expect(await running.end).not.toHaveProperty('exitCode');
    expect(await sandbox.gone).toContain('because');
    expect(destroyed).toBe(1);
  });
});

describe('another host', () => {
  test('that has attached is left alone: the sandbox is theirs', async () => {
    const options = optionsOf();
    const sandbox = await GuestSandbox.open(options);
    const running = sandbox.exec(command());
    const { stream } = await guest.next(ToGuest.exec);
    guest.raw(new FrameWriter(options.state.keys.fromGuest, 2).seal(FromGuest.output, 0, stream, outputPayload(1, 0, Buffer.from('x'))));
    expect(await running.end).toMatchObject({ cause: 'lost' });
    expect(await sandbox.gone).toMatch(/taken the sandbox over/);
    await sandbox.destroy();
    expect(destroyed).toBe(0);
    expect(SandboxState.read(stateDir, options.id).id).toBe(options.id);
  });

  test('that has attached while our transport was broken is not fought', async () => {
    const options = optionsOf();
    const sandbox = await GuestSandbox.open(options);
    SandboxState.read(stateDir, options.id).attach();
    guest.breakTransport();
    expect(await sandbox.gone).toMatch(/taken the sandbox over/);
    expect(connects).toBe(1);
    expect(destroyed).toBe(0);
  });

  test('that died left commands which can be asked for by id', async () => {
    const options = optionsOf();
    const spec = command({ argv: ['must', 'not', 'run', 'again'] });
    (await GuestSandbox.open(options)).exec(spec);
    expect((await guest.next(ToGuest.exec)).stream).toBe(1);
    guest.commands = [{ stream: 1, id: spec.id, ended: true }];
    const adopted = await GuestSandbox.open({ ...options, state: SandboxState.read(stateDir, options.id) });
    const running = adopted.exec(spec);
    expect((await guest.next(ToGuest.resume)).stream).toBe(1);
    guest.output(1, 1, 0, Buffer.from('kept'));
    guest.end(1, ended(4));
    expect((await read(running)).map(({ bytes }) => bytes.toString())).toEqual(['kept']);
    expect(guest.seen(ToGuest.exec)).toEqual([]);
    adopted.exec(command());
    expect((await guest.next(ToGuest.exec)).stream, 'no number is used twice').toBeGreaterThan(1);
  });
});

describe('destroying', () => {
  test('tells init, removes the sandbox once, and forgets its keys', async () => {
    const options = optionsOf();
    const sandbox = await GuestSandbox.open(options);
    await Promise.all([sandbox.destroy(), sandbox.destroy()]);
    await sandbox.destroy();
    expect(guest.seen(ToGuest.shutdown)).toHaveLength(1);
    expect(destroyed).toBe(1);
    expect(await sandbox.gone).toBe('destroyed');
    expect(existsSync(join(stateDir, 'sandboxes', `${options.id}.json`))).toBe(false);
  });

  test('that failed can be tried again, and keeps the record for the sweeper until then', async () => {
    let broken = true;
    const options = optionsOf({
      destroy: async () => {
        if (broken) throw new GloveboxError('engine_unavailable', 'gone');
      },
    });
    const sandbox = await GuestSandbox.open(options);
    await expect(sandbox.destroy()).rejects.toMatchObject({ code: 'engine_unavailable' });
    expect(SandboxState.list(stateDir).states).toHaveLength(1);
    broken = false;
    await sandbox.destroy();
    expect(SandboxState.list(stateDir).states).toHaveLength(0);
  });
});

test('a sandbox hears that we live for as long as freezing it takes, and nothing while it is frozen', async () => {
  let freezes = (): void => undefined;
  const frozen = new Promise<void>((resolve) => (freezes = resolve));
  // Four pings in it.
  await using sandbox = await open({ ...optionsOf(), spec: specOf({ graceMs: 200 }), freezer: { freeze: () => frozen, thaw: async () => undefined } });
  const pausing = sandbox.pause();
  guest.frames.splice(0);
  // More than may stay unanswered.
  await expect.poll(() => guest.seen(ToGuest.ping).length, { timeout: 5000 }).toBeGreaterThan(5);
  freezes();
  await pausing;
  guest.frames.splice(0);
  await sleep(200);
  expect(guest.frames).toEqual([]);
  await sandbox.resume();
  expect(connects).toBe(1);
});
