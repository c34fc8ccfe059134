import { timingSafeEqual } from 'node:crypto';
import { BulkPieces } from './bulk-pieces.ts';
import { isU64 } from './fields.ts';
import { checkShape } from './frame-shape.ts';
import { mac } from './mac.ts';
import { At, FRAME_MAGIC, FromGuest, HEADER_BYTES, HELLO_BYTES, HELLO_PAYLOAD_BYTES, MAC_BYTES, MAX_PAYLOAD_BYTES, NONCE_BYTES, OUTPUT_HEAD_BYTES } from './protocol.ts';
import { violation } from './violation.ts';

/** An authentic frame. The payload is a view that holds until the next frame is read: copy what is kept. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
  /** Where a long OUTPUT or DATA goes on after its payload. Nobody changes these bytes, so they may be kept as they are. */
  readonly bulk: readonly Buffer[];
}

const MAGIC = Buffer.from('GBX1', 'latin1');

/** Enough for whatever a sandbox says that is idle or runs short commands. */
const SHORT_BYTES = 4096;
const WHOLE_BYTES = HEADER_BYTES + MAX_PAYLOAD_BYTES + MAC_BYTES;
/** What of a long frame's payload is put together, where the rest is bytes that are handed on as they came; by type. */
const BULK_HEAD_BYTES: ReadonlyMap<number, number> = new Map([
  [FromGuest.output, OUTPUT_HEAD_BYTES],
  [FromGuest.data, 0],
]);

/**
 * Reads what init sends in one epoch, however the bytes are cut. At first it hunts: everything is thrown away until a `HELLO` with a valid
 * MAC, our epoch and our nonce; from there on each frame must be right.
 */
export class FrameReader {
  readonly #key: Buffer;
  readonly #epoch: number;
  readonly #nonce: Buffer;
  readonly #onFrame: (frame: Frame) => void;
  readonly #onSuperseded: () => void;
  /** The frame that is being put together. It is short until a long frame comes. */
  #buffer = Buffer.allocUnsafeSlow(SHORT_BYTES);
  #filled = 0;
  readonly #bulk = new BulkPieces();
  #sequence = 0;
  #hunting = true;

  constructor(options: {
    readonly key: Buffer;
    readonly epoch: number;
    readonly nonce: Buffer;
    readonly onFrame: (frame: Frame) => void;
    /** An authentic frame of a higher epoch: somebody else has attached, and the sandbox is theirs. */
    readonly onSuperseded: () => void;
  }) {
    this.#key = options.key;
    this.#epoch = options.epoch;
    this.#nonce = options.nonce;
    this.#onFrame = options.onFrame;
    this.#onSuperseded = options.onSuperseded;
  }

