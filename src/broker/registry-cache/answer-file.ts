import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import CachePolicy from 'http-cache-semantics';
import { z } from 'zod';

/** What is known of an answer beside its body. */
export interface AnswerHead {
  /** To whom it may be given, and for how long: RFC 9111. */
  readonly policy: CachePolicy;
  readonly status: number;
  /** Names and values in turns. */
  readonly headers: readonly string[];
}

const headShape = z.strictObject({ version: z.literal(1), policy: z.record(z.string(), z.unknown()), status: z.int(), headers: z.array(z.string()) });
/** More is no head of ours. */
const HEAD_BYTES = 256 * 1024;

/** A file that becomes an answer when all of it was written: its head on a line, then its body. */
export class AnswerFile {
  readonly #path: string;
  readonly #unfinished: string;
  readonly #stream: Writable;
  #bytes = 0;

  constructor(path: string, unfinished: string, { policy, status, headers }: AnswerHead) {
    this.#path = path;
    this.#unfinished = unfinished;
    this.#stream = createWriteStream(unfinished, { flags: 'wx', mode: 0o600 });
    // Told by `finish`.
    this.#stream.on('error', () => {});
    this.write(Buffer.from(`${JSON.stringify({ version: 1, policy: policy.toObject(), status, headers: [...headers] })}\n`));
  }

  /** Up to now, the head included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Not yet on the disk. */
  get heldBytes(): number {
    return this.#stream.writableLength;
  }

  write(bytes: Buffer): void {
    this.#bytes += bytes.length;
    this.#stream.write(bytes);
  }

  /** Errors: those of the disk. */
  async finish(): Promise<void> {
    this.#stream.end();
    await finished(this.#stream);
    await rename(this.#unfinished, this.#path);
  }

  /** Nothing of it is left. */
  async giveUp(): Promise<void> {
    this.#stream.destroy();
    if (!this.#stream.closed) await once(this.#stream, 'close');
    await rm(this.#unfinished, { force: true });
  }
}

/** An answer that was kept; undefined where there is none that can be read. Its body is to be read or destroyed. */
export async function readAnswer(path: string): Promise<(AnswerHead & { readonly body: () => Readable }) | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const end = buffer.subarray(0, bytesRead).indexOf('\n');
    const { policy, status, headers } = headShape.parse(JSON.parse(buffer.toString('utf8', 0, Math.max(0, end))));
    // What `toObject` gave: the library looks at it itself.
    const kept = CachePolicy.fromObject(policy as unknown as CachePolicy.CachePolicyObject);
    return { policy: kept, status, headers, body: () => createReadStream(path, { start: end + 1 }) };
  } catch {
    // Not there, or none of ours: it is asked for.
    return undefined;
  } finally {
    await file?.close();
  }
}
