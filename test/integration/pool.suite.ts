import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunningCommand, Sandbox, SandboxId, SandboxSpec } from '../../src/contracts/index.ts';
import { PooledSandboxes } from '../../src/sandbox/pool/index.ts';
import type { PoolOptions } from '../../src/sandbox/pool/index.ts';
import { AvailableSandboxes } from '../../src/sandbox/sandboxes.ts';
import { SandboxState } from '../../src/sandbox/state.ts';
import { MAX_COMMANDS } from '../../src/sandbox/wire/protocol.ts';
import { finish, run, shell, specOf, start } from '../support/sandbox-commands.ts';
import type { SandboxWorld } from '../support/sandbox-world.ts';
import { until as soon } from './bubblewrap.harness.ts';

const MiB = 2 ** 20;
/** Fifty of them are less than a small machine has. */
const SMALL = specOf({ limits: { memoryBytes: 48 * MiB, diskBytes: 8 * MiB } });
const SANDBOXES = 50;
const COMMANDS_EACH = 4;

export interface PoolSuiteOptions {
  /** Ends a sandbox without asking it, as an operator or the kernel would. */
  readonly kill: (world: SandboxWorld, id: SandboxId) => Promise<void>;
}

/** A pool, and what must hold of it on every kind of sandbox. */
export function poolSuite(name: string, open: () => Promise<SandboxWorld>, options: PoolSuiteOptions): void {
  describe(name, () => {
    let world: SandboxWorld;

    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world?.[Symbol.asyncDispose]());

    function pooled(more: Omit<PoolOptions, 'sandboxes'> = {}): PooledSandboxes {
      return new PooledSandboxes({ sandboxes: new AvailableSandboxes([world.driver]), ...more });
    }
    const create = (pool: PooledSandboxes, change: Partial<SandboxSpec> = {}, more = {}): Promise<Sandbox> => pool.create([world.driver.kind], { ...SMALL, ...change }, more);

    test('a sandbox from a pool was made before it was asked for, and its replacement after', async () => {
      await using pool = pooled();
      await pool.warm([world.driver.kind], SMALL, { floor: 2 });
      const askedMs = Date.now();
      await using sandbox = await create(pool);
      expect(SandboxState.read(world.stateDir, sandbox.id).createdMs).toBeLessThan(askedMs);
      expect((await run(sandbox, ['/bin/true'])).end).toMatchObject({ cause: 'exited', exitCode: 0 });
      await pool.warm([world.driver.kind], SMALL, { floor: 2 });
      const replacements = SandboxState.list(world.stateDir).states.filter(({ createdMs }) => createdMs >= askedMs);
      expect(replacements).toHaveLength(1);
    });

    test('what one user did in his is in nobody else’s', async () => {
      await using pool = pooled();
      await pool.warm([world.driver.kind], SMALL, { floor: 2 });
      const seen = new Set<string>();
      for (let i = 0; i < 6; i++) {
        await using sandbox = await create(pool, { env: { USER_OF_THIS: `user ${i}` } });
        const { stdout } = await shell(sandbox, 'ls -A /workspace /tmp; echo "$USER_OF_THIS"; echo mine > /workspace/mine; echo mine > /tmp/mine');
        expect(stdout).toBe(`/tmp:\n\n/workspace:\nuser ${i}\n`);
        seen.add(sandbox.id);
      }
      expect(seen.size).toBe(6);
    });

    test('one that was killed from outside is not handed out, and another takes its place', async () => {
      await using pool = pooled();
      await pool.warm([world.driver.kind], SMALL, { floor: 2 });
      const [first, second] = SandboxState.list(world.stateDir).states.map(({ id }) => id);
      await options.kill(world, first!);
      await using sandbox = await create(pool);
      expect(sandbox.id).toBe(second);
      await soon('it is made up for', () => pool.stock()[0]?.ready === 2);
      expect(pool.served()).toEqual({ hits: 1, misses: 0 });
    });

    test('disposed, it leaves nothing behind, whatever is under way', async () => {
      const pool = pooled();
      await pool.warm([world.driver.kind], SMALL, { floor: 3 });
      const mine = await create(pool);
      const cold = create(pool, { graceMs: 20_000 }).then((sandbox) => sandbox.destroy(), () => undefined);
      await pool[Symbol.asyncDispose]();
      await cold;
      expect(SandboxState.list(world.stateDir).states.map(({ id }) => id)).toEqual([mine.id]);
      // It is its user's still.
      expect((await run(mine, ['/bin/true'])).end.exitCode).toBe(0);
      await mine.destroy();
      expect(await world.remains()).toEqual([]);
    });

    test('killed with kill -9, its sandboxes are swept like any others', async () => {
      const argv = [fileURLToPath(new URL('pool.owner.ts', import.meta.url)), world.driver.kind, world.stateDir];
      const owner = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
      try {
        await once(owner.stdout, 'data');
        expect(SandboxState.list(world.stateDir).states).toHaveLength(2);
      } finally {
        owner.kill('SIGKILL');
        await once(owner, 'exit');
      }
      await world.driver.sweep();
      expect(await world.remains()).toEqual([]);
    });

    test(`${SANDBOXES} sandboxes at once for two sessions, ${SANDBOXES * COMMANDS_EACH} commands in flight, and neither session waits for the other`, async () => {
      await using pool = pooled({ limits: { waiting: SANDBOXES } });
      const order: string[] = [];
      const sandboxes: Sandbox[] = [];
      const ask = async (owner: string): Promise<void> => {
        sandboxes.push(await create(pool, {}, { owner }));
        order.push(owner);
      };
      try {
        // One session asks for all that it wants before the other begins.
        const first = Array.from({ length: SANDBOXES / 2 }, () => ask('first'));
        const second = Array.from({ length: SANDBOXES / 2 }, () => ask('second'));
        await Promise.all([...first, ...second]);
        expectInterleaved(order);
        await commandsInFlight(sandboxes);
      } finally {
        await Promise.all(sandboxes.map((sandbox) => sandbox.destroy()));
      }
    });

    test('commands beyond what one sandbox holds are refused with EAGAIN, and the others are none the worse', async () => {
      await using pool = pooled();
      await using sandbox = await create(pool, { limits: { ...SMALL.limits, memoryBytes: 256 * MiB, pids: 1024, openFiles: 4096 } });
      const running = Array.from({ length: MAX_COMMANDS }, () => start(sandbox, ['/bin/cat'], { stdin: 'pipe' }));
      const { end } = await run(sandbox, ['/bin/true']);
      expect(end).toMatchObject({ cause: 'not_started', startError: 'EAGAIN' });
      await Promise.all(running.map((command) => command.closeStdin()));
      for (const command of running) expect((await finish(command)).end).toMatchObject({ cause: 'exited', exitCode: 0 });
    });
  });
}

