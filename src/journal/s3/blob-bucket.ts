import { createHash, hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { describeError } from '../../contracts/index.ts';
import type { BlobFile, BlobFiles } from '../blob-files.ts';
import type { Bucket } from './bucket.ts';

/** The most that S3 takes in one request. */
const MOST_BYTES = 5 * 2 ** 30;
/** Of one object, each of which brought something: an endless bad line ends some time. */
const MOST_RESUMES = 20;

const listing = z.object({
  ListBucketResult: z.object({
    Contents: z.array(z.object({ Key: z.string(), Size: z.coerce.number(), LastModified: z.coerce.date() })).default([]),
    IsTruncated: z.string().optional(),
    NextContinuationToken: z.string().optional(),
  }),
});
const xml = new XMLParser({ parseTagValue: false, isArray: (name) => name === 'Contents' });

/** Blobs as objects of an S3-compatible bucket. An object only appears when it is whole, and is durable then: nothing has to be settled. */
export class BlobBucket implements BlobFiles {
  readonly #bucket: Bucket;
  readonly #prefix: string;
  readonly #temporary: string;

  /** `prefix` is that of the bucket's address; `temporary` a folder for what comes as a stream. */
  constructor(bucket: Bucket, { prefix, temporary = tmpdir() }: { readonly prefix: string; readonly temporary?: string }) {
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#temporary = temporary;
  }

  get place(): string {
    return this.#bucket.name;
  }

  async write(name: string, bytes: Buffer): Promise<void> {
    await this.#put(name, { bytes: bytes.length, sha256: hash('sha256', bytes), open: () => bytes });
  }

  /** By way of a file: a request says at its beginning how long it is and what its hash is. */
  async writeStream(chunks: AsyncIterable<Uint8Array>, name: () => string): Promise<void> {
    const folder = await mkdtemp(join(this.#temporary, 'glovebox-blob-'));
    try {
      const file = join(folder, 'blob');
      const digesting = createHash('sha256');
      let bytes = 0;
      {
        await using handle = await open(file, 'wx', 0o600);
        for await (const chunk of chunks) {
          digesting.update(chunk);
          bytes += chunk.length;
          if (bytes > MOST_BYTES) throw this.#bucket.failed(`takes no blob of more than ${MOST_BYTES / 2 ** 30} GiB`);
          await handle.appendFile(chunk);
        }
      }
      await this.#put(name(), { bytes, sha256: digesting.digest('hex'), open: () => createReadStream(file) });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async read(name: string): Promise<Buffer | undefined> {
    const pieces = await this.open(name);
    return pieces === undefined ? undefined : Buffer.concat(await Array.fromAsync(pieces));
  }

  async open(name: string): Promise<AsyncIterable<Buffer> | undefined> {
    const answer = await this.#bucket.ask({ method: 'GET', key: name });
    return answer === undefined ? undefined : this.#pieces(name, answer.body, Number(answer.headers['content-length']), String(answer.headers['etag'] ?? ''));
  }

  async *list(folder: string): AsyncIterable<BlobFile> {
    const prefix = `${this.#prefix}${folder === '' ? '' : `${folder}/`}`;
    let token: string | undefined;
    do {
      const query = { 'list-type': '2', prefix, ...(token === undefined ? {} : { 'continuation-token': token }) };
      const answer = await this.#bucket.ask({ method: 'GET', key: '', query });
      const page = listing.safeParse(xml.parse((await answer?.body.text()) ?? ''));
      if (!page.success) throw this.#bucket.failed('answered with a list that cannot be read');
      const { Contents: objects, IsTruncated: isTruncated, NextContinuationToken: next } = page.data.ListBucketResult;
      for (const { Key: key, Size: bytes, LastModified: written } of objects) yield { name: key.slice(this.#prefix.length), bytes, writtenMs: written.getTime() };
      token = isTruncated === 'true' ? next : undefined;
    } while (token !== undefined);
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  async remove(name: string): Promise<void> {
    const answer = await this.#bucket.ask({ method: 'DELETE', key: name });
    await answer?.body.dump();
  }

  async #put(name: string, body: { readonly bytes: number; readonly sha256: string; readonly open: () => Buffer | ReturnType<typeof createReadStream> }): Promise<void> {
    const answer = await this.#bucket.ask({ method: 'PUT', key: name, body });
    if (answer === undefined) throw this.#bucket.failed('does not take objects (404)');
    await answer.body.dump();
  }

  /** Where the line breaks, it is gone on with at the byte, if the object is still the same. */
  async *#pieces(key: string, first: AsyncIterable<Buffer>, bytes: number, etag: string): AsyncGenerator<Buffer> {
    let body = first;
    let received = 0;
    for (let resumed = 0; ; resumed++) {
      const before = received;
      try {
        for await (const piece of body) {
          received += piece.length;
          yield piece;
        }
        return;
      } catch (error) {
        if (resumed === MOST_RESUMES || (resumed > 0 && received === before)) throw this.#bucket.failed(`broke off after ${received} of ${bytes} bytes of ${key}: ${describeError(error)}`, error);
      }
      const headers = { range: `bytes=${received}-`, ...(etag === '' ? {} : { 'if-match': etag }) };
      const answer = await this.#bucket.ask({ method: 'GET', key, headers });
      if (answer?.statusCode !== 206) throw this.#bucket.failed(`broke off after ${received} of ${bytes} bytes of ${key}, and does not go on there`);
      body = answer.body;
    }
  }
}
