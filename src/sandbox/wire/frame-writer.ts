import { hash } from 'node:crypto';
import { writeU64 } from './fields.ts';
import { FRAME_MAGIC, HEADER_BYTES, KEY_BYTES, MAC_BYTES, MAX_PAYLOAD_BYTES } from './protocol.ts';

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
   * needs to put them together first.
   */
  seal(type: number, flags: number, stream: number, head: Buffer, bulk: Buffer = NOTHING): Buffer {
    const length = head.length + bulk.length;
    if (length > MAX_PAYLOAD_BYTES) throw new RangeError(`a payload of ${length} bytes does not fit a frame`);
    this.#sequence += 1;
    // The key lies before the header in one buffer, so that the MAC is a single call; only what follows the key is sent.
    const macAt = KEY_BYTES + HEADER_BYTES + length;
    const whole = Buffer.allocUnsafe(macAt + MAC_BYTES);
    whole.set(this.#key, 0);
    whole.writeUInt32LE(FRAME_MAGIC, KEY_BYTES);
    whole.writeUInt32LE(length, KEY_BYTES + 4);
    whole.writeUInt32LE(type | (flags << 8), KEY_BYTES + 8);
    whole.writeUInt32LE(stream, KEY_BYTES + 12);
    whole.writeUInt32LE(this.#epoch, KEY_BYTES + 16);
    whole.writeUInt32LE(0, KEY_BYTES + 20);
    writeU64(whole, this.#sequence, KEY_BYTES + 24);
    whole.set(head, KEY_BYTES + HEADER_BYTES);
    whole.set(bulk, KEY_BYTES + HEADER_BYTES + head.length);
    whole.set(mac(whole.subarray(0, macAt)), macAt);
    return whole.subarray(KEY_BYTES);
  }
}

/** The MAC of key ‖ header ‖ payload, laid one after the other. */
export function mac(keyAndFrame: Buffer): Buffer {
  return hash('blake2b512', keyAndFrame, 'buffer').subarray(0, MAC_BYTES);
}
