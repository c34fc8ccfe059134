import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OutputChunk } from '../../../src/contracts/index.ts';
import { OutputQueue } from '../../../src/sandbox/output-queue.ts';
import type { Channel } from '../../../src/sandbox/wire/messages-from-guest.ts';
import { OUTPUT_WINDOW_BYTES } from '../../../src/sandbox/wire/protocol.ts';

function queue() {
  const acknowledged: [Channel, number][] = [];
  return { output: new OutputQueue(OUTPUT_WINDOW_BYTES, (channel, offset) => acknowledged.push([channel, offset])), acknowledged };
}

describe('a command’s output', () => {
  test('reaches its reader whole and in order, however it is cut and however reading and arriving alternate', async () => {
    const pieces = fc.array(fc.record({ channel: fc.constantFrom<Channel>('stdout', 'stderr'), size: fc.integer({ min: 1, max: 3000 }), readsFirst: fc.nat(2) }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(pieces, async (sent) => {
        const { output } = queue();
        const written = { stdout: '', stderr: '' };
        const got = { stdout: '', stderr: '' };
        const reader = output[Symbol.asyncIterator]();
        let reads: Promise<void> = Promise.resolve();
        const readOne = async (): Promise<void> => {
          const next = await reader.next();
          if (next.done === true) return;
          expect(next.value.offset).toBe(got[next.value.channel].length);
          got[next.value.channel] += next.value.bytes.toString('latin1');
        };
        for (const [i, { channel, size, readsFirst }] of sent.entries()) {
          for (let n = 0; n < readsFirst; n++) reads = reads.then(readOne);
          const bytes = Buffer.alloc(size, 65 + (i % 26));
          output.push(channel, written[channel].length, bytes);
          written[channel] += bytes.toString('latin1');
          bytes.fill(0);
          await new Promise((resolve) => setImmediate(resolve));
        }
        output.finish({ stdout: written.stdout.length, stderr: written.stderr.length });
        for (let n = 0; n <= sent.length; n++) reads = reads.then(readOne);
        await reads;
        expect(got).toEqual(written);
      }),
    );
  });

  test('made of dust costs no more than its bytes', async () => {
    const { output } = queue();
    for (let i = 0; i < 100_000; i++) {
      output.push('stdout', i, Buffer.from('o'));
      output.push('stderr', i, Buffer.from('e'));
    }
    output.finish({ stdout: 100_000, stderr: 100_000 });
    const chunks = await Array.fromAsync(output);
    expect(chunks.length).toBeLessThan(2500);
    expect(chunks.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(200_000);
  });

  test('is credited by what was read, each channel for itself', async () => {
    const { output, acknowledged } = queue();
    const half = Buffer.alloc(OUTPUT_WINDOW_BYTES / 2);
    output.push('stdout', 0, half);
    output.push('stderr', 0, half);
    expect(acknowledged).toEqual([]);
    const reader = output[Symbol.asyncIterator]();
    await reader.next();
    expect(acknowledged).toEqual([]);
    // Whoever asks for more is done with what he has.
    await reader.next();
    expect(acknowledged).toEqual([['stdout', half.length]]);
    output.push('stdout', half.length, half);
    output.push('stdout', 2 * half.length, half);
    expect(() => output.push('stdout', 3 * half.length, Buffer.alloc(1))).toThrow(/beyond the window/);
  });

  test('whose reader left is credited at once', async () => {
    const { output, acknowledged } = queue();
    output.push('stdout', 0, Buffer.alloc(OUTPUT_WINDOW_BYTES));
    for await (const _ of output) break;
    output.push('stdout', OUTPUT_WINDOW_BYTES, Buffer.alloc(OUTPUT_WINDOW_BYTES));
    expect(acknowledged.at(-1)).toEqual(['stdout', 2 * OUTPUT_WINDOW_BYTES]);
  });

  test('ends for a reader who waits', async () => {
    const { output } = queue();
    const next = output[Symbol.asyncIterator]().next();
    output.finish({ stdout: 0, stderr: 0 });
    expect(await next).toEqual({ done: true, value: undefined });
  });

  test('may jump once after a resume, and what lies between is lost', async () => {
    const { output } = queue();
    output.push('stdout', 0, Buffer.from('abc'));
    await output[Symbol.asyncIterator]().next();
    expect(output.resume()).toEqual({ stdout: 0, stderr: 0 });
    output.push('stdout', 10, Buffer.from('x'));
    // The first three are in the reader's hand.
    expect(output.lostBytes).toBe(7);
    expect(() => output.push('stdout', 20, Buffer.from('x'))).toThrow(/where 11 was due/);
    expect(() => output.finish({ stdout: 5, stderr: 0 })).toThrow(/where 11 came/);
  });

  test('that is in the reader’s hand is not given to him again, and not acknowledged before he asks for more', async () => {
    const { output, acknowledged } = queue();
    const reader = output[Symbol.asyncIterator]();
    output.push('stdout', 0, Buffer.alloc(OUTPUT_WINDOW_BYTES / 2, 'a'));
    await reader.next();
    expect(output.resume()).toEqual({ stdout: 0, stderr: 0 });
    output.push('stdout', 0, Buffer.alloc(OUTPUT_WINDOW_BYTES / 2, 'a'));
    output.push('stdout', OUTPUT_WINDOW_BYTES / 2, Buffer.from('b'));
    expect(acknowledged).toEqual([]);
    expect((await reader.next()).value).toMatchObject({ offset: OUTPUT_WINDOW_BYTES / 2, bytes: Buffer.from('b') });
    expect(acknowledged).toEqual([['stdout', OUTPUT_WINDOW_BYTES / 2]]);
  });

  test('that waits unread comes again after a resume, so that no more than a window ever waits', async () => {
    const { output } = queue();
    const window = Buffer.alloc(OUTPUT_WINDOW_BYTES);
    for (let i = 0; i < 3; i++) {
      output.push('stdout', 0, window);
      expect(output.resume()).toEqual({ stdout: 0, stderr: 0 });
    }
    output.push('stdout', 0, window);
    output.finish({ stdout: window.length, stderr: 0 });
    expect((await Array.fromAsync(output)).map(({ offset, bytes }) => [offset, bytes.length])).toEqual([[0, window.length]]);
    expect(output.lostBytes).toBe(0);
  });

  test('that is kept can be read again from any byte, within half a window, and the reader before is at his end', async () => {
    const acknowledged: number[] = [];
    const keepBytes = OUTPUT_WINDOW_BYTES / 2;
    const output = new OutputQueue(OUTPUT_WINDOW_BYTES, (_channel, offset) => acknowledged.push(offset), { keepBytes });
    const text = Buffer.alloc(OUTPUT_WINDOW_BYTES, 'abcdefghijklmnopqrstuvwxyz');
    for (let at = 0; at < text.length; at += 1000) output.push('stdout', at, text.subarray(at, at + 1000));
    const first = output[Symbol.asyncIterator]();
    let read = 0;
    while (read < OUTPUT_WINDOW_BYTES - 10_000) read += (await first.next()).value?.bytes.length ?? 0;
    expect(acknowledged.at(-1)).toBeGreaterThanOrEqual(OUTPUT_WINDOW_BYTES / 4);
    expect(acknowledged.at(-1)).toBeLessThanOrEqual(read - keepBytes);
    const again = output.readFrom({ stdout: read - 100_001 });
    expect(await first.next()).toEqual({ done: true, value: undefined });
    output.finish({ stdout: text.length, stderr: 0 });
    const chunks = await Array.fromAsync(again);
    expect(chunks[0]?.offset).toBe(read - 100_001);
    expect(Buffer.concat(chunks.map(({ bytes }) => bytes)).equals(text.subarray(read - 100_001))).toBe(true);
    // What is not held any more is not made up: the first chunk says from where it is.
    const [oldest] = await Array.fromAsync(output.readFrom({}));
    expect(oldest?.offset).toBeGreaterThan(0);
    expect(oldest?.offset).toBeLessThanOrEqual(text.length - keepBytes + 8192);
  });

  test('that is kept waits for the next reader when one leaves', async () => {
    const { acknowledged } = queue();
    const output = new OutputQueue(OUTPUT_WINDOW_BYTES, (channel, offset) => acknowledged.push([channel, offset]), { keepBytes: OUTPUT_WINDOW_BYTES / 2 });
    output.push('stdout', 0, Buffer.from('one'));
    for await (const _ of output) break;
    output.push('stdout', 3, Buffer.from('two'));
    output.finish({ stdout: 6, stderr: 0 });
    expect((await Array.fromAsync(output.readFrom({ stdout: 1 }))).map(({ offset, bytes }) => [offset, bytes.toString()])).toEqual([[1, 'ne'], [3, 'two']]);
    expect(acknowledged).toEqual([]);
  });

  test('that is kept reaches its readers whole and in order, however they come and go, and however often the wire breaks', async () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 1, max: 3000 }), channel: fc.constantFrom<Channel>('stdout', 'stderr') }),
      fc.record({ read: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ again: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.constant({ resume: true as const }),
    );
    const windowBytes = 16_384;
    const byte = (channel: Channel, at: number): number => (at * 7 + (channel === 'stdout' ? 0 : 101)) & 0xff;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        // What init has: as far as it was written, and as far as it was sent on this wire.
        const init = { stdout: { written: 0, sent: 0, acknowledged: 0 }, stderr: { written: 0, sent: 0, acknowledged: 0 } };
        const output = new OutputQueue(windowBytes, (channel, offset) => (init[channel].acknowledged = offset), { keepBytes: windowBytes / 2 });
        let reader: AsyncIterator<OutputChunk, undefined> = output[Symbol.asyncIterator]();
        const due = { stdout: 0, stderr: 0 };
        const send = (channel: Channel): void => {
          const { written, sent } = init[channel];
          if (written > sent) output.push(channel, sent, Buffer.from(Array.from({ length: written - sent }, (_, i) => byte(channel, sent + i))));
          init[channel].sent = written;
        };
        const read = async (): Promise<boolean> => {
          const { value } = await reader.next();
          if (value === undefined) return false;
          expect(value.offset).toBe(due[value.channel]);
          expect(value.bytes.every((each, i) => each === byte(value.channel, value.offset + i))).toBe(true);
          due[value.channel] += value.bytes.length;
          return true;
        };
        for (const each of steps) {
          if ('push' in each) {
            const { channel } = each;
            init[channel].written = Math.min(init[channel].written + each.push, init[channel].acknowledged + windowBytes);
            send(channel);
          } else if ('read' in each) {
            for (let i = 0; i < each.read && due.stdout + due.stderr < init.stdout.written + init.stderr.written; i++) await read();
          } else if ('again' in each) {
            for (const channel of ['stdout', 'stderr'] as const) due[channel] = init[channel].acknowledged + Math.floor(each.again * (due[channel] - init[channel].acknowledged));
            reader = output.readFrom(due)[Symbol.asyncIterator]() as AsyncIterator<OutputChunk, undefined>; // it has no other kind
            for (const channel of ['stdout', 'stderr'] as const) expect(due[channel]).toBeGreaterThanOrEqual(init[channel].acknowledged);
          } else {
            const from = output.resume();
            for (const channel of ['stdout', 'stderr'] as const) {
              expect(from[channel]).toBeGreaterThanOrEqual(init[channel].acknowledged);
              init[channel].sent = init[channel].acknowledged = from[channel];
              send(channel);
            }
          }
        }
        output.finish({ stdout: init.stdout.written, stderr: init.stderr.written });
        while (await read());
        expect(due).toEqual({ stdout: init.stdout.written, stderr: init.stderr.written });
        expect(output.lostBytes).toBe(0);
      }),
    );
  });
});
