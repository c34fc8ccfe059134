import { type Clock, describeError, GloveboxError, type Journal, madeAtMs, type NewEvent, parseId, type Principal, type RunId } from '../../contracts/index.ts';
import { foldRun, requireKnown, type RunState } from '../run-state.ts';
import type { Runs } from '../runs.ts';
import type { Claim, Queue } from './queue.ts';
import { afterFailure } from './retry.ts';

export interface WorkerOptions {
  readonly queue: Queue;
  readonly journal: Journal;
  readonly clock: Clock;
  /** Runs as somebody's: a run is worked at in the name of whoever made it. */
  readonly runsOf: (principal: Principal) => Runs;
  /** What stands in the journal for it. */
  readonly name: string;
  /** Runs at a time. */
  readonly concurrency: number;
  /** So long a run waits for a person with all that it holds, before it is parked. */
  readonly parkAfterMs: number;
  /** So long steps that are under way may take when it is to stop. */
  readonly graceMs: number;
  /** Ends when nothing is worked at, and nothing can be begun now. */
  readonly untilEmpty?: boolean;
  readonly onNote?: (text: string) => void;
}

/** A parked run is looked at so often, should whoever answered have died before he could say so. */
const LOOK_AGAIN_MS = 60_000;
/** After the store has failed. */
const STORE_FAILED_MS = 2_000;

