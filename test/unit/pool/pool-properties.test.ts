import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { SandboxSpec } from '../../../src/contracts/index.ts';
import { PooledSandboxes } from '../../../src/sandbox/pool/index.ts';
import { FakePlanner, HandClock, specOf } from './fake-planner.ts';
import type { FakeSandbox } from './fake-planner.ts';

const MOST_ALIVE = 12;
const POOL_CEILING = 6;

interface Asked {
  readonly spec: SandboxSpec;
  readonly policy: string;
  /** What the image's name meant when it was asked for, and whatever it came to mean until it was handed out. */
  readonly images: Set<string>;
}

type Action =
  | { readonly do: 'take'; readonly policy: string; readonly pids: number; readonly cancelled: boolean }
  | { readonly do: 'giveBack' | 'kill' | 'stick'; readonly at: number }
  | { readonly do: 'rebuild' | 'hold' | 'letGo' | 'dispose' }
  | { readonly do: 'warm'; readonly policy: string; readonly floor: number }
  | { readonly do: 'pass'; readonly ms: number };

const at = fc.nat(MOST_ALIVE);
const policy = fc.constantFrom('a', 'b');
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('take' as const), policy, pids: fc.constantFrom(64, 65), cancelled: fc.nat(9).map((n) => n === 0) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('giveBack' as const, 'kill' as const, 'stick' as const), at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('rebuild' as const, 'hold' as const, 'letGo' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('warm' as const), policy, floor: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 20, 1000, 7000, 130_000) }) },
);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A pool, those who use it, and what must always be true of the two. */
class World {
  readonly planner = new FakePlanner();
  readonly clock = new HandClock();
  readonly pool = new PooledSandboxes({ sandboxes: this.planner, clock: this.clock, ceiling: POOL_CEILING, limits: { sandboxes: MOST_ALIVE, memoryBytes: 2 ** 40, starts: 4, waiting: 5, maxWaitMs: 3000 } });
  readonly handedOut: FakeSandbox[] = [];
  readonly background: Promise<unknown>[] = [];
  #version = 1;
  readonly #asked = new Set<Asked>();

  async act(what: Action): Promise<void> {
    switch (what.do) {
      case 'take':
        return this.#take(what.policy, what.pids, what.cancelled);
      case 'giveBack':
        return this.handedOut.filter(({ alive }) => alive)[what.at]?.destroy();
      case 'kill':
        return this.planner.alive[what.at]?.die('killed');
      case 'stick': {
        const sandbox = this.planner.alive[what.at];
        if (sandbox !== undefined) sandbox.isStuck = true;
        return;
      }
      case 'rebuild':
        this.#version += 1;
        this.planner.images.set('base', `sha256:${this.#version}`);
        for (const { images } of this.#asked) images.add(`sha256:${this.#version}`);
        return;
      case 'hold':
        this.planner.isHeld = true;
        return;
      case 'letGo':
        this.planner.isHeld = false;
        return this.planner.letGo();
      case 'warm':
        this.background.push(this.pool.warm(['container'], specOf(), { floor: what.floor, policy: what.policy }).catch(() => undefined));
        return;
      case 'pass':
        return this.pass(what.ms);
      case 'dispose':
        await this.pool[Symbol.asyncDispose]();
    }
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1000) {
      this.clock.pass(Math.min(left, 1000));
      await vi.advanceTimersByTimeAsync(Math.min(left, 1000));
    }
  }

  /** True after every action. */
  check(): void {
    expect(new Set(this.handedOut).size).toBe(this.handedOut.length);
    expect(this.planner.alive.length + this.planner.making).toBeLessThanOrEqual(MOST_ALIVE);
    const ready = this.pool.stock().reduce((sum, shelf) => sum + shelf.ready + shelf.making, 0);
    expect(ready).toBeLessThanOrEqual(POOL_CEILING);
    for (const { commands } of this.planner.made) expect(commands).toBeLessThanOrEqual(1);
  }

  async #take(policyName: string, pids: number, isCancelled: boolean): Promise<void> {
    const spec = specOf({ limits: { ...specOf().limits, pids }, env: { POLICY: policyName } });
    const asked: Asked = { spec, policy: policyName, images: new Set([`sha256:${this.#version}`]) };
    this.#asked.add(asked);
    const gone = new AbortController();
    const taking = this.pool
      .create(['container'], spec, { policy: policyName, owner: policyName, signal: gone.signal })
      .then((sandbox) => this.#got(asked, sandbox as FakeSandbox))
      .catch((error: { code?: string }) => {
        if (error.code === undefined) throw error;
      })
      .finally(() => this.#asked.delete(asked));
    this.background.push(taking);
    if (isCancelled) gone.abort();
    await vi.advanceTimersByTimeAsync(0);
  }

  #got(asked: Asked, sandbox: FakeSandbox): void {
    this.handedOut.push(sandbox);
    // It is what was asked for, under the policy that it was asked under, of the image as it was at some moment since.
    expect(sandbox.spec.limits).toEqual(asked.spec.limits);
    expect(sandbox.env).toEqual(asked.spec.env);
    expect(asked.images).toContain(sandbox.image);
    expect(sandbox.policy).toBe(asked.policy);
    // Nothing had run in it.
    expect(sandbox.commands).toBe(0);
    sandbox.exec({ id: sandbox.id } as never);
  }
}

test('no sandbox is handed out twice or to another request, no more live than may, and disposing leaves only what was handed out', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 60 }), async (actions) => {
      const world = new World();
      for (const what of actions) {
        await world.act(what);
        world.check();
      }
      await world.act({ do: 'letGo' });
      await world.pool[Symbol.asyncDispose]();
      await Promise.all(world.background);
      world.check();
      expect(world.planner.making).toBe(0);
      expect(world.planner.alive.filter((sandbox) => !world.handedOut.includes(sandbox))).toEqual([]);
      // Nothing is made any more, however long one waits.
      const made = world.planner.made.length;
      await world.pass(10_000);
      expect(world.planner.made).toHaveLength(made);
    }),
    { numRuns: 300 },
  );
});
