import { hash as digest, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Blobs } from '../contracts/index.ts';
import { describeError, GloveboxError } from '../contracts/index.ts';

const NAME = /^sha256:([0-9a-f]{2})([0-9a-f]{62})$/;

/** Blobs as files of a folder: `<folder>/ab/cdef…`. Several processes may share it: a name only ever appears with its whole content. */
export class FolderBlobs implements Blobs {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Errors: `journal_failed` where the folder cannot be written. */
  async put(bytes: Buffer): Promise<string> {
    const hash = nameOf(bytes);
    const file = this.#fileOf(hash);
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      if (!(await holds(file, hash))) await writeWhole(file, bytes);
      // Also for a file that was there: whoever put it may not have come so far yet.
      await sync(dirname(file));
      return hash;
    } catch (error) {
      throw new GloveboxError('journal_failed', `cannot keep a blob in ${this.#folder}: ${describeError(error)}`, {
        cause: error,
        details: { file },
      });
    }
  }

  async get(hash: string): Promise<Buffer> {
    const file = this.#fileOf(hash);
    const bytes = await readIfThere(file);
    if (bytes === undefined) throw notFound(hash, this.#folder);
    if (nameOf(bytes) === hash) return bytes;
    throw new GloveboxError('journal_tampered', `the blob ${hash} was altered: the content of ${file} does not fit its name`, { details: { file } });
  }

  #fileOf(hash: string): string {
    const [, start, rest] = NAME.exec(hash) ?? [];
    if (start === undefined || rest === undefined) throw notFound(hash, this.#folder);
    return join(this.#folder, start, rest);
  }
}

function nameOf(bytes: Buffer): string {
  return `sha256:${digest('sha256', bytes)}`;
}

function notFound(hash: string, folder: string): GloveboxError {
  return new GloveboxError('not_found', `there is no blob ${hash} in ${folder}`);
}

/** A damaged file does not count: putting its content again heals it. */
async function holds(file: string, hash: string): Promise<boolean> {
  const bytes = await readIfThere(file);
  return bytes !== undefined && nameOf(bytes) === hash;
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Written beside, synced, renamed over: a reader sees all of it or nothing. */
async function writeWhole(file: string, bytes: Buffer): Promise<void> {
  const beside = `${file}.${randomUUID()}.new`;
  try {
    await using handle = await open(beside, 'wx', 0o600);
    await handle.writeFile(bytes);
    await handle.sync();
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

async function sync(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}