/** Takes runs from the queue and works at each until it has ended, waits for a person, or has to be tried again later. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #going = new Set<Promise<void>>();

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Until `drain` fires and all it had is ended, parked or handed over; what takes longer than the grace time is stopped where it is. */
  async run(drain: AbortSignal): Promise<void> {
    const stop = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const draining = (): void => {
      this.#note(`no more runs are taken; ${this.#going.size} go on until their present step is over`);
      timer = setTimeout(() => stop.abort(new GloveboxError('cancelled', 'the worker is shutting down')), this.#options.graceMs);
    };
    drain.addEventListener('abort', draining, { once: true });
    try {
      while (!drain.aborted && (await this.#round(drain, stop.signal)));
    } finally {
      await Promise.all(this.#going);
      clearTimeout(timer);
      drain.removeEventListener('abort', draining);
    }
  }

  /** Takes one run, or waits until there may be one. Whether there is anything more to do. */
  async #round(drain: AbortSignal, stop: AbortSignal): Promise<boolean> {
    const { queue, concurrency, name, untilEmpty = false } = this.#options;
    try {
      const claim = this.#going.size < concurrency ? await queue.claim(name) : undefined;
      if (claim !== undefined) this.#begin(claim, drain, stop);
      else if (untilEmpty && this.#going.size === 0) return false;
      else if (this.#going.size < concurrency) await this.#orOneEnds((until) => queue.changed(until), drain);
      else await this.#orOneEnds(aborted, drain);
    } catch (error) {
      this.#note(`the queue cannot be asked: ${describeError(error)}`);
      await this.#orOneEnds((until) => later(STORE_FAILED_MS, until), drain);
    }
    return true;
  }

  async #orOneEnds(wait: (until: AbortSignal) => Promise<void>, drain: AbortSignal): Promise<void> {
    const ended = new AbortController();
    try {
      await Promise.race([wait(AbortSignal.any([drain, ended.signal])), ...this.#going]);
    } finally {
      ended.abort();
    }
  }

  #begin(claim: Claim, drain: AbortSignal, stop: AbortSignal): void {
    const going = this.#work(claim, drain, stop).catch((error: unknown) => this.#note(`${claim.run}: ${describeError(error)}`));
    const known = going.finally(() => this.#going.delete(known));
    this.#going.add(known);
  }

  async #work(claim: Claim, drain: AbortSignal, stop: AbortSignal): Promise<void> {
    await using _lease = claim.lease;
    try {
      await this.#begun(claim, drain, stop);
    } catch (error) {
      if (!isNewer(error)) throw error;
      this.#note(`${claim.run} is left to newer workers: ${describeError(error)}`);
      await claim.leave();
    }
  }

  async #begun(claim: Claim, drain: AbortSignal, stop: AbortSignal): Promise<void> {
    const { journal, clock } = this.#options;
    const { lease } = claim;
    const state = foldRun(await journal.read(claim.run));
    requireKnown(claim.run, state);
    // Nobody makes a run for longer than that.
    if (state.status === 'ended' || (state.status === 'missing' && clock.now() > madeAtMs(claim.run) + LOOK_AGAIN_MS)) {
      lease.retire();
      return await claim.done();
    }
    if (state.options === undefined || (await this.#isWaiting(state))) return await claim.putBack(clock.now() + LOOK_AGAIN_MS);
    await this.#go(claim, state.options.principal, drain, stop);
  }

  async #go(claim: Claim, principal: Principal, drain: AbortSignal, stop: AbortSignal): Promise<void> {
    const { clock, name, parkAfterMs, runsOf } = this.#options;
    const { run, lease } = claim;
    const runs = runsOf(principal);
    try {
      const end = await runs.go(run, lease, { worker: name, drain, signal: stop, parkAfterMs });
      switch (end.how) {
        case 'ended':
          lease.retire();
          return await claim.done();
        case 'parked':
          this.#note(`${run} is parked: it waits for ${end.why === 'approval' ? (end.approval ?? 'an answer') : 'somebody to let it go on'}`);
          return await claim.putBack((await this.#isParkedStill(run)) ? clock.now() + LOOK_AGAIN_MS : clock.now());
        case 'handed_over':
          return await claim.putBack(clock.now(), [{ type: 'run.handed_over', data: { worker: name, why: end.why } }]);
      }
    } catch (error) {
      await this.#failed(claim, runs, error, stop);
    }
  }

  async #failed(claim: Claim, runs: Runs, error: unknown, stop: AbortSignal): Promise<void> {
    if (isNewer(error)) throw error;
    const { clock, name } = this.#options;
    const { run, lease } = claim;
    if (lease.signal.aborted) return this.#note(`${run}: ${describeError(lease.signal.reason)}`);
    if (stop.aborted) return claim.putBack(clock.now(), [{ type: 'run.handed_over', data: { worker: name, why: 'its step took too long to wait for' } }]);
    const next = afterFailure(error, foldRun(await this.#options.journal.read(run)).life.attempts);
    if (!next.again) {
      await runs.fail(run, lease, { code: next.code, detail: next.message });
      lease.retire();
      return claim.done();
    }
    const { attempt, code, message, afterMs } = next;
    const notBeforeMs = clock.now() + afterMs;
    this.#note(`${run} is tried again in ${Math.round(afterMs / 1000)} s (attempt ${attempt}): ${message}`);
    const retried: NewEvent = { type: 'run.retried', data: { attempt, code, message, notBeforeMs } };
    return claim.putBack(notBeforeMs, [retried]);
  }

  async #isParkedStill(run: RunId): Promise<boolean> {
    return this.#isWaiting(foldRun(await this.#options.journal.read(run)));
  }

  /** Whether a person has still to do something before it can go on. */
  async #isWaiting({ life, options }: RunState): Promise<boolean> {
    if (life.requests.cancelled !== undefined) return false;
    if (life.requests.paused !== undefined) return true;
    const { place } = life;
    const approval = place.at === 'parked' && place.why === 'approval' ? parseId('apr', place.approval ?? '') : undefined;
    if (approval === undefined || options === undefined) return false;
    return this.#options.runsOf(options.principal).isPending(approval);
  }

  #note(text: string): void {
    this.#options.onNote?.(text);
  }
}

function isNewer(error: unknown): boolean {
  return error instanceof GloveboxError && error.code === 'newer_version';
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function later(milliseconds: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  return Promise.race([promise, aborted(signal)]).finally(() => clearTimeout(timer));
}