/** While both have some to come, neither is ever ahead of its fair half by more than are started at once. */
function expectInterleaved(order: readonly string[]): void {
  const atOnce = 16;
  for (let at = atOnce; at <= order.length; at++) {
    const second = order.slice(0, at).filter((owner) => owner === 'second').length;
    expect(Math.abs(2 * second - at), `after ${at}: ${order.slice(0, at).join(' ')}`).toBeLessThanOrEqual(atOnce);
  }
}

/** Each command says that it runs and then waits to be let go: when the last has said so, all are in flight. Each has its own words back, and no other's. */
async function commandsInFlight(sandboxes: readonly Sandbox[]): Promise<void> {
  const commands = sandboxes.flatMap((sandbox) => Array.from({ length: COMMANDS_EACH }, () => start(sandbox, ['/bin/sh', '-c', 'echo up; cat'], { stdin: 'pipe' })));
  const said = commands.map(() => '');
  const up = commands.map(() => Promise.withResolvers<void>());
  const reading = commands.map(async (command, i) => {
    for await (const { bytes } of command.output) {
      said[i] += bytes.toString();
      if (said[i] === 'up\n') up[i]?.resolve();
    }
  });
  await Promise.all(up.map(({ promise }) => promise));
  expect(await stillRunning(commands)).toBe(SANDBOXES * COMMANDS_EACH);
  // Nobody is too busy to say how he is.
  const pulses = await Promise.all(sandboxes.map((sandbox) => sandbox.ping()));
  expect(pulses.map((pulse) => pulse.commands)).toEqual(sandboxes.map(() => COMMANDS_EACH));
  await Promise.all(
    commands.map(async (command, i) => {
      await command.write(Buffer.from(`${i}\n`));
      await command.closeStdin();
    }),
  );
  const ends = await Promise.all(commands.map((command) => command.end));
  await Promise.all(reading);
  for (const end of ends) expect(end).toMatchObject({ cause: 'exited', exitCode: 0, tree: 'dead', output: { lostBytes: 0 } });
  expect(said).toEqual(commands.map((_, i) => `up\n${i}\n`));
}

async function stillRunning(commands: readonly RunningCommand[]): Promise<number> {
  const running = Symbol('running');
  const states = await Promise.all(commands.map((command) => Promise.race([command.end, Promise.resolve(running)])));
  return states.filter((state) => state === running).length;
}
