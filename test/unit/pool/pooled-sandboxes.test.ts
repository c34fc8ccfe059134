import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { GloveboxError } from '../../../src/contracts/index.ts';
import type { Sandbox } from '../../../src/contracts/index.ts';
import { PooledSandboxes } from '../../../src/sandbox/pool/index.ts';
import type { PoolOptions } from '../../../src/sandbox/pool/index.ts';
import { FakePlanner, HandClock, specOf } from './fake-planner.ts';
import type { FakeSandbox } from './fake-planner.ts';

let planner: FakePlanner;
let clock: HandClock;
const open: PooledSandboxes[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  planner = new FakePlanner();
  clock = new HandClock();
});
afterEach(async () => {
  await Promise.allSettled(open.splice(0).map((pool) => pool[Symbol.asyncDispose]()));
  vi.useRealTimers();
});

function pooled(options: Omit<PoolOptions, 'sandboxes' | 'limits'> & { limits?: PoolOptions['limits'] } = {}): PooledSandboxes {
  const { limits, ...rest } = options;
  const pool = new PooledSandboxes({ sandboxes: planner, clock, ...rest, limits: { sandboxes: 20, memoryBytes: 2 ** 40, starts: 4, ...limits } });
  open.push(pool);
  return pool;
}

async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 500) {
    clock.pass(Math.min(left, 500));
    await vi.advanceTimersByTimeAsync(Math.min(left, 500));
  }
}

/** Lets timers run while something is waited for. */
async function during<T>(promise: Promise<T>, ms = 100): Promise<T> {
  const [result] = await Promise.all([promise, pass(ms)]);
  return result;
}

const take = (pool: PooledSandboxes, image = 'base', more: Parameters<PooledSandboxes['create']>[2] = {}): Promise<Sandbox> => pool.create(['container'], specOf({ image }), more);
const stock = (pool: PooledSandboxes) => pool.stock()[0];

test('what stands ready was made before it was asked for, and another takes its place', async () => {
  const pool = pooled();
  await during(pool.warm(['container'], specOf(), { floor: 2 }));
  const ready = planner.made.map(({ id }) => id);
  const first = await take(pool);
  expect(ready).toContain(first.id);
  expect(planner.made).toHaveLength(2);
  await pass(100);
  expect(planner.made).toHaveLength(3);
  expect(stock(pool)).toMatchObject({ ready: 2, target: 2 });
  expect(planner.made.every(({ commands }) => commands === 0)).toBe(true);
});

test('the environment comes with the hand-out, and nobody else’s is in it', async () => {
  const pool = pooled();
  await during(pool.warm(['container'], specOf({ env: { TOKEN: 'floor' } }), { floor: 2 }));
  expect(planner.made.map(({ spec, env }) => [spec.env, env])).toEqual([[undefined, {}], [undefined, {}]]);
  const mine = (await pool.create(['container'], specOf({ env: { TOKEN: 'mine' } }))) as FakeSandbox;
  const bare = (await pool.create(['container'], specOf())) as FakeSandbox;
  expect(planner.made).toHaveLength(2);
  expect([mine.env, bare.env]).toEqual([{ TOKEN: 'mine' }, {}]);
});

/** What a spec may gain some day. */
const OF_LATER: object = { gpu: 1 };

test.each([
  ['another image', { image: 'other' }, {}],
  ['other limits', { limits: { ...specOf().limits, pids: 65 } }, {}],
  ['another grace time', { graceMs: 29_999 }, {}],
  ['a network', { network: { ports: [5432] } }, {}],
  ['another policy', {}, { policy: 'sha256:b' }],
  ['no policy', {}, { policy: undefined }],
  ['hard limits', {}, { hardLimits: true }],
  ['something that a spec has not today', OF_LATER, {}],
])('what was made ready is not handed out where there is to be %s', async (_what, change, options) => {
  planner.images.set('other', 'sha256:2');
  const pool = pooled();
  await during(pool.warm(['container'], specOf(), { floor: 1, policy: 'sha256:a' }));
  const [ready] = planner.made;
  const { policy, ...rest } = { policy: 'sha256:a', ...options };
  const got = await pool.create(['container'], specOf(change), { ...rest, ...(policy === undefined ? {} : { policy }) });
  expect(got.id).not.toBe(ready?.id);
  expect((await take(pool, 'base', { policy: 'sha256:a' })).id).toBe(ready?.id);
});

