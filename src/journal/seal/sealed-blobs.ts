import { createHmac } from 'node:crypto';
import { type Blobs, type BlobStore, GloveboxError } from '../../contracts/index.ts';
import type { BlobFiles } from '../blob-files.ts';
import { alteredBlob, blobName, checkedPieces, CountedChunks, noBlob } from '../folder-blobs.ts';
import type { PayloadKey, PayloadKeys } from './payload-keys.ts';
import { openPieces, readHeader, sealPieces } from './sealed-stream.ts';

/** What is kept for a day lies in a folder of its own; no tenant can have its name. */
export const ANSWERS_FOLDER = '_answers';

interface SealedBlobsOptions {
  readonly files: BlobFiles;
  readonly keys: PayloadKeys;
  /** What an older version kept as it was: it goes on being read. */
  readonly unsealed: BlobStore;
  /** Where they are apart from others: `<folder>/<tenant>/ab/cdef…`. */
  readonly folder?: string;
}

/**
 * Blobs under keys of their tenants: `<tenant>/ab/cdef…`, the HMAC of what they are called. So nobody who sees the files can tell what is in one, or that two tenants have the same. Names
 * stay what they were, the hash of the content; events have them, and are sealed as well.
 */
export class SealedBlobs implements BlobStore {
  readonly #options: SealedBlobsOptions;

  constructor(options: SealedBlobsOptions) {
    this.#options = options;
  }

  of(tenant: string): Blobs {
    return new TenantBlobs(tenant, this.#options);
  }
}

class TenantBlobs implements Blobs {
  readonly #tenant: string;
  readonly #files: BlobFiles;
  readonly #keys: PayloadKeys;
  readonly #unsealed: Blobs;
  readonly #folder: string;

  constructor(tenant: string, { files, keys, unsealed, folder }: SealedBlobsOptions) {
    this.#tenant = tenant;
    this.#files = files;
    this.#keys = keys;
    this.#unsealed = unsealed.of(tenant);
    this.#folder = folder === undefined ? tenant : `${folder}/${tenant}`;
  }

  async put(bytes: Buffer): Promise<string> {
    const hash = blobName(bytes);
    const file = fileOf(this.#folder, await this.#keys.sealing(this.#tenant, 'names'), hash);
    const key = await this.#keys.sealing(this.#tenant, 'blobs');
    if (await this.#holds(file, hash, key)) await this.#files.settle(file);
    else await this.#files.write(file, Buffer.concat(await Array.fromAsync(sealPieces(key, [bytes]))));
    return hash;
  }

  async get(hash: string): Promise<Buffer> {
    return Buffer.concat(await Array.fromAsync(this.getStream(hash)));
  }

  async putStream(chunks: AsyncIterable<Uint8Array>): Promise<{ readonly hash: string; readonly bytes: number }> {
    const counted = new CountedChunks(chunks);
    const key = await this.#keys.sealing(this.#tenant, 'blobs');
    const nameKey = await this.#keys.sealing(this.#tenant, 'names');
    await this.#files.writeStream(sealPieces(key, counted.chunks()), () => fileOf(this.#folder, nameKey, counted.hash));
    return { hash: counted.hash, bytes: counted.bytes };
  }

  async *getStream(hash: string): AsyncGenerator<Buffer> {
    const nameKey = await this.#keys.current(this.#tenant, 'names');
    const pieces = nameKey === undefined ? undefined : await this.#files.open(fileOf(this.#folder, nameKey, hash));
    if (pieces === undefined) {
      yield* this.#elsewhere(hash);
      return;
    }
    const found = await readHeader(pieces);
    if (found === undefined) throw alteredBlob(hash, this.#files.place);
    try {
      const key = await this.#keys.opening(found.header.keyId);
      if (key === undefined) throw erasedBlob(hash, this.#tenant);
      yield* checkedPieces(this.#opened(key, found.header, found.rest, hash), hash, this.#files.place);
    } finally {
      await found.close();
    }
  }

  async *#opened(...[key, header, rest, hash]: [...Parameters<typeof openPieces>, string]): AsyncGenerator<Buffer> {
    try {
      yield* openPieces(key, header, rest);
    } catch (error) {
      throw error instanceof GloveboxError ? error : alteredBlob(hash, this.#files.place);
    }
  }

  /** It is an older version's, or was erased, or never was. */
  async *#elsewhere(hash: string): AsyncGenerator<Buffer> {
    try {
      yield* this.#unsealed.getStream(hash);
    } catch (error) {
      if (!(error instanceof GloveboxError) || error.code !== 'not_found') throw error;
      const keys = await this.#keys.store.list(this.#tenant);
      const wasErased = keys.some(({ id, record }) => id.startsWith(`${this.#tenant}/blobs/`) && record.state === 'destroyed');
      throw wasErased ? erasedBlob(hash, this.#tenant) : noBlob(hash, this.#files.place);
    }
  }

  /** A damaged file does not count, and neither does one whose key may be destroyed sooner than what is put now. */
  async #holds(file: string, hash: string, key: PayloadKey): Promise<boolean> {
    const pieces = await this.#files.open(file);
    const found = pieces === undefined ? undefined : await readHeader(pieces);
    if (found === undefined) return false;
    try {
      return found.header.keyId === key.id && blobName(Buffer.concat(await Array.fromAsync(openPieces(key, found.header, found.rest)))) === hash;
    } catch {
      return false;
    } finally {
      await found.close();
    }
  }
}

function fileOf(folder: string, nameKey: PayloadKey, hash: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(hash)) throw new GloveboxError('not_found', `there is no blob ${hash}`);
  const name = createHmac('sha256', nameKey.key).update(hash).digest('hex');
  return `${folder}/${name.slice(0, 2)}/${name.slice(2)}`;
}

function erasedBlob(hash: string, tenant: string): GloveboxError {
  return new GloveboxError('erased', `the blob ${hash} of ${tenant} was erased: it can be read by nobody any more`, { details: { blob: hash, tenant } });
}

/** Names of all that a tenant has put. */
export async function* filesOf(tenant: string, files: BlobFiles): AsyncIterable<string> {
  for (const folder of [tenant, `${ANSWERS_FOLDER}/${tenant}`]) for await (const { name } of files.list(folder)) yield name;
}
