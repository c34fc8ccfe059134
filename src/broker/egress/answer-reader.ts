import { type AnswerHead, mayBeAnswer, readAnswerHead, readFields } from './answer-head.ts';
import { type RawHeaders, valuesOf } from './headers.ts';

/** Hears of an answer as it comes. What it throws ends the reading. */
export interface AnswerListener {
  /** 1xx but 101: more is to come. */
  informed(status: number, headers: RawHeaders): void;
  began(status: number, headers: RawHeaders): void;
  data(bytes: Buffer): void;
  ended(trailers: RawHeaders): void;
}

/** It is not HTTP/1.1 that can be read in one way only. */
export class AnswerBroken extends Error {
  override readonly name = 'AnswerBroken';
}

const HEAD_BYTES = 64 * 1024;
/** A size, and what may stand beside it. */
const SIZE_LINE_BYTES = 1024;
/** Hints; nobody has more to say before he answers. */
const MOST_INFORMED = 32;
const SWITCHING = 101;

/** `counted` and `rest` are bodies with a length and without; the others up to `trailers` are of one in chunks. */
type Part = 'head' | 'counted' | 'rest' | 'size' | 'chunk' | 'after chunk' | 'trailers' | 'over';

/** Reads one answer out of the bytes of a connection, to its last byte and no further. */
export class AnswerReader {
  readonly #listener: AnswerListener;
  readonly #isHead: boolean;
  #part: Part = 'head';
  /** Of a line or a head that has not come to its end. */
  #held: Buffer = NOTHING;
  #leftBytes = 0;
  #informed = 0;
  #keepsOpenMs = 0;
  #hasBytes = false;
  #switched: RawHeaders | undefined;

  /** `isHead`: it answers HEAD, and has no body whatever it says. */
  constructor(listener: AnswerListener, isHead: boolean) {
    this.#listener = listener;
    this.#isHead = isHead;
  }

  /** Nothing of it has come. */
  get isEmpty(): boolean {
    return !this.#hasBytes;
  }

  get isOver(): boolean {
    return this.#part === 'over';
  }

  /** Its head has not come to its end. */
  get isAwaited(): boolean {
    return this.#part === 'head';
  }

  /** So long another request may be sent on the same connection when it is over: 0 for not at all, infinite where nothing is said. */
  get keepsOpenMs(): number {
    return this.#keepsOpenMs;
  }

  /** Headers of 101: what follows is another protocol. */
  get switched(): RawHeaders | undefined {
    return this.#switched;
  }

