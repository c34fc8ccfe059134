/** Length of what follows, in bytes, big-endian. */
const HEADER_BYTES = 4;

/** One message as it goes over the pipe: its length, then its JSON in UTF-8. */
export function frameOf(message: object): Buffer {
  const text = JSON.stringify(message);
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.writeUInt32BE(length, 0);
  frame.write(text, HEADER_BYTES);
  return frame;
}

/** Cuts what comes into messages, each JSON that nobody has looked at yet. */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #held = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The messages that are complete now. Errors: `RangeError` for one that is too long, before it is kept; `SyntaxError` for what is no JSON. */
  *push(bytes: Buffer): Generator<unknown> {
    this.#chunks.push(bytes);
    this.#held += bytes.length;
    while (this.#held >= HEADER_BYTES) {
      const length = this.#join(HEADER_BYTES).readUInt32BE(0);
      if (length > this.#maxBytes) throw new RangeError(`a message of ${length} bytes is longer than ${this.#maxBytes}`);
      const end = HEADER_BYTES + length;
      if (this.#held < end) return;
      const all = this.#join(end);
      const rest = all.subarray(end);
      this.#chunks = rest.length === 0 ? [] : [rest];
      this.#held = rest.length;
      yield JSON.parse(all.toString('utf8', HEADER_BYTES, end)) as unknown;
    }
  }

  /** What is held, with at least so many bytes in one piece at its start. */
  #join(bytes: number): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= bytes) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}
