/** It is not HTTP/1.1 that can be read in one way only. */
export class MessageBroken extends Error {
  override readonly name = 'MessageBroken';
}

export const NOTHING: Buffer = Buffer.alloc(0);

/** Text of a connection up to a mark, however it is cut into pieces. */
export class HeldText {
  #held: Buffer = NOTHING;

  /** What has come of a text that has not come to its end. */
  get held(): Buffer {
    return this.#held;
  }

  /** As if these had come before. */
  begin(bytes: Buffer): void {
    this.#held = bytes;
  }

  /** Tells `read` the text without its mark, in latin1, once it is whole; gives what follows. Errors: `MessageBroken` where it is too long, and what `read` throws. */
  take(bytes: Buffer, mark: string, mostBytes: number, read: (text: string) => void): Buffer {
    const held = this.#held.length;
    const all = held === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const end = all.indexOf(mark, Math.max(0, held - mark.length + 1), 'latin1');
    if ((end === -1 ? all.length : end + mark.length) > mostBytes) throw new MessageBroken(`more than ${mostBytes} bytes without an end`);
    if (end === -1) {
      this.#held = all;
      return NOTHING;
    }
    this.#held = NOTHING;
    read(all.toString('latin1', 0, end));
    return all.subarray(end + mark.length);
  }
}