test('another order of kinds is another request', async () => {
  const pool = pooled();
  await during(pool.warm(['container', 'process'], specOf(), { floor: 1 }));
  expect((await pool.create(['process', 'container'], specOf())).kind).toBe('process');
});

test('an image that was rebuilt: what was made from the old one is not handed out, and goes', async () => {
  const pool = pooled();
  await during(pool.warm(['container'], specOf(), { floor: 2 }));
  const old = [...planner.made];
  planner.images.set('base', 'sha256:2');
  const got = await take(pool);
  expect(got.image).toBe('sha256:2');
  expect(old.map(({ alive }) => alive)).toEqual([false, false]);
  await pass(100);
  expect(planner.alive.map(({ image }) => image)).toEqual(['sha256:2', 'sha256:2', 'sha256:2']);
});

test('an image that was rebuilt or removed is noticed although nobody asks', async () => {
  const pool = pooled();
  await during(pool.warm(['container'], specOf(), { floor: 1 }));
  planner.images.set('base', 'sha256:2');
  await pass(7000);
  expect(planner.alive.map(({ image }) => image)).toEqual(['sha256:2']);
  planner.images.delete('base');
  await pass(7000);
  expect(planner.alive).toEqual([]);
  expect(stock(pool)?.failure?.message).toBe('there is no base');
  await expect(take(pool)).rejects.toMatchObject({ code: 'image_missing' });
});

test('one that is dead or does not answer is not handed out', async () => {
  const pool = pooled();
  await during(pool.warm(['container'], specOf(), { floor: 3 }));
  const [dead, stuck, well] = planner.made;
  // Dead, and we were not told yet.
  dead!.alive = false;
  stuck!.isStuck = true;
  expect((await take(pool)).id).toBe(well!.id);
  expect(planner.alive).toEqual([well]);
});

test('when too many in a row do not answer, a new one is made', async () => {
  const pool = pooled();
  await during(pool.warm(['container'], specOf(), { floor: 5 }));
  for (const sandbox of planner.made) sandbox.isStuck = true;
  expect(planner.made.slice(0, 5).map(({ id }) => id)).not.toContain((await take(pool)).id);
  expect(planner.alive.filter(({ isStuck }) => isStuck)).toHaveLength(2);
});

test('one that goes by itself is replaced, each time a little later', async () => {
  const pool = pooled();
  await during(pool.warm(['container'], specOf(), { floor: 1 }));
  planner.made[0]!.die('killed from outside');
  await pass(100);
  expect(stock(pool)).toMatchObject({ ready: 0, failure: { attempts: 1, message: 'a sandbox that stood ready is gone: killed from outside' } });
  await pass(1500);
  expect(stock(pool)?.ready).toBe(1);
  for (let died = 0; died < 5; died++) {
    planner.alive[0]!.die('again');
    while (planner.alive.length === 0) await pass(1000);
  }
  // 0.5 + 1 + 2 + 4 + 8 + 16 s at least, and not one each second.
  expect(stock(pool)?.failure?.attempts).toBe(6);
});

test('a burst is remembered, forgotten by and by, and what is too much goes after its time', async () => {
  const pool = pooled();
  const burst = await Promise.all(Array.from({ length: 8 }, () => take(pool)));
  await pass(100);
  expect(stock(pool)).toMatchObject({ target: 7, ready: 7 });
  await pass(120_000);
  expect(stock(pool)).toMatchObject({ target: 3, ready: 3 });
  await pass(600_000);
  // Nobody asks for it any more: it is forgotten altogether.
  expect(pool.stock()).toEqual([]);
  expect(planner.alive).toHaveLength(burst.length);
});

test('what was asked for once is not made ready', async () => {
  const pool = pooled();
  await take(pool);
  await pass(10_000);
  expect(planner.made).toHaveLength(1);
});

