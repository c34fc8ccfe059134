import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { GloveboxError } from '../../../src/contracts/index.ts';
import { Admission, machineLimits } from '../../../src/sandbox/admission/index.ts';
import type { AdmissionLimits, Place } from '../../../src/sandbox/admission/index.ts';
import { HandClock } from './fake-planner.ts';

const MiB = 2 ** 20;
const never = new AbortController().signal;
let clock: HandClock;
let shortages: number;

beforeEach(() => {
  vi.useFakeTimers();
  clock = new HandClock();
  shortages = 0;
});
afterEach(() => vi.useRealTimers());

function admission(limits: Partial<AdmissionLimits> = {}): Admission {
  return new Admission({ limits: { sandboxes: 10, memoryBytes: 10 * MiB, starts: 10, waiting: 4, maxWaitMs: 1000, ...limits }, clock, shortage: () => (shortages += 1) });
}

/** Enters without waiting for the turn; what became of it is in `log`. */
function ask(admits: Admission, log: string[], name: string, { owner = name, memoryBytes = MiB, signal = never } = {}): Promise<Place | undefined> {
  return admits.enter({ owner, memoryBytes, signal }).then(
    (place) => {
      log.push(name);
      return place;
    },
    (error: unknown) => {
      log.push(`${name}: ${error instanceof GloveboxError ? error.code : String(error)}`);
      return undefined;
    },
  );
}

test('as many live as may, and who leaves makes room for the next', async () => {
  const [admits, log] = [admission({ sandboxes: 2 }), [] as string[]];
  const first = await ask(admits, log, 'a');
  await ask(admits, log, 'b');
  const third = ask(admits, log, 'c');
  await vi.advanceTimersByTimeAsync(10);
  expect(log).toEqual(['a', 'b']);
  expect(admits.isShort).toBe(true);
  first?.leave();
  first?.leave();
  await third;
  expect(log).toEqual(['a', 'b', 'c']);
  expect(admits.live).toBe(2);
});

test('memory limits are summed, and what could never fit is said to be so at once', async () => {
  const [admits, log] = [admission({ memoryBytes: 3 * MiB }), [] as string[]];
  const big = await ask(admits, log, 'big', { memoryBytes: 2 * MiB });
  const next = ask(admits, log, 'next', { memoryBytes: 2 * MiB });
  await ask(admits, log, 'never', { memoryBytes: 4 * MiB });
  big?.leave();
  await next;
  expect(log).toEqual(['big', 'never: config_invalid', 'next']);
});

test('no more start at once than may; room alone is not waited for with a call for more of it', async () => {
  const [admits, log] = [admission({ starts: 1 }), [] as string[]];
  const first = await ask(admits, log, 'a');
  const second = ask(admits, log, 'b');
  await vi.advanceTimersByTimeAsync(1);
  expect(log).toEqual(['a']);
  expect(shortages).toBe(0);
  first?.started();
  await second;
  expect(log).toEqual(['a', 'b']);
});

test('two sessions that ask for much take turns', async () => {
  const [admits, log] = [admission({ sandboxes: 1, waiting: 20 }), [] as string[]];
  const owners = ['a', 'a', 'a', 'a', 'b', 'b', 'b', 'b'];
  const turns = owners.map((owner) => ask(admits, log, owner, { owner }).then((place) => place?.leave()));
  await Promise.all(turns);
  // The first was let in before anybody else had come.
  expect(log.join('')).toBe('aabababb');
});

test('beyond the queue, and beyond the longest wait, it says when to come back', async () => {
  const [admits, log] = [admission({ sandboxes: 1, waiting: 2 }), [] as string[]];
  await ask(admits, log, 'a');
  void ask(admits, log, 'b', { owner: 'one' });
  void ask(admits, log, 'c', { owner: 'one' });
  await expect(admits.enter({ owner: 'one', memoryBytes: MiB, signal: never })).rejects.toMatchObject({ code: 'admission_full', status: 429, details: { retryAfterSeconds: 3 } });
  // Somebody else is not kept out by one who fills the queue.
  void ask(admits, log, 'd', { owner: 'two' });
  await vi.advanceTimersByTimeAsync(999);
  expect(log).toEqual(['a', 'c: admission_full']);
  await vi.advanceTimersByTimeAsync(1);
  expect(log).toEqual(['a', 'c: admission_full', 'b: admission_full', 'd: admission_full']);
  expect(admits.waiting).toBe(0);
});

test('the time to come back is by how quickly others had their turn', async () => {
  const [admits, log] = [admission({ sandboxes: 1, waiting: 30, maxWaitMs: 1e9 }), [] as string[]];
  let place = await ask(admits, log, 'first');
  const waiting = Array.from({ length: 30 }, (_, i) => ask(admits, log, `w${i}`, { owner: 'one' }));
  for (const next of waiting.slice(0, 28)) {
    clock.pass(10_000);
    place?.leave();
    place = await next;
  }
  for (let i = 0; i < 28; i++) void ask(admits, log, `x${i}`, { owner: 'one' });
  const refused = await admits.enter({ owner: 'one', memoryBytes: MiB, signal: never }).catch((error: unknown) => error);
  // 31 turns of ten seconds each.
  expect((refused as GloveboxError).details['retryAfterSeconds']).toBeGreaterThan(280);
  expect((refused as GloveboxError).details['retryAfterSeconds']).toBeLessThanOrEqual(310);
});

test('who is cancelled leaves the queue, and a smaller one behind him gets in', async () => {
  const [admits, log] = [admission({ memoryBytes: 3 * MiB }), [] as string[]];
  const gone = new AbortController();
  await ask(admits, log, 'a', { memoryBytes: 2 * MiB });
  const big = ask(admits, log, 'big', { memoryBytes: 2 * MiB, signal: gone.signal });
  const small = ask(admits, log, 'small', { memoryBytes: MiB });
  await vi.advanceTimersByTimeAsync(1);
  expect(log).toEqual(['a']);
  gone.abort();
  await Promise.all([big, small]);
  expect(log.toSorted()).toEqual(['a', 'big: cancelled', 'small']);
  await ask(admits, log, 'late', { signal: gone.signal });
  expect(log).toContain('late: cancelled');
});

test('once closed, nobody is let in and nobody is kept waiting', async () => {
  const [admits, log] = [admission({ sandboxes: 1 }), [] as string[]];
  const first = await ask(admits, log, 'a');
  const second = ask(admits, log, 'b');
  admits.close(new GloveboxError('cancelled', 'over'));
  await second;
  first?.leave();
  await ask(admits, log, 'c');
  expect(admits.tryEnter(MiB)).toBeUndefined();
  expect(log).toEqual(['a', 'b: cancelled', 'c: cancelled']);
});

test('a place that nobody waits for is given only when nobody waits', async () => {
  const [admits, log] = [admission({ memoryBytes: 4 * MiB }), [] as string[]];
  const spare = admits.tryEnter(3 * MiB);
  expect(spare).toBeDefined();
  expect(admits.tryEnter(2 * MiB)).toBeUndefined();
  const waiting = ask(admits, log, 'a', { memoryBytes: 2 * MiB });
  expect(shortages).toBe(1);
  // There would be room for it, but somebody is first.
  expect(admits.tryEnter(MiB)).toBeUndefined();
  spare?.leave();
  await waiting;
});

test('a machine lends four fifths of its memory, and starts three at once on each core', () => {
  expect(machineLimits({ cores: 2, memoryBytes: 10_000 })).toMatchObject({ sandboxes: 128, memoryBytes: 8000, starts: 6 });
});
