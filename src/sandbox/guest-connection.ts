import { Duplex } from 'node:stream';
import type { Frame } from './wire/frame-reader.ts';
import { decodeCredit } from './wire/messages-from-guest.ts';
import { encodeCredit } from './wire/messages-to-guest.ts';
import { FromGuest, LAST_FLAG, MAX_CHUNK_BYTES, ToGuest } from './wire/protocol.ts';
import { violation } from './wire/violation.ts';
import type { Wire } from './wire/wire.ts';

export interface GuestConnectionOptions {
  readonly wire: Wire;
  readonly stream: number;
  /** Bytes that may be sent to the program at first. */
  readonly credit: number;
  /** Bytes of the program's that may be under way to whoever reads. */
  readonly windowBytes: number;
  /** Both ends have said their last word. */
  readonly over: () => void;
}

type Written = (error?: Error | null) => void;

const NOTHING = Buffer.alloc(0);

/** Our end of a connection that a program opened. Reading it is what gives the program credit to send more. */
export class GuestConnection extends Duplex {
  readonly #options: GuestConnectionOptions;
  #credit: number;
  #sent = 0;
  #pending: { bytes: Buffer; readonly written: Written } | undefined;
  #granted = 0;
  #received = 0;
  #ended = false;
  #guestEnded = false;
  /** The last word of each end. */
  #closed = false;
  #guestClosed = false;

  constructor(options: GuestConnectionOptions) {
    super({ allowHalfOpen: true });
    this.#options = options;
    this.#credit = options.credit;
    // A program that goes away is everyday life, and must not end us where nobody listens.
    this.on('error', () => undefined);
  }

  /** Errors: `wire_violation`. */
  receive(frame: Frame): void {
    if (this.#guestClosed) throw violation('conduct', `a frame of type ${frame.type} on a connection that init has closed`);
    switch (frame.type) {
      case FromGuest.data:
        return this.#receiveData(frame);
      case FromGuest.credit:
        return this.#receiveCredit(decodeCredit(frame));
      case FromGuest.close:
        return this.#receiveClose();
      default:
        throw violation('type', `a frame of the unknown type ${frame.type}`);
    }
  }

  /** Sends what there is to send, as far as there is credit. */
  pump(): void {
    const { wire, stream } = this.#options;
    while (this.#pending !== undefined && !this.destroyed) {
      const { bytes, written } = this.#pending;
      const room = Math.min(this.#credit - this.#sent, MAX_CHUNK_BYTES);
      if (room === 0 || !wire.hasRoom(this)) return;
      const piece = bytes.subarray(0, room);
      wire.sendBulk(ToGuest.data, stream, NOTHING, piece)?.release();
      this.#sent += piece.length;
      this.#pending = piece.length < bytes.length ? { bytes: bytes.subarray(piece.length), written } : undefined;
      if (this.#pending === undefined) written();
    }
  }

  /** The program, or the way to it, is gone. */
  reset(): void {
    this.destroy(Object.assign(new Error('the connection was reset from within the sandbox'), { code: 'ECONNRESET' }));
  }

  override read(size?: number): unknown {
    // The type of a stream's `read` is any; what it answers is passed on as it is.
    const chunk: unknown = super.read(size);
    this.#grant();
    return chunk;
  }

  override _read(): void {
    // What there is was pushed when it came; see `read`.
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, written: Written): void {
    if (bytes.length === 0) {
      written();
      return;
    }
    this.#pending = { bytes, written };
    this.pump();
  }

  override _final(done: Written): void {
    this.#ended = true;
    this.#options.wire.send(ToGuest.data, this.#options.stream, NOTHING, LAST_FLAG);
    done();
  }

  override _destroy(error: Error | null, done: Written): void {
    this.#close();
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.written(error ?? new Error('the connection was destroyed'));
    done(error);
  }

  #receiveData({ payload, bulk, flags }: Frame): void {
    const bytes = payload.length + bulk.reduce((sum, piece) => sum + piece.length, 0);
    const last = flags === LAST_FLAG;
    if (this.#guestEnded || (bytes === 0 && !last)) throw violation('conduct', 'DATA after its end, or of nothing');
    this.#received += bytes;
    if (this.#received > this.#granted) throw violation('conduct', `DATA up to ${this.#received}, credit was up to ${this.#granted}`);
    this.#guestEnded = last;
    // The payload is a view that holds until the next frame. Whoever is given a piece may destroy us.
    if (payload.length > 0 && !this.destroyed) this.push(Buffer.from(payload));
    for (const piece of bulk) if (!this.destroyed) this.push(piece);
    if (last && !this.destroyed) this.push(null);
    this.#grant();
  }

  #receiveCredit(offset: number): void {
    if (offset < this.#credit) throw violation('conduct', `CREDIT up to ${offset} after ${this.#credit}`);
    this.#credit = offset;
    this.pump();
  }

  #receiveClose(): void {
    this.#guestClosed = true;
    if (!this.#ended || !this.#guestEnded) this.reset();
    this.#close();
    this.#options.over();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.wire.send(ToGuest.close, this.#options.stream, NOTHING);
  }

  /** Whoever has read makes room for more. In pieces: a word for each read would cost more than the read. */
  #grant(): void {
    const { wire, stream, windowBytes } = this.#options;
    const due = this.#received - this.readableLength + windowBytes;
    if (this.destroyed || this.#guestEnded || due - this.#granted < windowBytes / 4) return;
    this.#granted = due;
    wire.send(ToGuest.credit, stream, encodeCredit(due));
  }
}
