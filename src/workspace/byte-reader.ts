/** Reads a stream of chunks by length and by line. */
export class ByteReader implements AsyncDisposable {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Up to so many bytes, as they come; undefined at the end. */
  async some(maxBytes: number): Promise<Buffer | undefined> {
    if (!(await this.#fill())) return undefined;
    return this.#take(Math.min(maxBytes, this.#held.length));
  }

  /** So many bytes, or fewer when the stream ends before. */
  async exactly(count: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let missing = count;
    while (missing > 0) {
      const chunk = await this.some(missing);
      if (chunk === undefined) break;
      chunks.push(chunk);
      missing -= chunk.length;
    }
    return Buffer.concat(chunks);
  }

  /** A line without its newline; undefined when the stream ends, or has so many bytes, without one. */
  async line(maxBytes: number): Promise<string | undefined> {
    const chunks: Buffer[] = [];
    let length = 0;
    while (length <= maxBytes && (await this.#fill())) {
      const end = this.#held.indexOf(0x0a);
      const chunk = this.#take(end < 0 ? this.#held.length : end + 1);
      length += chunk.length;
      chunks.push(chunk);
      if (end >= 0) return Buffer.concat(chunks).toString('utf8', 0, length - 1);
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.return?.();
  }

  /** Whether there is at least one more byte. */
  async #fill(): Promise<boolean> {
    while (this.#held.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return false;
      this.#held = asBuffer(next.value);
    }
    return true;
  }

  #take(count: number): Buffer {
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
