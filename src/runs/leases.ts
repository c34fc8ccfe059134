import { join } from 'node:path';
import { type FileLock, GloveboxError, lockFile, type RunId } from '../contracts/index.ts';

/** The right to run a run. Disposed of, or dead with its process, it is free again. */
export interface Lease extends AsyncDisposable {
  /** Of each append that is made under it: once somebody else has the run, the journal refuses ours. None where two can never have it. */
  readonly fence?: number;
  /** Fires when it is lost; the reason is a GloveboxError. */
  readonly signal: AbortSignal;
  /** The run is over: nothing has to be kept for the next holder. */
  retire(): void;
}

/** For what a run is: caps and rates go by it. */
export interface LeasedRun {
  readonly tenant: string;
  readonly model: string;
  readonly holder: string;
}

/** At most one process executes a run. */
export interface Leases {
  /** Errors: `admission_full` where another process has it. */
  take(run: RunId, about: LeasedRun): Promise<Lease>;
  held(run: RunId): Promise<boolean>;
}

export function leaseTaken(run: RunId): GloveboxError {
  return new GloveboxError('admission_full', `${run} is being run by another process; wait for it, or stop that process first`, { details: { run } });
}

/** One file a run. */
export class FileLeases implements Leases {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  take(run: RunId): Promise<Lease> {
    const lock = this.#lock(run);
    if (lock === undefined) return Promise.reject(leaseTaken(run));
    return Promise.resolve({
      // The kernel takes it from nobody who lives.
      signal: new AbortController().signal,
      // Whoever has the removed file open finds, with its own lock, a run that ended: two holders do no harm then.
      retire: () => lock.remove(),
      [Symbol.asyncDispose]: () => Promise.resolve(lock[Symbol.dispose]()),
    });
  }

  held(run: RunId): Promise<boolean> {
    using lock = this.#lock(run);
    return Promise.resolve(lock === undefined);
  }

  #lock(run: RunId): FileLock | undefined {
    return lockFile(join(this.#folder, `${run}.lease`));
  }
}