  /** Takes the next bytes and hands out every frame that they complete. Errors: `wire_violation`; the reader must not be used again. */
  push(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0) rest = this.#hunting ? this.#hunt(rest) : this.#read(rest);
  }

  /** Looks for the hello: at most its own size is held back, and nothing is waited for but the end of a candidate. */
  #hunt(bytes: Buffer): Buffer {
    const window = this.#filled === 0 ? bytes : Buffer.concat([this.#buffer.subarray(0, this.#filled), bytes]);
    this.#filled = 0;
    let at = window.indexOf(MAGIC);
    for (; at !== -1 && window.length - at >= HELLO_BYTES; at = window.indexOf(MAGIC, at + 1)) {
      this.#buffer.set(window.subarray(at, at + HELLO_BYTES), 0);
      if (!this.#isHello()) continue;
      this.#hunting = false;
      this.#sequence = 1;
      this.#deliver(HELLO_PAYLOAD_BYTES, HEADER_BYTES + HELLO_PAYLOAD_BYTES);
      return window.subarray(at + HELLO_BYTES);
    }
    const tail = window.subarray(at === -1 ? Math.max(0, window.length - MAGIC.length + 1) : at);
    this.#buffer.set(tail, 0);
    this.#filled = tail.length;
    return bytes.subarray(bytes.length);
  }

  #isHello(): boolean {
    const b = this.#buffer;
    return (
      b.readUInt32LE(At.length) === HELLO_PAYLOAD_BYTES &&
      b.readUInt32LE(At.typeAndFlags) === FromGuest.hello &&
      b.readUInt32LE(At.stream) === 0 &&
      b.readUInt32LE(At.epoch) === this.#epoch &&
      b.readUInt32LE(At.zero) === 0 &&
      b.readUInt32LE(At.sequence) === 1 &&
      b.readUInt32LE(At.sequence + 4) === 0 &&
      b.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES).equals(this.#nonce) &&
      this.#macFits(HEADER_BYTES + HELLO_PAYLOAD_BYTES)
    );
  }

  /** Takes bytes of one frame; what it does not need is returned. Refuses as early as it can, so that nobody waits for a frame that cannot be. */
  #read(bytes: Buffer): Buffer {
    if (this.#filled < HEADER_BYTES) {
      const taken = this.#take(bytes, HEADER_BYTES);
      if (this.#filled >= At.length && this.#buffer.readUInt32LE(At.magic) !== FRAME_MAGIC) throw violation('magic', 'a frame that does not begin as one');
      if (this.#filled >= At.typeAndFlags && this.#buffer.readUInt32LE(At.length) > MAX_PAYLOAD_BYTES) throw violation('length', 'a frame longer than the limit');
      return bytes.subarray(taken);
    }
    const length = this.#buffer.readUInt32LE(At.length);
    const bulkHead = length > SHORT_BYTES ? BULK_HEAD_BYTES.get(this.#buffer.readUInt8(At.typeAndFlags)) : undefined;
    if (bulkHead !== undefined) return this.#readBulk(bytes, length, bulkHead);
    const end = HEADER_BYTES + length + MAC_BYTES;
    if (end > this.#buffer.length) this.#lengthen();
    const taken = this.#take(bytes, end);
    if (this.#filled === end) this.#check(length, HEADER_BYTES + length);
    return bytes.subarray(taken);
  }

  #readBulk(bytes: Buffer, length: number, headBytes: number): Buffer {
    const missing = length - headBytes - this.#bulk.length;
    const macAt = HEADER_BYTES + headBytes;
    if (this.#filled < macAt) return bytes.subarray(this.#take(bytes, macAt));
    if (missing > 0) {
      this.#bulk.add(bytes.subarray(0, missing));
      return bytes.subarray(Math.min(missing, bytes.length));
    }
    const taken = this.#take(bytes, macAt + MAC_BYTES);
    if (this.#filled === macAt + MAC_BYTES) this.#check(length, macAt);
    return bytes.subarray(taken);
  }

  #lengthen(): void {
    const short = this.#buffer;
    this.#buffer = Buffer.allocUnsafeSlow(WHOLE_BYTES);
    short.copy(this.#buffer, 0, 0, this.#filled);
  }

  #take(bytes: Buffer, upTo: number): number {
    const count = Math.min(upTo - this.#filled, bytes.length);
    bytes.copy(this.#buffer, this.#filled, 0, count);
    this.#filled += count;
    return count;
  }

  /** The order is the protocol's: MAC, epoch, sequence, zero fields, and then the frame's shape. */
  #check(length: number, macAt: number): void {
    const bulk = this.#bulk.drain();
    if (!this.#macFits(macAt, bulk)) throw violation('mac', 'a frame with a wrong MAC');
    this.#filled = 0;
    const epoch = this.#buffer.readUInt32LE(At.epoch);
    if (epoch < this.#epoch) return;
    if (epoch > this.#epoch) {
      this.#onSuperseded();
      return;
    }
    const due = this.#sequence + 1;
    if (!isU64(this.#buffer, At.sequence, due)) throw violation('sequence', `another frame than number ${due}, which was due`);
    this.#sequence = due;
    if (this.#buffer.readUInt16LE(At.typeAndFlags + 2) !== 0 || this.#buffer.readUInt32LE(At.zero) !== 0) throw violation('reserved', 'a header with bytes that must be zero');
    this.#deliver(length, macAt, bulk);
  }

  #macFits(macAt: number, bulk: readonly Buffer[] = []): boolean {
    return timingSafeEqual(mac(this.#key, this.#buffer.subarray(0, macAt), bulk), this.#buffer.subarray(macAt, macAt + MAC_BYTES));
  }

  #deliver(length: number, macAt: number, bulk: readonly Buffer[] = []): void {
    const type = this.#buffer.readUInt8(At.typeAndFlags);
    const flags = this.#buffer.readUInt8(At.typeAndFlags + 1);
    const stream = this.#buffer.readUInt32LE(At.stream);
    checkShape(type, flags, stream, length);
    this.#onFrame({
      type,
      flags,
      stream,
      payload: this.#buffer.subarray(HEADER_BYTES, macAt),
      bulk,
    });
  }
}
