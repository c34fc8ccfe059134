import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describeError, GloveboxError, unlessMissing } from '../contracts/index.ts';
import type { BlobFile, BlobFiles } from './blob-files.ts';
import { readIfThere, sync, writeWhole } from './whole-file.ts';

/** Where streams are written until their name is known. */
const INCOMING = 'incoming';
/** Nothing that still comes in is silent for so long. */
const ABANDONED_AFTER_MS = 24 * 3600_000;
const PIECE_BYTES = 2 ** 18;

/** Blobs as files of a folder. Several processes may share it. */
export class BlobFolder implements BlobFiles {
  readonly place: string;

  constructor(folder: string) {
    this.place = folder;
  }

  async write(name: string, bytes: Buffer): Promise<void> {
    const file = this.#fileOf(name);
    await this.#guard(file, async () => {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeWhole(file, bytes);
      await sync(dirname(file));
    });
  }

  async writeStream(chunks: AsyncIterable<Uint8Array>, name: () => string): Promise<void> {
    const incoming = join(this.place, INCOMING);
    await this.#guard(incoming, () => makeIncoming(incoming));
    const beside = join(incoming, randomUUID());
    try {
      await using handle = await this.#guard(beside, () => open(beside, 'wx', 0o600));
      for await (const chunk of chunks) await this.#guard(beside, () => handle.appendFile(chunk));
      const file = this.#fileOf(name());
      await this.#guard(file, async () => {
        await handle.sync();
        await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        // In the place of one that is there, too: the same content, or a damaged one that is healed by it.
        await rename(beside, file);
        await sync(dirname(file));
      });
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  }

  async settle(name: string): Promise<void> {
    const file = this.#fileOf(name);
    await this.#guard(file, () => sync(dirname(file)));
  }

  read(name: string): Promise<Buffer | undefined> {
    const file = this.#fileOf(name);
    return this.#guard(file, () => readIfThere(file));
  }

  async open(name: string): Promise<AsyncIterable<Buffer> | undefined> {
    const file = this.#fileOf(name);
    const handle = await this.#guard(file, () => unlessMissing(open(file, 'r')));
    // It closes the file at its end, and when nobody reads on.
    return handle?.createReadStream({ highWaterMark: PIECE_BYTES }) as AsyncIterable<Buffer> | undefined;
  }

  async *list(folder: string): AsyncIterable<BlobFile> {
    const path = join(this.place, folder);
    const entries = await this.#guard(path, () => unlessMissing(readdir(path, { withFileTypes: true })));
    for (const entry of entries ?? []) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && name !== INCOMING) yield* this.list(name);
      // What is still being written beside is no blob.
      if (!entry.isFile() || name.endsWith('.new')) continue;
      const status = await this.#guard(name, () => unlessMissing(stat(this.#fileOf(name))));
      if (status !== undefined) yield { name, bytes: status.size, writtenMs: status.mtimeMs };
    }
  }

  async remove(name: string): Promise<void> {
    const file = this.#fileOf(name);
    await this.#guard(file, () => rm(file, { force: true }));
  }

  /** What goes wrong with the folder, not with who brings the bytes. */
  async #guard<T>(file: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      throw new GloveboxError('journal_failed', `cannot keep a blob in ${this.place}: ${describeError(error)}`, { cause: error, details: { file } });
    }
  }

  #fileOf(name: string): string {
    return join(this.place, name);
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
