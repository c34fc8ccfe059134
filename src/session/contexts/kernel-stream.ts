/** What a kernel said that it cannot say. */
export class KernelViolation extends Error {}

/** Of a channel: what the code wrote, and what the kernel says in between. */
export type KernelItem = { readonly bytes: Buffer } | { readonly message: string };

/** Length in four hexadecimal digits, and whether it is the last piece of its message. */
const HEAD_BYTES = 5;
const HEAD = /^[0-9a-f]{4}[+.]$/;

/**
 * Takes one channel of an interpreter apart: docs/contexts.md. The kernel writes each piece of a message at once, so that it is whole wherever it
 * stands; everything else is the code's. Holds at most a message and the beginning of a mark.
 */
export class KernelStream {
  readonly #mark: Buffer;
  readonly #maxMessageBytes: number;
  #held = Buffer.alloc(0);
  #pieces: Buffer[] = [];
  #pieceBytes = 0;

  /** Only whoever knows the token can speak: the kernel, and the code that shares its process. */
  constructor(token: string, maxMessageBytes: number) {
    this.#mark = Buffer.from(`\0gbx:${token}:`);
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Errors: `KernelViolation` for a piece or a message that cannot be. */
  push(bytes: Buffer): KernelItem[] {
    const items: KernelItem[] = [];
    // A copy: what comes from the wire may be used again.
    this.#held = Buffer.concat([this.#held, bytes]);
    for (;;) {
      const at = this.#held.indexOf(this.#mark);
      this.#giveBytes(at === -1 ? this.#held.length - this.#beginningOfMark() : at, items);
      if (at === -1 || !this.#takePiece(items)) return items;
    }
  }

  /** What was held because it might have been the beginning of something, when there is no more to come. */
  flush(): Buffer {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return rest;
  }

  #giveBytes(length: number, items: KernelItem[]): void {
    if (length === 0) return;
    items.push({ bytes: this.#held.subarray(0, length) });
    this.#held = this.#held.subarray(length);
  }

  /** Whether a whole piece stood at the front. */
  #takePiece(items: KernelItem[]): boolean {
    const begin = this.#mark.length + HEAD_BYTES;
    if (this.#held.length < begin) return false;
    const head = this.#held.toString('latin1', this.#mark.length, begin);
    if (!HEAD.test(head)) throw new KernelViolation('a piece without a length');
    const end = begin + Number.parseInt(head, 16);
    if (this.#held.length < end) return false;
    this.#pieces.push(this.#held.subarray(begin, end));
    this.#pieceBytes += end - begin;
    this.#held = this.#held.subarray(end);
    if (this.#pieceBytes > this.#maxMessageBytes) throw new KernelViolation(`a message of more than ${this.#maxMessageBytes} bytes`);
    // Empty pieces that never end would cost as much as large ones.
    if (end === begin) throw new KernelViolation('an empty piece');
    if (head.endsWith('+')) return true;
    items.push({ message: Buffer.concat(this.#pieces).toString('utf8') });
    this.#pieces = [];
    this.#pieceBytes = 0;
    return true;
  }

  /** How many of the last bytes may be the first of a mark. */
  #beginningOfMark(): number {
    const most = Math.min(this.#held.length, this.#mark.length - 1);
    for (let length = most; length > 0; length--) {
      if (this.#held.subarray(this.#held.length - length).equals(this.#mark.subarray(0, length))) return length;
    }
    return 0;
  }
}
