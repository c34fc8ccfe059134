import { randomBytes } from 'node:crypto';
import { readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { GloveboxError, isFileLocked, lockFile } from '../contracts/index.ts';

const FOLDER = 'owners';
/** What a lock is called; also a file's name, so nothing else may pass for one. */
export const lockName = z.string().regex(/^[0-9a-f]{24}$/);
const NAME_BYTES = 12;
/** Nobody has it any more. It is kept for as long as somebody may ask: the books of a month are read with the names in them. */
const DEAD = '.dead';
const KEPT_MS = 40 * 24 * 3_600_000;

/** Held until it is disposed of, or its process dies. */
export interface OwnerLock extends Disposable {
  readonly name: string;
}

/**
 * A lock for each process that owns something: a file of the state folder, which the kernel unlocks when the process dies, in whatever container it ran. Who shares the folder can tell by it what no
 * pid tells from another container. A name is never locked a second time, so who was once found dead is dead.
 */
export class OwnerLocks {
  readonly #folder: string;

  constructor(stateDir: string) {
    this.#folder = join(stateDir, FOLDER);
  }

  /** A lock of a name of its own. Errors: those of the file system and of SQLite. */
  take(): OwnerLock {
    const name = randomBytes(NAME_BYTES).toString('hex');
    const file = join(this.#folder, name);
    // It gets its name when it is locked: under that name nobody ever finds one that a living process is about to lock.
    const lock = lockFile(`${file}.new`);
    if (lock === undefined) throw new GloveboxError('internal', `${file}.new is locked by another process`);
    try {
      renameSync(`${file}.new`, file);
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
    this.#tidy();
    const release = (): void => {
      rmSync(file, { force: true });
      lock[Symbol.dispose]();
    };
    return { name, [Symbol.dispose]: release };
  }

  /** Whether the process that took it lives; undefined where that cannot be told: it is none of this folder, or this folder's file system knows no locks. */
  holderOf(name: string): 'alive' | 'dead' | undefined {
    const file = join(this.#folder, name);
    try {
      const locked = isFileLocked(file);
      if (locked !== undefined) return locked ? 'alive' : 'dead';
      return statSync(`${file}${DEAD}`, { throwIfNoEntry: false }) === undefined ? undefined : 'dead';
    } catch {
      return undefined;
    }
  }

  /** Notes of those who have died that they have, and when that was found; forgets those of whom that was long ago, and what a crash left half made. */
  #tidy(): void {
    for (const name of readdirSync(this.#folder)) {
      const file = join(this.#folder, name);
      try {
        if (lockName.safeParse(name).success) noteIfDead(file);
        else if (Date.now() - statSync(file).mtimeMs > KEPT_MS) rmSync(file, { force: true });
      } catch {
        // Somebody else was quicker, or it is not ours to change: it says what it said before.
      }
    }
  }
}

function noteIfDead(file: string): void {
  if (isFileLocked(file) !== false) return;
  const now = new Date();
  utimesSync(file, now, now);
  renameSync(file, `${file}${DEAD}`);
}
