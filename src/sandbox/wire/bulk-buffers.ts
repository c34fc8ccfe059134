import { HEADER_BYTES, MAC_BYTES, MAX_CHUNK_BYTES } from './protocol.ts';

/** A whole chunk with what stands before and after it. */
const BULK_BYTES = HEADER_BYTES + 16 + MAX_CHUNK_BYTES + MAC_BYTES;
/** Two windows of stdin. */
const MOST_SPARE = 32;

/** A buffer that several need: whoever holds it gives it back once. */
export class BulkBuffer {
  readonly bytes = Buffer.allocUnsafeSlow(BULK_BYTES);
  readonly #unused: (buffer: BulkBuffer) => void;
  #holders = 0;

  constructor(unused: (buffer: BulkBuffer) => void) {
    this.#unused = unused;
  }

  hold(): this {
    this.#holders += 1;
    return this;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#unused(this);
  }
}

/** Buffers for long frames, used again and again: one of its own for each would have the garbage collector walk the heap every few hundred frames. */
export class BulkBuffers {
  #spare: BulkBuffer[] = [];
  #isUsed = false;

  take(): BulkBuffer {
    this.#isUsed = true;
    return this.#spare.pop() ?? new BulkBuffer((buffer) => this.#keep(buffer));
  }

  /** To be called now and then: lets go of what nobody has used since the last time. */
  tidy(): void {
    if (!this.#isUsed) this.#spare = [];
    this.#isUsed = false;
  }

  #keep(buffer: BulkBuffer): void {
    if (this.#spare.length < MOST_SPARE) this.#spare.push(buffer);
  }
}