test('a floor is kept when nobody asks, and a ceiling however many ask', async () => {
  const pool = pooled({ limits: { sandboxes: 100 } });
  await during(pool.warm(['container'], specOf(), { floor: 2, ceiling: 5 }));
  await pass(3_600_000);
  expect(stock(pool)?.ready).toBe(2);
  await during(Promise.all(Array.from({ length: 30 }, () => take(pool))));
  await pass(1000);
  expect(stock(pool)).toMatchObject({ ready: 5, target: 5 });
});

test('a refill begins after the hand-out, and only so many at once', async () => {
  const pool = pooled();
  await during(pool.warm(['container'], specOf(), { floor: 6 }));
  planner.isHeld = true;
  planner.mostMaking = 0;
  await Promise.all(Array.from({ length: 6 }, () => take(pool)));
  expect(planner.making).toBe(0);
  await pass(100);
  expect(planner.making).toBe(2);
  for (let i = 0; i < 5; i++) {
    planner.letGo();
    await pass(100);
  }
  expect(planner.mostMaking).toBe(2);
});

test('nothing is made ready while the machine is full, and what is ready makes way for who waits', async () => {
  planner.images.set('other', 'sha256:2');
  const pool = pooled({ limits: { sandboxes: 4 }, ceiling: 3 });
  await during(pool.warm(['container'], specOf(), { floor: 3 }));
  const taken = await Promise.all([take(pool, 'other'), take(pool, 'other'), take(pool, 'other')]);
  expect(taken.map(({ image }) => image)).toEqual(['sha256:2', 'sha256:2', 'sha256:2']);
  expect(planner.alive).toHaveLength(4);
  const last = await take(pool, 'other');
  await pass(10_000);
  expect(planner.alive.map(({ image }) => image)).toEqual(Array.from({ length: 4 }, () => 'sha256:2'));
  await last.destroy();
  await pass(2000);
  // There is room again, and nobody waits.
  expect(planner.alive.map(({ image }) => image).toSorted()).toEqual(['sha256:1', 'sha256:2', 'sha256:2', 'sha256:2']);
});

test('a large one is let in when several small ones have made way', async () => {
  const GiB = 2 ** 30;
  const small = specOf({ limits: { ...specOf().limits, memoryBytes: GiB } });
  const large = specOf({ limits: { ...specOf().limits, memoryBytes: 4 * GiB } });
  const pool = pooled({ limits: { memoryBytes: 5 * GiB } });
  await during(pool.warm(['container'], small, { floor: 5 }));
  expect((await during(pool.create(['container'], large))).kind).toBe('container');
  expect(planner.alive).toHaveLength(2);
});

test('who finds the machine full waits his turn, and is told when to come back if that does not come', async () => {
  const pool = pooled({ limits: { sandboxes: 1, waiting: 1, maxWaitMs: 5000 } });
  const first = await take(pool);
  const second = take(pool, 'base', { owner: 'b' });
  await expect(during(take(pool, 'base', { owner: 'b' }))).rejects.toMatchObject({ code: 'admission_full', details: { retryAfterSeconds: expect.any(Number) as number } });
  await first.destroy();
  await during(second);
  const third = take(pool);
  const refused = expect(third).rejects.toMatchObject({ code: 'admission_full' });
  await pass(5000);
  await refused;
});

test('what failed is tried again in its time, also where the wall clock is set back meanwhile', async () => {
  const pool = new PooledSandboxes({ sandboxes: planner, limits: { sandboxes: 20, memoryBytes: 2 ** 40, starts: 4 } });
  open.push(pool);
  planner.failure = new GloveboxError('engine_failed', 'no space left on device');
  await expect(during(pool.warm(['container'], specOf(), { floor: 1 }))).rejects.toMatchObject({ code: 'engine_failed' });
  planner.failure = undefined;
  vi.setSystemTime(Date.now() - 3_600_000);
  await pass(60_000);
  expect(stock(pool)).toMatchObject({ ready: 1 });
});

