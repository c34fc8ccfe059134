import { GloveboxError, steadyClock } from '../../contracts/index.ts';
import type { Clock, CreateOptions, DriverStatus, LiveSandbox, Sandbox, SandboxId, SandboxKind, SandboxSpec, SweepOptions, WarmOptions, WarmSandboxes, WarmStock } from '../../contracts/index.ts';
import { Admission, machineLimits } from '../admission/index.ts';
import type { AdmissionLimits } from '../admission/index.ts';
import { cancelled, deadlineSignal, raceSignal } from '../deadline.ts';
import { requestOf } from './plan.ts';
import type { Plan, Planner } from './plan.ts';
import type { Shelf } from './shelf.ts';
import { Shelves } from './shelves.ts';
import { Stocker } from './stocker.ts';

/** init answers within a millisecond; one that needs longer is not what somebody in a hurry wants. */
const PING_MS = 500;
/** So many dead ones in a row, and a new one is quicker. */
const PINGS_FAILED = 3;
const WARM_MS = 120_000;
const CLOSE_MS = 60_000;

export interface PoolOptions {
  readonly sandboxes: Planner;
  /** Of this machine, unless told otherwise. */
  readonly limits?: Partial<AdmissionLimits>;
  /** Ready sandboxes of all kinds and specs together; half of what the machine may hold by default. */
  readonly ceiling?: number;
  readonly clock?: Clock;
}

/**
 * Sandboxes of which some stand ready. Each is used once: what is handed out belongs to whoever got it and never comes back. docs/pools.md
 * says how many are kept, and why.
 */
export class PooledSandboxes implements WarmSandboxes {
  readonly #sandboxes: Planner;
  readonly #clock: Clock;
  readonly #ceiling: number;
  readonly #admission: Admission;
  readonly #shelves: Shelves;
  readonly #stocker: Stocker;
  /** Being made for somebody who waits. */
  readonly #making = new Set<Promise<Sandbox>>();
  readonly #closing = new AbortController();
  #hits = 0;
  #misses = 0;
  #closed: Promise<void> | undefined;

