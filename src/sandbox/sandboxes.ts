import { GloveboxError } from '../contracts/index.ts';
import type { CreateOptions, DriverStatus, LiveSandbox, Sandbox, SandboxDriver, SandboxId, SandboxKind, Sandboxes, SandboxSpec, SweepOptions } from '../contracts/index.ts';
import type { Plan, Planner } from './pool/index.ts';

/** The drivers of this machine behind one door: the first accepted kind that works here is used. */
export class AvailableSandboxes implements Sandboxes, Planner {
  readonly #drivers: () => Promise<readonly SandboxDriver[]>;

  /** In the order in which an unknown sandbox is asked for. A function is asked each time: who lists no sandbox and makes none does not wait for what makes them. */
  constructor(drivers: readonly SandboxDriver[] | (() => Promise<readonly SandboxDriver[]>)) {
    this.#drivers = typeof drivers === 'function' ? drivers : () => Promise.resolve(drivers);
  }

  /** Errors: `kind_unavailable` with what is missing for each kind, and what the driver throws. */
  async create(kinds: readonly SandboxKind[], spec: SandboxSpec, options: CreateOptions = {}): Promise<Sandbox> {
    const { driver } = await this.#choose(kinds, options);
    return driver.create(spec, options.signal);
  }

  async plan(kinds: readonly SandboxKind[], spec: SandboxSpec, options: CreateOptions = {}): Promise<Plan> {
    const { driver, limitsAre } = await this.#choose(kinds, options);
    const { image, made } = await driver.identity(spec, options.signal);
    return {
      identity: [driver.kind, limitsAre, image, made].join(' '),
      // By the digest, because a name may mean another image by then.
      make: (signal) => driver.create({ ...spec, image }, signal),
    };
  }

  async #choose(kinds: readonly SandboxKind[], options: CreateOptions): Promise<{ readonly driver: SandboxDriver; readonly limitsAre: 'hard' | 'soft' }> {
    const refused: string[] = [];
    const drivers = await this.#drivers();
    for (const kind of kinds) {
      const driver = drivers.find((candidate) => candidate.kind === kind);
      const status = await driver?.status(options.signal);
      if (driver === undefined || status === undefined) refused.push(`${kind}: there is no driver for it`);
      else if (!status.available) refused.push(`${kind}: ${status.detail}`);
      else if (options.hardLimits === true && status.limitsAre !== 'hard') refused.push(`${kind}: its limits are soft here, and the policy wants hard ones (${status.detail})`);
      else return { driver, limitsAre: status.limitsAre };
    }
    throw new GloveboxError('kind_unavailable', `no kind of sandbox that the policy accepts can be used here:\n${refused.map((line) => `  ${line}`).join('\n')}`);
  }

  async status(signal?: AbortSignal): Promise<readonly DriverStatus[]> {
    return Promise.all((await this.#drivers()).map((driver) => driver.status(signal)));
  }

  list(signal?: AbortSignal): Promise<readonly LiveSandbox[]> {
    return this.#ofEach((driver) => driver.list(signal));
  }

  async adopt(id: SandboxId, signal?: AbortSignal): Promise<Sandbox> {
    for (const driver of await this.#drivers()) {
      try {
        return await driver.adopt(id, signal);
      } catch (error) {
        if (!(error instanceof GloveboxError && error.code === 'not_found')) throw error;
      }
    }
    throw new GloveboxError('not_found', `no sandbox ${id} is known here`);
  }

  sweep(options: SweepOptions = {}): Promise<readonly string[]> {
    return this.#ofEach((driver) => driver.sweep(options));
  }

  /** A driver whose engine is not there has nothing to list and nothing to sweep: that stops no other. */
  async #ofEach<T>(ask: (driver: SandboxDriver) => Promise<readonly T[]>): Promise<readonly T[]> {
    const answers: T[] = [];
    for (const driver of await this.#drivers()) {
      try {
        answers.push(...(await ask(driver)));
      } catch (error) {
        if (!(error instanceof GloveboxError && error.code === 'engine_unavailable')) throw error;
      }
    }
    return answers;
  }
}
