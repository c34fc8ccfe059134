import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
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
});
