import type { ByteReader } from './byte-reader.ts';

const CHUNK_BYTES = 256 * 1024;

/** So many of the next bytes of a reader. Whatever its reader leaves unread is skipped with `skip`, so that the framing holds. */
export class BytePortion {
  readonly #reader: ByteReader;
  readonly #cutOff: () => Error;
  #left: number;

  /** `cutOff` makes the error for a stream that ends too early. */
  constructor(reader: ByteReader, sizeBytes: number, cutOff: () => Error) {
    this.#reader = reader;
    this.#left = sizeBytes;
    this.#cutOff = cutOff;
  }

  async *chunks(): AsyncGenerator<Buffer> {
    while (this.#left > 0) {
      const chunk = await this.#reader.some(Math.min(this.#left, CHUNK_BYTES));
      if (chunk === undefined) throw this.#cutOff();
      this.#left -= chunk.length;
      yield chunk;
    }
  }

  async skip(): Promise<void> {
    for await (const _ of this.chunks());
  }
}
