import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { GloveboxError } from './errors.ts';

const WAIT_MS = 30_000;
const LOOK_AGAIN_MS = 10;

/** Held until it is disposed of, or its process dies. */
export interface FileLock extends Disposable {
  /** Nobody needs the file any more. */
  remove(): void;
}

/**
 * A file under SQLite's exclusive lock: the kernel lets go of it when its process dies, however it dies, and neither pid nor clock
 * has to be believed. Nothing is ever written into the file. It needs a local file system. Undefined where another has it.
 */
export function lockFile(path: string): FileLock | undefined {
  // Not before it is needed: every command loads this file.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const file = new DatabaseSync(path, { timeout: 0 });
  try {
    // What is never written to needs no journal beside it.
    file.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    file.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  return { remove: () => rmSync(path, { force: true }), [Symbol.dispose]: () => file.close() };
}

/**
 * Whether a process has the lock of this file; undefined where there is no such file, and none is made. Who looks locks nobody out, and does not disturb who else looks. Errors: those of SQLite, where the
 * file system knows no locks, say.
 */
export function isFileLocked(path: string): boolean | undefined {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  try {
    const file = new DatabaseSync(path, { readOnly: true, timeout: 0 });
    try {
      file.exec('SELECT count(*) FROM sqlite_schema');
      return false;
    } finally {
      file.close();
    }
  } catch (error) {
    if (isBusy(error)) return true;
    if (!existsSync(path)) return undefined;
    throw error;
  }
}

/** Does it while nobody else who asks for this file's lock does anything, in whatever process. Errors: `deadline` where another has it for too long, and those of the work. */
export async function whileLocked<T>(path: string, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    using lock = lockFile(path);
    if (lock !== undefined) return await work();
    if (performance.now() > deadline) throw new GloveboxError('deadline', `${path} was locked by another process for ${WAIT_MS / 1000} s: see what it is at, and try again`, { details: { file: path } });
    await pause(LOOK_AGAIN_MS);
  }
}

/** SQLITE_BUSY, and its extended codes in the low byte. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === 5;
}