test('what failed in the background is tried again later and later, and told to whoever asks next', async () => {
  const pool = pooled();
  planner.failure = new GloveboxError('engine_failed', 'no space left on device');
  await expect(during(pool.warm(['container'], specOf(), { floor: 1 }))).rejects.toMatchObject({ code: 'engine_failed' });
  const before = planner.plans;
  await pass(60_000);
  expect(planner.plans - before).toBeLessThan(10);
  planner.failure = new GloveboxError('sandbox_start_failed', 'no hello');
  await expect(take(pool)).rejects.toMatchObject({ code: 'sandbox_start_failed', message: expect.stringMatching(/no hello \(\d+ attempts .*no space left|no hello/) as string });
  planner.failure = undefined;
  await take(pool);
  expect(stock(pool)?.failure).toBeUndefined();
  await pass(1000);
  expect(stock(pool)?.ready).toBeGreaterThanOrEqual(1);
});

test('cancelled while it waits, it leaves nothing and takes nothing', async () => {
  const pool = pooled();
  planner.isHeld = true;
  const gone = new AbortController();
  const making = take(pool, 'base', { signal: gone.signal });
  await pass(1);
  expect(planner.making).toBe(1);
  gone.abort();
  await expect(making).rejects.toMatchObject({ code: 'cancelled' });
  expect(planner.making).toBe(0);
  planner.isHeld = false;
  await expect(take(pool, 'base', { signal: gone.signal })).rejects.toMatchObject({ code: 'cancelled' });
  expect(planner.alive).toEqual([]);
});

test('cancelled during the hand-out, the sandbox is not kept for another', async () => {
  const pool = pooled();
  await during(pool.warm(['container'], specOf(), { floor: 1 }));
  const [ready] = planner.made;
  const gone = new AbortController();
  ready!.ping = () => {
    gone.abort();
    return Promise.reject(new GloveboxError('cancelled', 'cancelled'));
  };
  await expect(take(pool, 'base', { signal: gone.signal })).rejects.toMatchObject({ code: 'cancelled' });
  expect(ready!.alive).toBe(false);
});

test('disposed, it removes what stands ready and what is being made, and leaves what was handed out', async () => {
  const pool = pooled();
  await during(pool.warm(['container'], specOf(), { floor: 3 }));
  const mine = await take(pool);
  planner.isHeld = true;
  await pass(100);
  const waiting = take(pool, 'base').then(() => take(pool)).then(() => take(pool));
  const refused = expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  await pass(1);
  await pool[Symbol.asyncDispose]();
  await refused;
  expect(planner.making).toBe(0);
  // Two were ready when the others asked, and are theirs.
  expect(planner.alive.map(({ id }) => id)).toContain(mine.id);
  expect(planner.alive).toHaveLength(3);
  await expect(take(pool)).rejects.toMatchObject({ code: 'cancelled' });
});

test('one that cannot be removed is tried again, and named when it stays', async () => {
  const pool = pooled();
  await during(pool.warm(['container'], specOf(), { floor: 2 }));
  const [once, never] = planner.made;
  once!.failuresToDestroy = 1;
  never!.failuresToDestroy = 1000;
  await expect(pool[Symbol.asyncDispose]()).rejects.toMatchObject({ code: 'engine_failed', message: expect.stringContaining(never!.id) as string });
  expect(once!.alive).toBe(false);
});

test('a floor that cannot be kept is refused', async () => {
  const pool = pooled({ ceiling: 4 });
  await expect(pool.warm(['container'], specOf(), { floor: 5 })).rejects.toMatchObject({ code: 'config_invalid' });
  await during(pool.warm(['container'], specOf(), { floor: 3 }));
  await expect(pool.warm(['container'], specOf({ graceMs: 1 }), { floor: 2 })).rejects.toMatchObject({ code: 'config_invalid' });
  await during(pool.warm(['container'], specOf(), { floor: 4 }));
});

test('specs without end are served, and little is kept for them', async () => {
  const pool = pooled({ limits: { sandboxes: 1000 } });
  for (let i = 0; i < 200; i++) {
    const sandbox = await pool.create(['container'], specOf({ graceMs: 1000 + i }));
    await sandbox.destroy();
  }
  await pass(5000);
  expect(pool.stock().length).toBeLessThanOrEqual(64);
  expect(planner.alive).toEqual([]);
});
