import { HEADER_BYTES, MAC_BYTES } from './protocol.ts';

/** So much is kept for the next frames at most, in all: two windows of stdin. */
const SPARE_BYTES = 2_097_152;

/** A buffer for a frame that several need: whoever holds it gives it back once. */
export class BulkBuffer {
  readonly bytes: Buffer;
  readonly #unused: (buffer: BulkBuffer) => void;
  #holders = 0;

  constructor(payloadBytes: number, unused: (buffer: BulkBuffer) => void) {
    this.bytes = Buffer.allocUnsafeSlow(HEADER_BYTES + payloadBytes + MAC_BYTES);
    this.#unused = unused;
  }

  /** Where its payload lies, from `at` on. */
  payload(at: number): Buffer {
    return this.bytes.subarray(HEADER_BYTES + at, this.bytes.length - MAC_BYTES);
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
  readonly #payloadBytes: number;
  #spare: BulkBuffer[] = [];
  #isUsed = false;

  constructor(payloadBytes: number) {
    this.#payloadBytes = payloadBytes;
  }

  take(): BulkBuffer {
    this.#isUsed = true;
    return (this.#spare.pop() ?? new BulkBuffer(this.#payloadBytes, (buffer) => this.#keep(buffer))).hold();
  }

  /** To be called now and then: lets go of what nobody has used since the last time. */
  tidy(): void {
    if (!this.#isUsed) this.#spare = [];
    this.#isUsed = false;
  }

  #keep(buffer: BulkBuffer): void {
    if (this.#spare.length * this.#payloadBytes < SPARE_BYTES) this.#spare.push(buffer);
  }
}