  /** Gives what comes after its end. Errors: `AnswerBroken`, and what the listener throws. */
  push(bytes: Buffer): Buffer {
    this.#hasBytes = true;
    let rest = bytes;
    while (rest.length > 0 && this.#part !== 'over') rest = this.#step(rest);
    return rest;
  }

  /** The connection has ended. Gives whether the answer is whole. */
  close(): boolean {
    if (this.#part === 'rest') this.#finish(NO_TRAILERS);
    return this.#part === 'over';
  }

  #step(bytes: Buffer): Buffer {
    switch (this.#part) {
      case 'head':
        return this.#text(bytes, '\r\n\r\n', HEAD_BYTES, (text) => this.#begin(text));
      case 'size':
        return this.#text(bytes, '\r\n', SIZE_LINE_BYTES, (text) => this.#size(text));
      case 'after chunk':
        return this.#text(bytes, '\r\n', 2, (text) => this.#afterChunk(text));
      case 'trailers':
        return this.#text(bytes, '\r\n\r\n', HEAD_BYTES, (text) => this.#trailers(text));
      case 'rest':
        this.#listener.data(bytes);
        return NOTHING;
      case 'counted':
      case 'chunk':
        return this.#body(bytes);
      case 'over':
        return bytes;
    }
  }

  /** Text up to a mark at its end, which is left out. */
  #text(bytes: Buffer, mark: string, mostBytes: number, read: (text: string) => void): Buffer {
    const held = this.#held.length;
    const all = held === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const end = all.indexOf(mark, Math.max(0, held - mark.length + 1), 'latin1');
    if ((end === -1 ? all.length : end + mark.length) > mostBytes) throw new AnswerBroken(`more than ${mostBytes} bytes without an end`);
    if (end === -1) {
      this.#held = all;
      if (this.#part === 'head' && !mayBeAnswer(all.toString('latin1', 0, 16))) throw new AnswerBroken('it is not HTTP');
      return NOTHING;
    }
    this.#held = NOTHING;
    read(all.toString('latin1', 0, end));
    return all.subarray(end + mark.length);
  }

  #begin(text: string): void {
    const head = readAnswerHead(text);
    if (head === undefined) throw new AnswerBroken('its head is not HTTP');
    const { status, headers } = head;
    if (status === SWITCHING) {
      this.#part = 'over';
      this.#switched = headers;
      return;
    }
    if (status < 200) {
      this.#informed += 1;
      if (this.#informed > MOST_INFORMED) throw new AnswerBroken('it is announced without end');
      this.#listener.informed(status, headers);
      return;
    }
    this.#part = this.#frame(head);
    this.#listener.began(status, headers);
    if (this.#part === 'over') this.#finish(NO_TRAILERS);
  }

  /** RFC 9112, 6.3; where two things are said of a length, none is believed. */
  #frame({ status, minorVersion, headers }: AnswerHead): Part {
    const codings = valuesOf(headers, 'transfer-encoding');
    const lengths = valuesOf(headers, 'content-length');
    if (codings.length > 1 || codings.some((coding) => coding.toLowerCase() !== 'chunked') || (codings.length > 0 && minorVersion === 0)) throw new AnswerBroken('it is coded in a way that was not asked for');
    if (codings.length + lengths.length > 1 || lengths.some((length) => !/^\d{1,15}$/.test(length))) throw new AnswerBroken('its length can be read in two ways');
    this.#keepsOpenMs = minorVersion === 0 ? 0 : keepsOpenMs(headers);
    if (this.#isHead || status === 204 || status === 304) return 'over';
    if (codings.length > 0) return 'size';
    if (lengths.length === 0) {
      this.#keepsOpenMs = 0;
      return 'rest';
    }
    this.#leftBytes = Number(lengths[0]);
    return this.#leftBytes === 0 ? 'over' : 'counted';
  }

  #size(text: string): void {
    const [, digits] = /^([0-9a-fA-F]{1,12})[\t ]*(?:;[\t\u0020-\u007e\u0080-\u00ff]*)?$/.exec(text) ?? [];
    if (digits === undefined) throw new AnswerBroken('a chunk has no size');
    this.#leftBytes = Number.parseInt(digits, 16);
    if (this.#leftBytes > 0) this.#part = 'chunk';
    else {
      this.#part = 'trailers';
      // As if the line before them were theirs: without any, they end at once.
      this.#held = LINE_END;
    }
  }

  #body(bytes: Buffer): Buffer {
    const piece = bytes.length > this.#leftBytes ? bytes.subarray(0, this.#leftBytes) : bytes;
    this.#leftBytes -= piece.length;
    const isLast = this.#leftBytes === 0;
    this.#listener.data(piece);
    if (isLast && this.#part === 'counted') this.#finish(NO_TRAILERS);
    else if (isLast) this.#part = 'after chunk';
    return bytes.subarray(piece.length);
  }

  #afterChunk(text: string): void {
    if (text !== '') throw new AnswerBroken('a chunk is longer than its size');
    this.#part = 'size';
  }

  #trailers(text: string): void {
    const trailers = text === '' ? [] : readFields(text.slice(2).split('\r\n'));
    if (trailers === undefined) throw new AnswerBroken('its trailers are not HTTP');
    this.#finish(trailers);
  }

  #finish(trailers: RawHeaders): void {
    this.#part = 'over';
    this.#listener.ended(trailers);
  }
}

function keepsOpenMs(headers: RawHeaders): number {
  if (valuesOf(headers, 'connection').some((value) => value.split(',').some((token) => token.trim().toLowerCase() === 'close'))) return 0;
  const said = valuesOf(headers, 'keep-alive');
  const seconds = said.length === 0 ? undefined : /(?:^|[,\s])timeout=(\d{1,6})/i.exec(said.join(','))?.[1];
  return seconds === undefined ? Number.POSITIVE_INFINITY : Number(seconds) * 1_000;
}

const NOTHING: Buffer = Buffer.alloc(0);
const LINE_END: Buffer = Buffer.from('\r\n');
const NO_TRAILERS: RawHeaders = [];
