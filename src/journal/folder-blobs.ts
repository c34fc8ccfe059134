import { createHash, hash as digest } from 'node:crypto';
import type { Blobs, BlobStore } from '../contracts/index.ts';
import { GloveboxError } from '../contracts/index.ts';
import { BlobFolder } from './blob-folder.ts';

const NAME = /^sha256:([0-9a-f]{2})([0-9a-f]{62})$/;

/** Blobs as they are, in files that their content names: `<folder>/ab/cdef…`. All tenants have them together: see `SealedBlobs` for where that must not be. */
export class FolderBlobs implements Blobs, BlobStore {
  readonly #files: BlobFolder;

  constructor(folder: string) {
    this.#files = new BlobFolder(folder);
  }

  of(_tenant: string): Blobs {
    return this;
  }

  /** Errors: `journal_failed` where the folder cannot be written. */
  async put(bytes: Buffer): Promise<string> {
    const hash = blobName(bytes);
    const file = this.#fileOf(hash);
    const there = await this.#files.read(file);
    // A damaged file does not count: putting its content again heals it.
    if (there !== undefined && blobName(there) === hash) await this.#files.settle(file);
    else await this.#files.write(file, bytes);
    return hash;
  }

  async get(hash: string): Promise<Buffer> {
    const bytes = await this.#files.read(this.#fileOf(hash));
    if (bytes === undefined) throw noBlob(hash, this.#files.place);
    if (blobName(bytes) === hash) return bytes;
    throw alteredBlob(hash, this.#files.place);
  }

  async putStream(chunks: AsyncIterable<Uint8Array>): Promise<{ readonly hash: string; readonly bytes: number }> {
    const counted = new CountedChunks(chunks);
    await this.#files.writeStream(counted.chunks(), () => this.#fileOf(counted.hash));
    return { hash: counted.hash, bytes: counted.bytes };
  }

  async *getStream(hash: string): AsyncGenerator<Buffer> {
    const pieces = await this.#files.open(this.#fileOf(hash));
    if (pieces === undefined) throw noBlob(hash, this.#files.place);
    yield* checkedPieces(pieces, hash, this.#files.place);
  }

  #fileOf(hash: string): string {
    const [, start, rest] = NAME.exec(hash) ?? [];
    if (start === undefined || rest === undefined) throw noBlob(hash, this.#files.place);
    return `${start}/${rest}`;
  }
}

export function blobName(bytes: Buffer): string {
  return `sha256:${digest('sha256', bytes)}`;
}

export function noBlob(hash: string, place: string): GloveboxError {
  return new GloveboxError('not_found', `there is no blob ${hash} in ${place}`);
}

export function alteredBlob(hash: string, place: string): GloveboxError {
  return new GloveboxError('journal_tampered', `the blob ${hash} was altered: what ${place} has of it does not fit its name`, { details: { blob: hash } });
}

/** Passes chunks on, and knows at their end what they were. */
export class CountedChunks {
  readonly #chunks: AsyncIterable<Uint8Array>;
  readonly #digesting = createHash('sha256');
  #hash: string | undefined;
  bytes = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks;
  }

  get hash(): string {
    return (this.#hash ??= `sha256:${this.#digesting.digest('hex')}`);
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#chunks) {
      this.#digesting.update(chunk);
      this.bytes += chunk.length;
      yield chunk;
    }
  }
}

/** One piece is held back until the next is there: the last goes out when all have been seen to fit. Errors: `journal_tampered`. */
export async function* checkedPieces(pieces: AsyncIterable<Buffer>, hash: string, place: string): AsyncGenerator<Buffer> {
  const digesting = createHash('sha256');
  let held: Buffer | undefined;
  for await (const piece of pieces) {
    digesting.update(piece);
    if (held !== undefined) yield held;
    held = piece;
  }
  if (`sha256:${digesting.digest('hex')}` !== hash) throw alteredBlob(hash, place);
  if (held !== undefined) yield held;
}
