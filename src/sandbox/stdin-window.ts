import { MAX_CHUNK_BYTES, STDIN_WINDOW_BYTES } from './wire/protocol.ts';
import type { SentBulk } from './wire/wire.ts';
import { violation } from './wire/violation.ts';

/** How bytes leave: answers with the copy of them that left; undefined when the way is closed for now, and they stay here. */
export type SendStdin = (offset: number, bytes: Buffer, last: boolean) => SentBulk | undefined;

interface Piece {
  bytes: Buffer;
  /** Called when they are needed no more. */
  readonly taken: () => void;
}

const NOTHING = Buffer.alloc(0);

/** What is to be written to a command: at most a window of it is under way, and that is kept until init has it, so that it can be sent again. */
export class StdinWindow {
  readonly #send: SendStdin;
  /** What may have to be sent again: from `#keptFrom` to `#sent`. */
  #kept: Piece[] = [];
  #keptFrom: number;
  #pending: Piece[] = [];
  #acknowledged = 0;
  #sent: number;
  /** As far as may be sent. */
  #credit: number;
  #ending: (() => void) | undefined;
  #lastSent = false;
  #closed = false;

  /** `from`: bytes that the command has already had, from another host. */
  constructor(send: SendStdin, from = 0) {
    this.#send = send;
    this.#keptFrom = from;
    this.#sent = from;
    this.#credit = from + STDIN_WINDOW_BYTES;
  }

  /** Resolves when the bytes are under way, or when there is nobody left to read them. */
  write(bytes: Buffer): Promise<void> {
    if (this.#closed || this.#ending !== undefined || bytes.length === 0) return Promise.resolve();
    return new Promise((taken) => {
      this.#pending.push({ bytes, taken });
      this.pump();
    });
  }

  /** End of file, after everything that was written. Idempotent. */
  end(): Promise<void> {
    if (this.#closed || this.#ending !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#ending = resolve;
      this.pump();
    });
  }

  /** Sends what the window takes. */
  pump(): void {
    for (let first = this.#pending[0]; first !== undefined; first = this.#pending[0]) {
      const room = Math.min(this.#credit - this.#sent, MAX_CHUNK_BYTES);
      if (room === 0) return;
      // The caller may use its buffer again, and this may have to be sent again.
      const sent = this.#send(this.#sent, first.bytes.subarray(0, room), false);
      if (sent === undefined) return;
      this.#kept.push({ bytes: sent.bytes, taken: () => sent.release() });
      this.#sent += sent.bytes.length;
      first.bytes = first.bytes.subarray(sent.bytes.length);
      if (first.bytes.length > 0) continue;
      this.#pending.shift();
      first.taken();
    }
    if (this.#ending === undefined || this.#lastSent || this.#closed) return;
    this.#lastSent = this.#send(this.#sent, NOTHING, true) !== undefined;
    if (this.#lastSent) this.#ending();
  }

  /** Errors: `wire_violation` for an offset that was never sent, or one that goes back. */
  acknowledge(offset: number, closed: boolean): void {
    if (offset < this.#acknowledged || offset > this.#sent) throw violation('conduct', `stdin acknowledged up to ${offset}, sent up to ${this.#sent}`);
    this.#acknowledged = offset;
    this.#credit = Math.max(this.#credit, offset + STDIN_WINDOW_BYTES);
    this.#forget(offset);
    if (closed) this.close();
    else this.pump();
  }

  /**
   * A new attachment. Init has so many bytes, whether the command has read them or not; the rest is sent again, and a whole window beyond them is
   * promised anew. Errors: `wire_violation`.
   */
  resume(taken: number): void {
    if (taken < this.#keptFrom || taken > this.#sent) throw violation('conduct', `init has ${taken} bytes of stdin, it had ${this.#keptFrom}, sent were ${this.#sent}`);
    this.#forget(taken);
    this.#pending.unshift(...this.#kept);
    this.#kept = [];
    this.#sent = taken;
    this.#credit = taken + STDIN_WINDOW_BYTES;
    this.#lastSent = false;
    this.pump();
  }

  /** Nobody reads any more: whoever waits may go on. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const { taken } of this.#pending) taken();
    for (const { taken } of this.#kept) taken();
    this.#pending = [];
    this.#kept = [];
    this.#ending?.();
  }

  #forget(offset: number): void {
    while (this.#keptFrom < offset) {
      const [first] = this.#kept;
      if (first === undefined) break;
      const gone = Math.min(offset - this.#keptFrom, first.bytes.length);
      this.#keptFrom += gone;
      first.bytes = first.bytes.subarray(gone);
      if (first.bytes.length > 0) continue;
      this.#kept.shift();
      first.taken();
    }
  }
}
