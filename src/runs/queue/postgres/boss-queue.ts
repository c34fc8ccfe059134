import type { PgBoss } from 'pg-boss';
import { z } from 'zod';
import { type AppendOptions, type Clock, GloveboxError, type Journal, type JournalEvent, type NewEvent, parseId, type RunId } from '../../../contracts/index.ts';
import type { Lease } from '../../leases.ts';
import { type Claim, LEFT_MS, type Offer, type Queue, type QueueDepth, RUN_VERSION } from '../queue.ts';
import type { QueueLimits } from '../queue-limits.ts';
import { type JobStore, JOBS } from './job-store.ts';
import { LEASE_SECONDS, type PostgresLeases } from './postgres-leases.ts';

type Execute = (sql: string, values?: readonly unknown[]) => Promise<{ readonly rows: readonly unknown[] }>;

/** A journal whose appends take something else into their transaction. */
interface CarryingJournal extends Journal {
  append(stream: string, events: readonly NewEvent[], options?: AppendOptions & { readonly within?: (execute: Execute) => Promise<void> }): Promise<readonly JournalEvent[]>;
}

const POLL_MS = 500;
const TOUCH_MS = 3_000;
/** Before a run is looked at again that somebody has, or that would be one too many. */
const BUSY_MS = 2_000;
const FULL_MS = 1_000;

/** A run waits for months, if need be, and as often as it must. */
const QUEUE = { retryLimit: 1_000_000, retryDelay: 0, heartbeatSeconds: LEASE_SECONDS, expireInSeconds: 24 * 60 * 60, retentionSeconds: 365 * 24 * 60 * 60, deleteAfterSeconds: 60 * 60 } as const;

const DEPTH = `
  SELECT count(*) AS jobs, min(greatest(start_after, created_on)) FILTER (WHERE state <> 'active' AND start_after <= now()) AS oldest
  FROM ${JOBS} WHERE name = ANY ($1) AND state IN ('created', 'retry', 'active')`;

const job = z.object({ run: z.string(), tenant: z.string(), model: z.string(), priority: z.int() });

export interface BossQueueOptions {
  readonly store: JobStore;
  /** In the same database. */
  readonly journal: Journal;
  readonly clock: Clock;
  readonly leases: PostgresLeases;
  readonly limits: () => Promise<QueueLimits>;
}

/**
 * The queue of many machines: jobs of pg-boss, which are written in one transaction with the events that they are about. Each version of runs has a queue of its own,
 * which older workers do not know. A job says where to look; who may run the run says its lease, and the fence that goes with it.
 */
export class BossQueue implements Queue {
  readonly #options: BossQueueOptions;
  #opening: Promise<PgBoss> | undefined;

  constructor(options: BossQueueOptions) {
    this.#options = options;
  }

  async offer(offer: Offer, events: readonly NewEvent[] = []): Promise<void> {
    await this.#offer(offer, events, {});
  }

