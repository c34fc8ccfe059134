import type { CallEvent } from '../../contracts/index.ts';

type Output = 'stdout' | 'stderr';

/** With more than this waiting, output is put together even where the order of the two channels is lost: a byte must not cost us a hundred. */
const MANY_EVENTS = 1024;

/** What the code wrote, growing until it is read. */
interface Piece {
  readonly type: Output;
  buffer: Buffer;
  length: number;
  isRead: boolean;
}

/** Events of a call until somebody reads them. How much there is is the call's to bound. Once only. */
export class CallEvents implements AsyncIterable<CallEvent> {
  #waiting: (CallEvent | Piece)[] = [];
  #next = 0;
  readonly #last: Partial<Record<Output, Piece>> = {};
  #wake: (() => void) | undefined;
  #ended = false;
  #left = false;

  /** Nothing comes after `end`. */
  push(event: CallEvent): void {
    if (this.#ended) return;
    this.#ended = event.type === 'end';
    if (!this.#left) this.#waiting.push(event);
    this.#wake?.();
  }

  write(type: Output, bytes: Buffer): void {
    if (this.#ended || this.#left || bytes.length === 0) return;
    const last = this.#last[type];
    const joins = last?.isRead === false && (this.#waiting.at(-1) === last || this.#waiting.length - this.#next > MANY_EVENTS);
    if (joins) append(last, bytes);
    else {
      const piece: Piece = { type, buffer: Buffer.from(bytes), length: bytes.length, isRead: false };
      this.#last[type] = piece;
      this.#waiting.push(piece);
    }
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<CallEvent, undefined> {
    try {
      for (;;) {
        const next = this.#take();
        if (next !== undefined) yield next;
        else if (this.#ended) return undefined;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#left = true;
      this.#waiting = [];
    }
  }

  #take(): CallEvent | undefined {
    const next = this.#waiting[this.#next];
    if (next === undefined) return undefined;
    this.#next += 1;
    // Taking from the front of a long array moves all of it.
    if (this.#next > MANY_EVENTS) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
    if (!('buffer' in next)) return next;
    next.isRead = true;
    return { type: next.type, bytes: next.buffer.subarray(0, next.length) };
  }
}

function append(piece: Piece, bytes: Buffer): void {
  if (piece.length + bytes.length > piece.buffer.length) {
    const larger = Buffer.alloc(Math.max(piece.buffer.length * 2, piece.length + bytes.length));
    piece.buffer.copy(larger, 0, 0, piece.length);
    piece.buffer = larger;
  }
  piece.length += bytes.copy(piece.buffer, piece.length);
}
