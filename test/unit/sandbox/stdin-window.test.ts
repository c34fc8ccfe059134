import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StdinWindow } from '../../../src/sandbox/stdin-window.ts';
import { BulkBuffer } from '../../../src/sandbox/wire/bulk-buffers.ts';
import { MAX_CHUNK_BYTES, MAX_STDIN_BYTES, STDIN_HEAD_BYTES, STDIN_WINDOW_BYTES } from '../../../src/sandbox/wire/protocol.ts';

/** An init that takes bytes, lets its command read some of them, and forgets the rest when the wire breaks. */
function fakeInit({ takesLong = true } = {}) {
  let open = true;
  const state = { received: Buffer.alloc(0), chunks: [] as number[], consumed: 0, ended: false, promised: STDIN_WINDOW_BYTES, told: 0 };
  const lent = new Set<BulkBuffer>();
  const stdin = new StdinWindow({
    send: (offset, bytes, { last = false, draft }) => {
      if (!open) return undefined;
      expect(offset).toBe(state.received.length);
      state.received = Buffer.concat([state.received, bytes]);
      expect(state.received.length, 'within the window').toBeLessThanOrEqual(state.promised);
      state.ended = last;
      state.chunks.push(bytes.length);
      if (draft === undefined) return { bytes: Buffer.from(bytes), release: () => undefined };
      return { bytes, release: () => draft.release() };
    },
    draft: () => {
      if (!takesLong) return undefined;
      const draft = new BulkBuffer(STDIN_HEAD_BYTES + MAX_STDIN_BYTES, (unused) => {
        lent.delete(unused);
        // Whoever still looks at it sees that it is somebody else's.
        unused.bytes.fill(0xff);
      });
      lent.add(draft);
      return draft.hold();
    },
  });
  return {
    stdin,
    state,
    lent,
    read(count: number): void {
      state.consumed = Math.min(state.received.length, state.consumed + count);
      state.promised = Math.max(state.promised, state.consumed + STDIN_WINDOW_BYTES);
      stdin.acknowledge(state.consumed, false);
    },
    congest(): void {
      open = false;
    },
    drain(): void {
      open = true;
      stdin.pump();
    },
    /** The last bytes that were sent never arrived; another attach finds what did. */
    breakWire(lost: number): void {
      const kept = Math.max(state.consumed, state.told, state.received.length - lost);
      state.told = kept;
      state.received = state.received.subarray(0, kept);
      state.ended = false;
      // No more for having broken: else each attachment would have init keep another window.
      state.promised = Math.max(kept, state.consumed + STDIN_WINDOW_BYTES);
      stdin.resume(kept);
    },
  };
}

describe('stdin', () => {
  test('arrives whole and once, whatever happens on the way', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('write' as const), bytes: fc.uint8Array({ maxLength: 400 }), times: fc.integer({ min: 1, max: 400 }) }),
      fc.record({ kind: fc.constant('read' as const), count: fc.nat(100_000) }),
      fc.record({ kind: fc.constant('break' as const), lost: fc.nat(100_000) }),
      fc.record({ kind: fc.constantFrom('congest' as const, 'drain' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, takesLong) => {
        const init = fakeInit({ takesLong });
        const written: Uint8Array[] = [];
        const waits: Promise<void>[] = [];
        for (const each of steps) {
          if (each.kind === 'write') {
            const bytes = Buffer.concat(Array.from({ length: each.times }, () => each.bytes));
            written.push(bytes);
            waits.push(init.stdin.write(bytes));
          } else if (each.kind === 'read') init.read(each.count);
          else if (each.kind === 'break') init.breakWire(each.lost);
          else if (each.kind === 'congest') init.congest();
          else init.drain();
        }
        waits.push(init.stdin.end());
        init.drain();
        const whole = Buffer.concat(written);
        // Each read frees a window: what has not come after so many will not come.
        for (let read = 0; read <= whole.length; read += STDIN_WINDOW_BYTES) init.read(STDIN_WINDOW_BYTES);
        expect(init.state.received.equals(whole)).toBe(true);
        expect(init.state.ended).toBe(true);
        expect(init.lent.size, 'drafts that nobody gave back').toBe(0);
        await Promise.all(waits);
      }),
      { numRuns: 200 },
    );
  });

  test('leaves in long chunks where there is much of it, and its rest in the next turn', async () => {
    const init = fakeInit();
    const piece = Buffer.alloc(MAX_CHUNK_BYTES);
    for (let i = 1; i <= 11; i++) await init.stdin.write(piece.fill(i));
    expect(init.state.chunks).toEqual([MAX_CHUNK_BYTES, MAX_STDIN_BYTES, MAX_STDIN_BYTES]);
    await nextTurn();
    expect(init.state.chunks.slice(3)).toEqual([10 * MAX_CHUNK_BYTES - 2 * MAX_STDIN_BYTES]);
    expect(init.state.received.equals(Buffer.concat(Array.from({ length: 11 }, (_, i) => Buffer.alloc(MAX_CHUNK_BYTES, i + 1))))).toBe(true);
  });

  test('what is typed leaves at once', async () => {
    const init = fakeInit();
    await init.stdin.write(Buffer.alloc(MAX_CHUNK_BYTES));
    void init.stdin.write(Buffer.from('x'));
    expect(init.state.chunks).toEqual([MAX_CHUNK_BYTES, 1]);
  });

  test('waits in one chunk while the way is closed, and leaves when it opens', async () => {
    const init = fakeInit();
    init.congest();
    const writing = ['a', 'b', 'c'].map((text) => init.stdin.write(Buffer.from(text)));
    await Promise.all(writing);
    expect(init.state.chunks).toEqual([]);
    init.drain();
    expect(init.state.received.toString()).toBe('abc');
    expect(init.state.chunks).toEqual([3]);
    expect(init.lent.size, 'long buffers that are kept for three bytes').toBe(0);
  });

  test('never leaves in longer chunks than init takes', async () => {
    const init = fakeInit({ takesLong: false });
    init.congest();
    const writing = init.stdin.write(Buffer.alloc(3 * MAX_CHUNK_BYTES));
    init.drain();
    await writing;
    expect(init.state.chunks).toEqual([MAX_CHUNK_BYTES, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES]);
  });

  test('keeps nobody waiting once the command has closed it', async () => {
    const init = fakeInit();
    const writing = init.stdin.write(Buffer.alloc(3 * STDIN_WINDOW_BYTES));
    await nextTurn();
    init.stdin.acknowledge(10, true);
    await writing;
    await init.stdin.write(Buffer.alloc(10));
    await init.stdin.end();
    expect(init.state.received.length).toBe(STDIN_WINDOW_BYTES);
    expect(init.lent.size).toBe(0);
  });

  test.each([
    ['more than was sent', 11],
    ['less than before', 4],
  ])('an acknowledgement of %s is a violation', (_what, offset) => {
    const init = fakeInit();
    void init.stdin.write(Buffer.alloc(10));
    init.read(5);
    expect(() => init.stdin.acknowledge(offset, false)).toThrow(/broke the wire/);
    expect(() => init.stdin.resume(offset)).toThrow(/broke the wire/);
  });
});

test('init keeps no more than a window, however often the wire breaks', async () => {
  const init = fakeInit();
  const written = init.stdin.write(Buffer.alloc(4 * STDIN_WINDOW_BYTES));
  for (let attachment = 0; attachment < 3; attachment++) {
    await nextTurn();
    expect(init.state.received.length).toBe(STDIN_WINDOW_BYTES);
    init.breakWire(0);
  }
  init.stdin.close();
  await written;
});