  async claim(worker: string): Promise<Claim | undefined> {
    const { store } = this.#options;
    await store.supervise();
    const boss = await this.#boss();
    for (let version = RUN_VERSION; version >= 1; version--) {
      const [fetched] = await store.guard(() => boss.fetch<unknown>(nameOf(version), { batchSize: 1 }));
      if (fetched === undefined) continue;
      const attempt = { id: fetched.id, retryCount: fetched.retryCount };
      const offer = offerOf(fetched.data);
      const taken = { boss, name: nameOf(version), attempt };
      if (offer === undefined) await this.#complete(taken);
      else return await this.#take(taken, offer, worker);
    }
    return undefined;
  }

  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, POLL_MS);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  async depth(): Promise<QueueDepth> {
    await this.#boss();
    const [row] = await this.#options.store.query(DEPTH, [versions().map(nameOf)]);
    const oldest = row?.['oldest'];
    return { runs: Number(row?.['jobs'] ?? 0), ...(oldest instanceof Date ? { oldestMs: oldest.getTime() } : {}) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#options.store[Symbol.asyncDispose]();
  }

  /** Undefined where somebody has it, or where it would be one too many: it is looked at again a little later. */
  async #take(taken: Taken, offer: Offer, worker: string): Promise<Claim | undefined> {
    const { leases, limits, clock } = this.#options;
    try {
      const lease = await leases.takeWithin(offer.run, { tenant: offer.tenant, model: offer.model, holder: worker }, await limits());
      if (lease !== 'full') return this.#claimed(taken, offer, lease);
      await this.#putBack(taken, offer, clock.now() + FULL_MS, [], {});
    } catch (error) {
      if (!(error instanceof GloveboxError) || error.code !== 'admission_full') throw error;
      await this.#putBack(taken, offer, clock.now() + BUSY_MS, [], {});
    }
    return undefined;
  }

  #claimed(taken: Taken, offer: Offer, lease: Lease & { readonly fence: number }): Claim {
    const { boss, name, attempt } = taken;
    // A touch that fails is made up for by the next; what is lost, the lease says.
    const touching = setInterval(() => void boss.touch(name, attempt).catch(() => {}), TOUCH_MS);
    return {
      run: offer.run,
      lease: {
        fence: lease.fence,
        signal: lease.signal,
        retire: () => lease.retire(),
        [Symbol.asyncDispose]: async () => {
          clearInterval(touching);
          await lease[Symbol.asyncDispose]();
        },
      },
      done: () => this.#complete(taken),
      putBack: (notBeforeMs, events = []) => this.#putBack(taken, offer, notBeforeMs, events, { fence: lease.fence }),
      leave: () => this.#leave(taken, offer),
    };
  }

  /** To the queue of a newer version, where there is one: only newer workers make it, and look there. */
  async #leave(taken: Taken, offer: Offer): Promise<void> {
    const { store, clock } = this.#options;
    const newer = nameOf(RUN_VERSION + 1);
    const isThere = (await store.guard(() => taken.boss.getQueue(newer))) !== null;
    if (!isThere) return this.#putBack(taken, offer, clock.now() + LEFT_MS, [], {});
    await store.guard(() => this.#send(taken.boss, newer, offer));
    await this.#complete(taken);
  }

  /** The new job is there before the old one is gone. */
  async #putBack(taken: Taken, offer: Offer, notBeforeMs: number, events: readonly NewEvent[], options: AppendOptions): Promise<void> {
    await this.#offer({ ...offer, notBeforeMs }, events, options);
    await this.#complete(taken);
  }

  async #offer(offer: Offer, events: readonly NewEvent[], options: AppendOptions): Promise<void> {
    const { store, journal } = this.#options;
    const { run, tenant } = offer;
    const boss = await this.#boss();
    if (events.length === 0) return store.guard(() => this.#send(boss, nameOf(RUN_VERSION), offer));
    // Each carrying journal is one of PostgreSQL: app.ts sees to that, and it is found out here where it is not.
    let carried = false;
    const within = async (execute: Execute): Promise<void> => {
      await this.#send(boss, nameOf(RUN_VERSION), offer, execute);
      carried = true;
    };
    const carrying: CarryingJournal = journal;
    await carrying.append(run, events, { durable: true, tenant, ...options, within });
    if (!carried) throw new GloveboxError('internal', 'the journal does not take jobs into its transactions: it is not that of PostgreSQL');
  }

  async #send(boss: PgBoss, queue: string, { run, tenant, model, priority, notBeforeMs }: Offer, execute?: Execute): Promise<void> {
    const db = execute === undefined ? {} : { db: { executeSql: async (sql: string, values: unknown[] = []) => ({ rows: [...(await execute(sql, values)).rows] }) } };
    await boss.upsert(queue, { run, tenant, model, priority }, { singletonKey: run, priority, startAfter: new Date(notBeforeMs), ...db });
  }

  async #complete({ boss, name, attempt }: Taken): Promise<void> {
    await this.#options.store.guard(() => boss.complete(name, attempt));
  }

  #boss(): Promise<PgBoss> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #open(): Promise<PgBoss> {
    const { store } = this.#options;
    const boss = await store.boss();
    await store.guard(async () => {
      for (const version of versions()) await boss.createQueue(nameOf(version), QUEUE);
    });
    return boss;
  }
}

interface Taken {
  readonly boss: PgBoss;
  readonly name: string;
  /** Once it is tried again, what is done with this one changes nothing. */
  readonly attempt: { readonly id: string; readonly retryCount: number };
}

function nameOf(version: number): string {
  return `runs.v${version}`;
}

function versions(): readonly number[] {
  return Array.from({ length: RUN_VERSION }, (_, index) => index + 1);
}

function offerOf(data: unknown): Offer | undefined {
  const read = job.safeParse(data).data;
  const run: RunId | undefined = parseId('run', read?.run ?? '');
  return read === undefined || run === undefined ? undefined : { ...read, run, notBeforeMs: 0 };
}
