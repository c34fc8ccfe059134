import { writeU64 } from './fields.ts';
import { mac } from './mac.ts';
import { At, FRAME_MAGIC, HEADER_BYTES, MAC_BYTES, MAX_PAYLOAD_BYTES } from './protocol.ts';

const NOTHING = Buffer.alloc(0);

/** Seals frames of one direction and one epoch; the sequence number is its own. */
export class FrameWriter {
  readonly #key: Buffer;
  readonly #epoch: number;
  #sequence: number;

  /** `sequence`: the number of the last frame that was sealed in this epoch. */
  constructor(key: Buffer, epoch: number, sequence = 0) {
    this.#key = key;
    this.#epoch = epoch;
    this.#sequence = sequence;
  }

  /**
   * A whole frame, ready to be sent: frames must be sent in the order in which they were sealed. Its payload is `head` and then `bulk`, so that nobody
   * needs to put them together first. It is laid in `into` where that is given; a `bulk` that lies there already stays where it is.
   */
  seal(type: number, flags: number, stream: number, head: Buffer, bulk: Buffer = NOTHING, into?: Buffer): Buffer {
    const length = head.length + bulk.length;
    if (length > MAX_PAYLOAD_BYTES) throw new RangeError(`a payload of ${length} bytes does not fit a frame`);
    this.#sequence += 1;
    const macAt = HEADER_BYTES + length;
    const whole = into === undefined ? Buffer.allocUnsafe(macAt + MAC_BYTES) : into.subarray(0, macAt + MAC_BYTES);
    whole.writeUInt32LE(FRAME_MAGIC, At.magic);
    whole.writeUInt32LE(length, At.length);
    whole.writeUInt32LE(type | (flags << 8), At.typeAndFlags);
    whole.writeUInt32LE(stream, At.stream);
    whole.writeUInt32LE(this.#epoch, At.epoch);
    whole.writeUInt32LE(0, At.zero);
    writeU64(whole, this.#sequence, At.sequence);
    whole.set(head, HEADER_BYTES);
    const at = HEADER_BYTES + head.length;
    if (bulk.buffer !== whole.buffer || bulk.byteOffset !== whole.byteOffset + at) whole.set(bulk, at);
    whole.set(mac(this.#key, whole.subarray(0, macAt)), macAt);
    return whole;
  }
}