  constructor(options: PoolOptions) {
    const limits = { ...machineLimits(), ...options.limits };
    this.#sandboxes = options.sandboxes;
    this.#clock = options.clock ?? steadyClock;
    this.#ceiling = options.ceiling ?? Math.ceil(limits.sandboxes / 2);
    this.#admission = new Admission({ limits, clock: this.#clock, shortage: () => this.#stocker.giveWay() });
    this.#shelves = new Shelves(({ kinds, spec, hardLimits, policy }) => this.#sandboxes.plan(kinds, spec, { hardLimits, policy }));
    this.#stocker = new Stocker({
      shelves: this.#shelves,
      admission: this.#admission,
      clock: this.#clock,
      ceiling: this.#ceiling,
      // The other half is for those who are waited for.
      atOnce: Math.max(1, Math.floor(limits.starts / 2)),
      signal: this.#closing.signal,
    });
  }

  async create(kinds: readonly SandboxKind[], spec: SandboxSpec, options: CreateOptions = {}): Promise<Sandbox> {
    const signal = this.#signal(options.signal);
    const shelf = this.#shelves.for(requestOf(kinds, spec, options));
    try {
      const plan = await raceSignal(shelf.plan(), signal);
      shelf.asked(this.#clock.now(), this.#ceiling);
      const ready = await this.#fromShelf(shelf, plan, signal);
      if (ready === undefined) this.#misses += 1;
      else this.#hits += 1;
      const sandbox = ready ?? (await this.#make(shelf, plan, options.owner ?? '', signal));
      return await furnished(sandbox, spec.env);
    } catch (error) {
      if (!signal.aborted) throw error;
      throw signal.reason instanceof GloveboxError ? signal.reason : cancelled('opening a sandbox', signal);
    } finally {
      this.#stocker.soon();
    }
  }

  async warm(kinds: readonly SandboxKind[], spec: SandboxSpec, options: WarmOptions): Promise<void> {
    const { floor, ceiling = Math.max(floor, this.#ceiling) } = options;
    if (!Number.isInteger(floor) || floor < 0 || ceiling < floor) throw new GloveboxError('config_invalid', `a floor of ${floor} under a ceiling of ${ceiling} cannot be kept`);
    const shelf = this.#shelves.for(requestOf(kinds, spec, options));
    const floors = [...this.#shelves].reduce((sum, each) => sum + (each === shelf ? 0 : each.floor), floor);
    if (!this.#shelves.has(shelf) || floors > this.#ceiling) throw new GloveboxError('config_invalid', `no more than ${this.#ceiling} sandboxes may stand ready here: ask for fewer, or raise the pool's ceiling`);
    Object.assign(shelf, { floor, ceiling });
    this.#stocker.soon();
    const deadline = deadlineSignal(WARM_MS, this.#signal(options.signal));
    try {
      await raceSignal(shelf.whole(), deadline);
    } catch (error) {
      if (!deadline.aborted) throw error;
      if (options.signal?.aborted === true) throw cancelled('making sandboxes ready', options.signal);
      throw new GloveboxError('deadline', `${floor} sandboxes could not be made ready within ${WARM_MS / 1000} s (${shelf.ready} stand)`, { cause: error });
    }
  }

  stock(): readonly WarmStock[] {
    return [...this.#shelves].map((shelf) => shelf.describe(this.#clock.now(), this.#ceiling));
  }

  served(): { readonly hits: number; readonly misses: number } {
    return { hits: this.#hits, misses: this.#misses };
  }

  list(signal?: AbortSignal): Promise<readonly LiveSandbox[]> {
    return this.#sandboxes.list(signal);
  }

  /** One that runs already needs no leave to; but it counts. */
  async adopt(id: SandboxId, signal?: AbortSignal): Promise<Sandbox> {
    const sandbox = await this.#sandboxes.adopt(id, signal);
    const place = this.#admission.count();
    void sandbox.gone.then(() => place.leave());
    return sandbox;
  }

  status(signal?: AbortSignal): Promise<readonly DriverStatus[]> {
    return this.#sandboxes.status(signal);
  }

  sweep(options: SweepOptions = {}): Promise<readonly string[]> {
    return this.#sandboxes.sweep(options);
  }

  /** Removes what stands ready; what was handed out is its user's. Errors: `deadline`, `engine_failed` with what is left. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const over = new GloveboxError('cancelled', 'no sandbox is opened any more: the service is shutting down');
    this.#closing.abort(over);
    this.#admission.close(over);
    const deadline = AbortSignal.timeout(CLOSE_MS);
    try {
      await raceSignal(Promise.all([this.#stocker.close(), Promise.allSettled(this.#making)]), deadline);
    } catch (error) {
      if (!deadline.aborted) throw error;
      throw new GloveboxError('deadline', `sandboxes that stood ready were not removed within ${CLOSE_MS / 1000} s: the next start sweeps them`, { cause: error });
    }
  }

  /** One that stands ready and answers. */
  async #fromShelf(shelf: Shelf, plan: Plan, signal: AbortSignal): Promise<Sandbox | undefined> {
    for (const stale of shelf.takeStale(plan.identity)) this.#stocker.dismiss(stale);
    for (let failed = 0; failed < PINGS_FAILED; failed++) {
      const member = shelf.take(plan.identity);
      if (member === undefined) return undefined;
      try {
        await member.sandbox.ping({ timeoutMs: PING_MS, signal });
        shelf.backoff.succeeded();
        return member.sandbox;
      } catch (error) {
        // Taken is taken: it goes, whether it is dead or its taker has gone away.
        this.#stocker.dismiss(member);
        if (signal.aborted) throw error;
      }
    }
    return undefined;
  }

  async #make(shelf: Shelf, plan: Plan, owner: string, signal: AbortSignal): Promise<Sandbox> {
    const place = await this.#admission.enter({ owner, memoryBytes: shelf.request.spec.limits.memoryBytes, signal });
    const making = plan.make(signal);
    this.#making.add(making);
    try {
      const sandbox = await making;
      place.started();
      void sandbox.gone.then(() => place.leave());
      shelf.backoff.succeeded();
      return sandbox;
    } catch (error) {
      place.leave();
      throw withEarlier(shelf, error);
    } finally {
      this.#making.delete(making);
    }
  }

  #signal(callers: AbortSignal | undefined): AbortSignal {
    return callers === undefined ? this.#closing.signal : AbortSignal.any([this.#closing.signal, callers]);
  }
}

/** With its user's environment. */
async function furnished(sandbox: Sandbox, env: SandboxSpec['env']): Promise<Sandbox> {
  try {
    if (env !== undefined) sandbox.setEnv(env);
    return sandbox;
  } catch (error) {
    // The first error is the one to tell; what is left is found by the sweeper.
    await sandbox.destroy().catch(() => undefined);
    throw error;
  }
}

/** What failed in the background before is told with it: the two together say more. */
function withEarlier(shelf: Shelf, error: unknown): unknown {
  const { failure } = shelf.backoff;
  if (failure === undefined || !(error instanceof GloveboxError) || error.code === 'cancelled') return error;
  const earlier = `${failure.attempts} attempts to have one ready failed before, the last with: ${failure.message}`;
  return new GloveboxError(error.code, `${error.message} (${earlier})`, { cause: error, details: { ...error.details, earlierAttempts: failure.attempts } });
}
