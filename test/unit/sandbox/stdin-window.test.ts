import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StdinWindow } from '../../../src/sandbox/stdin-window.ts';
import { STDIN_WINDOW_BYTES } from '../../../src/sandbox/wire/protocol.ts';

/** An init that takes bytes, lets its command read some of them, and forgets the rest when the wire breaks. */
function fakeInit() {
  let open = true;
  const state = { received: Buffer.alloc(0), consumed: 0, ended: false, promised: STDIN_WINDOW_BYTES, told: 0 };
  const stdin = new StdinWindow((offset, bytes, last) => {
    if (!open) return undefined;
    expect(offset).toBe(state.received.length);
    state.received = Buffer.concat([state.received, bytes]);
    expect(state.received.length, 'within the window').toBeLessThanOrEqual(state.promised);
    state.ended = last;
    return { bytes: Buffer.from(bytes), release: () => undefined };
  });
  return {
    stdin,
    state,
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
      state.promised = kept + STDIN_WINDOW_BYTES;
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
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const init = fakeInit();
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
        await Promise.all(waits);
      }),
      { numRuns: 200 },
    );
  });

  test('keeps nobody waiting once the command has closed it', async () => {
    const init = fakeInit();
    const writing = init.stdin.write(Buffer.alloc(3 * STDIN_WINDOW_BYTES));
    init.stdin.acknowledge(10, true);
    await writing;
    await init.stdin.write(Buffer.alloc(10));
    await init.stdin.end();
    expect(init.state.received.length).toBe(STDIN_WINDOW_BYTES);
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
