import { GloveboxError } from '../contracts/index.ts';
import type { DriverStatus, Sandbox, SandboxDriver, SandboxKind, Sandboxes, SandboxSpec } from '../contracts/index.ts';

/** The drivers of this machine behind one door: the first accepted kind that works here is used. */
export class AvailableSandboxes implements Sandboxes {
  readonly #drivers: readonly SandboxDriver[];

  constructor(drivers: readonly SandboxDriver[]) {
    this.#drivers = drivers;
  }

  /** Errors: `kind_unavailable` with what is missing for each kind, and what the driver throws. */
  async create(kinds: readonly SandboxKind[], spec: SandboxSpec, options: { hardLimits?: boolean; signal?: AbortSignal } = {}): Promise<Sandbox> {
    const refused: string[] = [];
    for (const kind of kinds) {
      const driver = this.#drivers.find((candidate) => candidate.kind === kind);
      const status = await driver?.status(options.signal);
      if (driver === undefined || status === undefined) refused.push(`${kind}: there is no driver for it`);
      else if (!status.available) refused.push(`${kind}: ${status.detail}`);
      else if (options.hardLimits === true && status.limitsAre !== 'hard') refused.push(`${kind}: its limits are soft here, and the policy wants hard ones (${status.detail})`);
      else return driver.create(spec, options.signal);
    }
    throw new GloveboxError('kind_unavailable', `no kind of sandbox that the policy accepts can be used here:\n${refused.map((line) => `  ${line}`).join('\n')}`);
  }

  status(signal?: AbortSignal): Promise<readonly DriverStatus[]> {
    return Promise.all(this.#drivers.map((driver) => driver.status(signal)));
  }

  /** A driver whose engine is not there has nothing to sweep: that is said, and stops no other. */
  async sweep(options: { all?: boolean; signal?: AbortSignal } = {}): Promise<readonly string[]> {
    const removed: string[] = [];
    for (const driver of this.#drivers) {
      try {
        removed.push(...(await driver.sweep(options)));
      } catch (error) {
        if (!(error instanceof GloveboxError && error.code === 'engine_unavailable')) throw error;
      }
    }
    return removed;
  }
}
