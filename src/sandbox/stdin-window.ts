import type { BulkBuffer } from './wire/bulk-buffers.ts';
import { MAX_CHUNK_BYTES, STDIN_HEAD_BYTES, STDIN_WINDOW_BYTES } from './wire/protocol.ts';
import type { SentBulk } from './wire/wire.ts';
import { violation } from './wire/violation.ts';

/** How bytes leave. */
export interface StdinWay {
  /** Answers with the copy of them that left; undefined when the way is closed for now, and they stay here. Of a draft it is what was put together there. */
  send(offset: number, bytes: Buffer, options: { readonly last?: boolean; readonly draft?: BulkBuffer | undefined }): SentBulk | undefined;
  /** A buffer to put a longer chunk together in; undefined where there can be none. */
  draft(): BulkBuffer | undefined;
}

interface Piece {
  bytes: Buffer;
  /** It was long, whatever is left of it. */
  readonly isLong?: boolean;
  /** Called when they are needed no more. */
  readonly taken: () => void;
}

/** What is put together until it is full, the next turn comes, or the way opens: one long chunk costs both sides less than several short ones. */
interface Draft {
  readonly buffer: BulkBuffer;
  /** Where its bytes go. */
  readonly room: Buffer;
  length: number;
}

/** A command that was sent so much may be sent much more: its long pieces leave together. */
const MUCH_BYTES = MAX_CHUNK_BYTES;
const LONG_BYTES = 8_192;
const NOTHING = Buffer.alloc(0);

/** What is to be written to a command: at most a window of it is under way, and that is kept until init has it, so that it can be sent again. */
export class StdinWindow {
  readonly #way: StdinWay;
  /** What may have to be sent again: from `#keptFrom` to `#sent`. */
  #kept: Piece[] = [];
  #keptFrom: number;
  /** Follows what was sent. */
  #draft: Draft | undefined;
  #leavesNextTurn = false;
  #pending: Piece[] = [];
  #acknowledged = 0;
  #sent: number;
  /** As far as may be sent. */
  #credit: number;
  #ending: (() => void) | undefined;
  #lastSent = false;
  #closed = false;

  /** `from`: bytes that the command has already had, from another host. */
  constructor(way: StdinWay, from = 0) {
    this.#way = way;
    this.#keptFrom = from;
    this.#sent = from;
    this.#credit = from + STDIN_WINDOW_BYTES;
  }

  /** Resolves when the bytes are under way or lie ready to be, so that the caller may use its buffer again, or when there is nobody left to read them. */
  write(bytes: Buffer): Promise<void> {
    if (this.#closed || this.#ending !== undefined || bytes.length === 0) return Promise.resolve();
    return new Promise((taken) => {
      this.#pending.push({ bytes, taken, isLong: bytes.length >= LONG_BYTES });
      if (this.#pending.length === 1) this.#takePending();
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
    this.#sendDraft();
    this.#takePending();
    this.#finish();
  }

  /** Errors: `wire_violation` for an offset that was never sent, or one that goes back. */
  acknowledge(offset: number, closed: boolean): void {
    if (offset < this.#acknowledged || offset > this.#sent) throw violation('conduct', `stdin acknowledged up to ${offset}, sent up to ${this.#sent}`);
    this.#acknowledged = offset;
    this.#credit = Math.max(this.#credit, offset + STDIN_WINDOW_BYTES);
    this.#forget(offset);
    if (closed) {
      this.close();
      return;
    }
    this.#takePending();
    this.#finish();
  }

  /**
   * A new attachment. Init has so many bytes, whether the command has read them or not; the rest is sent again, within the window beyond what
   * was acknowledged. Errors: `wire_violation`.
   */
  resume(taken: number): void {
    if (taken < this.#keptFrom || taken > this.#sent) throw violation('conduct', `init has ${taken} bytes of stdin, it had ${this.#keptFrom}, sent were ${this.#sent}`);
    this.#forget(taken);
    this.#pending.unshift(...this.#kept, ...this.#takenBack());
    this.#kept = [];
    this.#sent = taken;
    this.#credit = Math.max(taken, this.#acknowledged + STDIN_WINDOW_BYTES);
    this.#lastSent = false;
    this.pump();
  }

  /** Nobody reads any more: whoever waits may go on. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const { taken } of [...this.#takenBack(), ...this.#pending]) taken();
    for (const { taken } of this.#kept) taken();
    this.#pending = [];
    this.#kept = [];
    this.#ending?.();
  }

  #takePending(): void {
    for (let first = this.#pending[0]; first !== undefined; first = this.#pending[0]) {
      const count = this.#take(first);
      if (count === 0) break;
      first.bytes = first.bytes.subarray(count);
      if (first.bytes.length > 0) continue;
      this.#pending.shift();
      first.taken();
    }
  }

  /** Where all has been taken, and the end follows it. */
  #finish(): void {
    if (this.#ending === undefined || this.#lastSent || this.#closed || this.#pending.length > 0) return;
    this.#sendDraft();
    if (this.#draft !== undefined) return;
    this.#lastSent = this.#way.send(this.#sent, NOTHING, { last: true }) !== undefined;
    if (this.#lastSent) this.#ending();
  }

  /** How many of them are under way now, or lie ready to be. */
  #take({ bytes, isLong = false }: Piece): number {
    const credit = this.#credit - this.#sent - (this.#draft?.length ?? 0);
    if (credit === 0) return 0;
    // The caller may use its buffer again, and this may have to be sent again.
    if (this.#draft === undefined && (this.#sent < MUCH_BYTES || !isLong || !this.#begin())) {
      const sent = this.#way.send(this.#sent, bytes.subarray(0, Math.min(credit, MAX_CHUNK_BYTES)), {});
      if (sent !== undefined) return this.#went(sent);
    }
    if (this.#draft === undefined && !this.#begin()) return 0;
    return this.#gather(bytes.subarray(0, credit));
  }

  #begin(): boolean {
    const buffer = this.#way.draft();
    if (buffer === undefined) return false;
    this.#draft = { buffer, room: buffer.payload(STDIN_HEAD_BYTES), length: 0 };
    if (!this.#leavesNextTurn) {
      this.#leavesNextTurn = true;
      setImmediate(() => {
        this.#leavesNextTurn = false;
        this.pump();
      });
    }
    return true;
  }

  /** As many as the draft takes; a full one is sent where that can be. */
  #gather(bytes: Buffer): number {
    const draft = this.#draft;
    if (draft === undefined) return 0;
    const count = bytes.copy(draft.room, draft.length);
    draft.length += count;
    if (draft.length === draft.room.length) this.#sendDraft();
    return count;
  }

  #sendDraft(): void {
    const draft = this.#draft;
    if (draft === undefined) return;
    // What is kept until it was read is no buffer of this size for a few bytes.
    const isLittle = draft.length <= MAX_CHUNK_BYTES;
    const sent = this.#way.send(this.#sent, draft.room.subarray(0, draft.length), isLittle ? {} : { draft: draft.buffer });
    if (sent === undefined) return;
    if (isLittle) draft.buffer.release();
    this.#draft = undefined;
    this.#went(sent);
  }

  #went({ bytes, release }: SentBulk): number {
    this.#kept.push({ bytes, taken: release });
    this.#sent += bytes.length;
    return bytes.length;
  }

  /** The draft, as bytes like others. */
  #takenBack(): Piece[] {
    const draft = this.#draft;
    this.#draft = undefined;
    return draft === undefined ? [] : [{ bytes: draft.room.subarray(0, draft.length), taken: () => draft.buffer.release() }];
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
