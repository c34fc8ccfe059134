import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { GloveboxError, type RunId } from '../contracts/index.ts';

/** The right to run a run. Disposed of, or dead with its process, it is free again. */
export interface Lease extends Disposable {
  /** The run is over: nothing has to be kept for the next holder. */
  retire(): void;
}

/** At most one process executes a run. */
export interface Leases {
  /** Errors: `admission_full` where another process has it. */
  take(run: RunId): Lease;
  held(run: RunId): boolean;
}

/**
 * One file a run, under SQLite's exclusive lock: the kernel lets go of it when its process dies, however it dies, and neither pid nor clock
 * has to be believed. Nothing is ever written into the file. It needs a local file system.
 */
export class FileLeases implements Leases {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  take(run: RunId): Lease {
    const lock = this.#lock(run);
    if (lock === undefined) {
      throw new GloveboxError('admission_full', `${run} is being run by another process; wait for it, or stop that process first`, { details: { run } });
    }
    return lock;
  }

  held(run: RunId): boolean {
    using lock = this.#lock(run);
    return lock === undefined;
  }

  #lock(run: RunId): Lease | undefined {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, `${run}.lease`);
    const file = new DatabaseSync(path, { timeout: 0 });
    try {
      file.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      file.close();
      if (isBusy(error)) return undefined;
      throw error;
    }
    return {
      // Whoever has the removed file open finds, with its own lock, a run that ended: two holders do no harm then.
      retire: () => rmSync(path, { force: true }),
      [Symbol.dispose]: () => file.close(),
    };
  }
}

/** SQLITE_BUSY, and its extended codes in the low byte. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === 5;
}
