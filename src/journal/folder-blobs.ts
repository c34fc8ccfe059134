import { createHash, hash as digest, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Blobs } from '../contracts/index.ts';
import { describeError, GloveboxError } from '../contracts/index.ts';

const NAME = /^sha256:([0-9a-f]{2})([0-9a-f]{62})$/;
/** Where streams are written until their hash is known. No blob's folder: those have two digits. */
const INCOMING = 'incoming';
/** Nothing that still comes in is silent for so long. */
const ABANDONED_AFTER_MS = 24 * 3600_000;
const PIECE_BYTES = 2 ** 18;

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
    return this.#guard(file, async () => {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      if (!(await holds(file, hash))) await writeWhole(file, bytes);
      // Also for a file that was there: whoever put it may not have come so far yet.
      await sync(dirname(file));
      return hash;
    });
  }

  async get(hash: string): Promise<Buffer> {
    const file = this.#fileOf(hash);
    const bytes = await readIfThere(file);
    if (bytes === undefined) throw notFound(hash, this.#folder);
    if (nameOf(bytes) === hash) return bytes;
    throw tampered(hash, file);
  }

  async putStream(chunks: AsyncIterable<Uint8Array>): Promise<{ readonly hash: string; readonly bytes: number }> {
    const incoming = join(this.#folder, INCOMING);
    await this.#guard(incoming, () => makeIncoming(incoming));
    const beside = join(incoming, randomUUID());
    const digesting = createHash('sha256');
    let bytes = 0;
    try {
      await using handle = await this.#guard(beside, () => open(beside, 'wx', 0o600));
      for await (const chunk of chunks) {
        digesting.update(chunk);
        bytes += chunk.length;
        await this.#guard(beside, () => handle.appendFile(chunk));
      }
      const hash = `sha256:${digesting.digest('hex')}`;
      const file = this.#fileOf(hash);
      await this.#guard(file, async () => {
        await handle.sync();
        await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        // In the place of one that is there, too: the same content, or a damaged one that is healed by it.
        await rename(beside, file);
        await sync(dirname(file));
      });
      return { hash, bytes };
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  }

  async *getStream(hash: string): AsyncGenerator<Buffer> {
    const file = this.#fileOf(hash);
    await using handle = await openIfThere(file);
    if (handle === undefined) throw notFound(hash, this.#folder);
    const digesting = createHash('sha256');
    let held: Buffer | undefined;
    // One piece is held back until the next is there: the last goes out when all have been seen to fit.
    for await (const chunk of handle.createReadStream({ highWaterMark: PIECE_BYTES, autoClose: false }) as AsyncIterable<Buffer>) {
      digesting.update(chunk);
      if (held !== undefined) yield held;
      held = chunk;
    }
    if (`sha256:${digesting.digest('hex')}` !== hash) throw tampered(hash, file);
    if (held !== undefined) yield held;
  }

  /** What goes wrong with the folder, not with who brings the bytes. */
  async #guard<T>(file: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      throw new GloveboxError('journal_failed', `cannot keep a blob in ${this.#folder}: ${describeError(error)}`, { cause: error, details: { file } });
    }
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

function tampered(hash: string, file: string): GloveboxError {
  return new GloveboxError('journal_tampered', `the blob ${hash} was altered: the content of ${file} does not fit its name`, { details: { file } });
}

/** A damaged file does not count: putting its content again heals it. */
async function holds(file: string, hash: string): Promise<boolean> {
  const bytes = await readIfThere(file);
  return bytes !== undefined && nameOf(bytes) === hash;
}

function readIfThere(file: string): Promise<Buffer | undefined> {
  return unlessMissing(readFile(file));
}

function openIfThere(file: string): Promise<FileHandle | undefined> {
  return unlessMissing(open(file, 'r'));
}

async function unlessMissing<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes the folder of what is still coming in, without what somebody who died left there. */
async function makeIncoming(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) {
    const status = await unlessMissing(stat(join(folder, name)));
    if (status !== undefined && Date.now() - status.mtimeMs > ABANDONED_AFTER_MS) await rm(join(folder, name), { force: true });
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
