import { readFields } from './answer-head.ts';
import type { RawHeaders } from './headers.ts';
import { HeldText, MessageBroken, NOTHING } from './held-text.ts';

/** Hears of a body as it comes. What it throws ends the reading. */
export interface BodyListener {
  data(bytes: Buffer): void;
  ended(trailers: RawHeaders): void;
}

/** How it is told where a body ends: so many bytes, by itself, or with the connection. */
export type Framing = number | 'chunked' | 'rest';

const TRAILER_BYTES = 64 * 1024;
/** A size, and what may stand beside it. */
const SIZE_LINE_BYTES = 1024;
const SIZE_LINE = /^([0-9a-fA-F]{1,12})[\t ]*(?:;[\t\u0020-\u007e\u0080-\u00ff]*)?$/;

/** `counted` and `rest` are bodies with a length and without; the others up to `trailers` are of one in chunks. */
type Part = 'counted' | 'rest' | 'size' | 'chunk' | 'after chunk' | 'trailers' | 'over';

/** Reads one body out of the bytes of a connection, to its last byte and no further. */
export class BodyReader {
  readonly #listener: BodyListener;
  readonly #text = new HeldText();
  #part: Part;
  #leftBytes: number;

  /** One of no bytes is not over before it is read. */
  constructor(listener: BodyListener, framing: Framing) {
    this.#listener = listener;
    this.#part = framing === 'chunked' ? 'size' : framing === 'rest' ? 'rest' : 'counted';
    this.#leftBytes = typeof framing === 'number' ? framing : 0;
  }

  get isOver(): boolean {
    return this.#part === 'over';
  }

  /** Gives what comes after its end. Errors: `MessageBroken`, and what the listener throws. */
  push(bytes: Buffer): Buffer {
    let rest = bytes;
    while (rest.length > 0 && this.#part !== 'over') rest = this.#step(rest);
    return rest;
  }

  /** The connection has ended. Gives whether the body is whole. */
  close(): boolean {
    if (this.#part === 'rest') this.#finish(NO_TRAILERS);
    return this.#part === 'over';
  }

  #step(bytes: Buffer): Buffer {
    switch (this.#part) {
      case 'size':
        return this.#text.take(bytes, '\r\n', SIZE_LINE_BYTES, (text) => this.#size(text));
      case 'after chunk':
        return this.#text.take(bytes, '\r\n', 2, () => (this.#part = 'size'));
      case 'trailers':
        return this.#text.take(bytes, '\r\n\r\n', TRAILER_BYTES, (text) => this.#trailers(text));
      case 'rest':
        this.#listener.data(bytes);
        return NOTHING;
      case 'counted':
      case 'chunk':
        return this.#bytes(bytes);
      case 'over':
        return bytes;
    }
  }

  #size(text: string): void {
    const [, digits] = SIZE_LINE.exec(text) ?? [];
    if (digits === undefined) throw new MessageBroken('a chunk has no size');
    this.#leftBytes = Number.parseInt(digits, 16);
    if (this.#leftBytes > 0) this.#part = 'chunk';
    else {
      this.#part = 'trailers';
      // As if the line before them were theirs: without any, they end at once.
      this.#text.begin(LINE_END);
    }
  }

  #bytes(bytes: Buffer): Buffer {
    const piece = bytes.length > this.#leftBytes ? bytes.subarray(0, this.#leftBytes) : bytes;
    this.#leftBytes -= piece.length;
    const isLast = this.#leftBytes === 0;
    this.#listener.data(piece);
    if (isLast && this.#part === 'counted') this.#finish(NO_TRAILERS);
    else if (isLast) this.#part = 'after chunk';
    return bytes.subarray(piece.length);
  }

  #trailers(text: string): void {
    const trailers = text === '' ? NO_TRAILERS : readFields(text.slice(2).split('\r\n'));
    if (trailers === undefined) throw new MessageBroken('its trailers are not HTTP');
    this.#finish(trailers);
  }

  #finish(trailers: RawHeaders): void {
    this.#part = 'over';
    this.#listener.ended(trailers);
  }
}

const LINE_END: Buffer = Buffer.from('\r\n');
export const NO_TRAILERS: RawHeaders = [];
