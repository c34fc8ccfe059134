import { join } from 'node:path';
import { type Clock, GloveboxError, type Journal, lockFile, madeAtMs, type NewEvent, type RunId } from '../../contracts/index.ts';
import type { Lease, Leases } from '../leases.ts';
import { type Claim, LEFT_MS, type Offer, type Queue, type QueueDepth, RUN_VERSION } from './queue.ts';
import { isWithin, type QueueLimits } from './queue-limits.ts';
import { type WaitingRun, WaitingRuns } from './waiting-runs.ts';

const STREAM = 'queue';
/** After so many events it is written down what stands. */
const STANDS_EVERY = 256;
/** A dead worker's runs, and moments that come, are looked for so often. */
const POLL_MS = 1000;
/** A run that is offered before it is there: if whoever makes it dies, somebody looks then. */
const MAKING_MS = 10_000;

export interface JournalQueueOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly leases: Leases;
  /** As they are when a run is taken. */
  readonly limits: () => Promise<QueueLimits>;
  /** Of locks, which processes that share the journal share. */
  readonly folder: string;
}

/**
 * The queue of processes that share a journal on one machine: a stream of it. Nobody serves it. Workers take runs one after the other, under a lock that the
 * kernel gives back when its holder dies, and so is each run's lease: what a killed worker had is free at once, and taken at the next look.
 */
export class JournalQueue implements Queue {
  readonly #options: JournalQueueOptions;
  readonly #waiting = new WaitingRuns();
  #opening: Promise<void> | undefined;
  #reading: Promise<void> = Promise.resolve();

  constructor(options: JournalQueueOptions) {
    this.#options = options;
  }

  async offer(offer: Offer, events: readonly NewEvent[] = []): Promise<void> {
    const { journal, clock } = this.#options;
    if (events.length > 0) {
      await this.#write([offered({ ...offer, notBeforeMs: Math.max(offer.notBeforeMs, clock.now() + MAKING_MS) })]);
      await journal.append(offer.run, events, { durable: true, tenant: offer.tenant });
    }
    await this.#write([offered(offer)]);
  }

  async claim(worker: string): Promise<Claim | undefined> {
    // Whoever has it is done with it in a moment.
    using lock = lockFile(join(this.#options.folder, 'claims.lock'));
    if (lock === undefined) return undefined;
    await this.#read();
    const busy = new Map<RunId, boolean>();
    for (const { run, worker: taken } of this.#waiting.all) if (taken !== undefined) busy.set(run, await this.#options.leases.held(run));
    for (const waiting of this.#candidates(busy, await this.#options.limits())) {
      const lease = await this.#take(waiting, worker);
      if (lease === undefined) continue;
      await this.#write([{ type: 'queue.taken', data: { run: waiting.run, worker } }]);
      return this.#claimed(waiting, lease);
    }
    return undefined;
  }

  async changed(signal: AbortSignal): Promise<void> {
    const soon = new AbortController();
    const timer = setTimeout(() => soon.abort(), POLL_MS);
    try {
      for await (const event of this.#options.journal.follow(STREAM, { afterSeq: this.#waiting.seq, signal: AbortSignal.any([signal, soon.signal]) })) {
        if (event.type === 'queue.offered') return;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async depth(): Promise<QueueDepth> {
    await this.#read();
    const now = this.#options.clock.now();
    const waiting = this.#waiting.all.filter(({ worker, notBeforeMs }) => worker === undefined && notBeforeMs <= now).map(({ run, notBeforeMs }) => Math.max(notBeforeMs, madeAtMs(run)));
    return { runs: this.#waiting.all.length, ...(waiting.length === 0 ? {} : { oldestMs: Math.min(...waiting) }) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** Those that may be begun now, the most urgent first. */
  #candidates(busy: ReadonlyMap<RunId, boolean>, limits: QueueLimits): readonly WaitingRun[] {
    const now = this.#options.clock.now();
    const load = { running: this.#waiting.all.filter(({ run }) => busy.get(run) === true), starts: this.#waiting.starts(now) };
    return this.#waiting.all
      .filter((waiting) => waiting.version <= RUN_VERSION && waiting.notBeforeMs <= now && busy.get(waiting.run) !== true && isWithin(limits, load, waiting))
      .toSorted((one, other) => other.priority - one.priority);
  }

  /** Undefined where somebody is at it without having taken it from here. */
  async #take({ run, tenant, model }: WaitingRun, worker: string): Promise<Lease | undefined> {
    try {
      return await this.#options.leases.take(run, { tenant, model, holder: worker });
    } catch (error) {
      if (error instanceof GloveboxError && error.code === 'admission_full') return undefined;
      throw error;
    }
  }

  #claimed(waiting: WaitingRun, lease: Lease): Claim {
    const { run } = waiting;
    return {
      run,
      lease,
      done: () => this.#write([{ type: 'queue.left', data: { run } }]),
      putBack: async (notBeforeMs, events = []) => {
        if (events.length > 0) await this.#options.journal.append(run, events, { durable: true });
        await this.#write([{ type: 'queue.left', data: { run } }, offered({ ...waiting, notBeforeMs })]);
      },
      leave: () => this.#write([{ type: 'queue.left', data: { run } }, offered({ ...waiting, notBeforeMs: this.#options.clock.now() + LEFT_MS })]),
    };
  }

  async #write(events: readonly NewEvent[]): Promise<void> {
    const written = await this.#options.journal.append(STREAM, events);
    const last = written.at(-1)?.seq ?? 0;
    if (Math.floor(last / STANDS_EVERY) === Math.floor((last - written.length) / STANDS_EVERY)) return;
    await this.#read();
    await this.#options.journal.append(STREAM, [{ type: 'queue.stands', data: { asOfSeq: this.#waiting.seq, waiting: this.#waiting.all } }]);
  }

  /** One after the other: each event counts once. */
  #read(): Promise<void> {
    this.#reading = this.#reading.catch(() => {}).then(async () => {
      await (this.#opening ??= this.#open());
      for (const event of await this.#options.journal.read(STREAM, this.#waiting.seq)) this.#waiting.apply(event);
    });
    return this.#reading;
  }

  /** Begins with what stood a while ago, where that was written down. */
  async #open(): Promise<void> {
    const { journal } = this.#options;
    const length = (await journal.streams({ prefix: STREAM })).find(({ stream }) => stream === STREAM)?.events ?? 0;
    const recent = await journal.read(STREAM, Math.max(0, length - 2 * STANDS_EVERY));
    const stood = recent.findLast((event) => event.type === 'queue.stands');
    if (stood?.type === 'queue.stands') this.#waiting.startFrom(stood.data);
  }
}

function offered({ run, tenant, model, priority, notBeforeMs }: Offer): NewEvent {
  return { type: 'queue.offered', data: { run, tenant, model, priority, notBeforeMs, version: RUN_VERSION } };
}
