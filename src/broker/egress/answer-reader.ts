import { type AnswerHead, mayBeAnswer, readAnswerHead } from './answer-head.ts';
import { type BodyListener, BodyReader, type Framing, NO_TRAILERS } from './body-reader.ts';
import { type RawHeaders, valuesOf } from './headers.ts';
import { HeldText, MessageBroken } from './held-text.ts';

/** Hears of an answer as it comes. What it throws ends the reading. */
export interface AnswerListener extends BodyListener {
  /** 1xx but 101: more is to come. */
  informed(status: number, headers: RawHeaders): void;
  began(status: number, headers: RawHeaders): void;
}

const HEAD_BYTES = 64 * 1024;
/** Hints; nobody has more to say before he answers. */
const MOST_INFORMED = 32;
const SWITCHING = 101;

/** Reads one answer out of the bytes of a connection, to its last byte and no further. */
export class AnswerReader {
  readonly #listener: AnswerListener;
  readonly #isHead: boolean;
  readonly #head = new HeldText();
  /** Once its head has come. */
  #body: BodyReader | undefined;
  #isOver = false;
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
    return this.#isOver || this.#body?.isOver === true;
  }

  /** Its head has not come to its end. */
  get isAwaited(): boolean {
    return this.#body === undefined && !this.#isOver;
  }

  /** So long another request may be sent on the same connection when it is over: 0 for not at all, infinite where nothing is said. */
  get keepsOpenMs(): number {
    return this.#keepsOpenMs;
  }

  /** Headers of 101: what follows is another protocol. */
  get switched(): RawHeaders | undefined {
    return this.#switched;
  }

  /** Gives what comes after its end. Errors: `MessageBroken`, and what the listener throws. */
  push(bytes: Buffer): Buffer {
    this.#hasBytes = true;
    let rest = bytes;
    while (rest.length > 0 && this.isAwaited) rest = this.#head.take(rest, '\r\n\r\n', HEAD_BYTES, (text) => this.#begin(text));
    if (this.isAwaited && !mayBeAnswer(this.#head.held.toString('latin1', 0, 16))) throw new MessageBroken('it is not HTTP');
    return this.#body === undefined ? rest : this.#body.push(rest);
  }

  /** The connection has ended. Gives whether the answer is whole. */
  close(): boolean {
    return this.#body === undefined ? this.#isOver : this.#body.close();
  }

  #begin(text: string): void {
    const head = readAnswerHead(text);
    if (head === undefined) throw new MessageBroken('its head is not HTTP');
    const { status, headers } = head;
    if (status === SWITCHING) {
      this.#isOver = true;
      this.#switched = headers;
      return;
    }
    if (status < 200) {
      this.#informed += 1;
      if (this.#informed > MOST_INFORMED) throw new MessageBroken('it is announced without end');
      this.#listener.informed(status, headers);
      return;
    }
    const framing = this.#frame(head);
    if (framing === 0) this.#isOver = true;
    else this.#body = new BodyReader(this.#listener, framing);
    this.#listener.began(status, headers);
    if (framing === 0) this.#listener.ended(NO_TRAILERS);
  }

  /** RFC 9112, 6.3; where two things are said of a length, none is believed. */
  #frame({ status, minorVersion, headers }: AnswerHead): Framing {
    const codings = valuesOf(headers, 'transfer-encoding');
    const lengths = valuesOf(headers, 'content-length');
    if (codings.length > 1 || codings.some((coding) => coding.toLowerCase() !== 'chunked') || (codings.length > 0 && minorVersion === 0)) throw new MessageBroken('it is coded in a way that was not asked for');
    if (codings.length + lengths.length > 1 || lengths.some((length) => !/^\d{1,15}$/.test(length))) throw new MessageBroken('its length can be read in two ways');
    this.#keepsOpenMs = minorVersion === 0 ? 0 : keepsOpenMs(headers);
    if (this.#isHead || status === 204 || status === 304) return 0;
    if (codings.length > 0) return 'chunked';
    if (lengths.length > 0) return Number(lengths[0]);
    this.#keepsOpenMs = 0;
    return 'rest';
  }
}

function keepsOpenMs(headers: RawHeaders): number {
  if (valuesOf(headers, 'connection').some((value) => value.split(',').some((token) => token.trim().toLowerCase() === 'close'))) return 0;
  const said = valuesOf(headers, 'keep-alive');
  const seconds = said.length === 0 ? undefined : /(?:^|[,\s])timeout=(\d{1,6})/i.exec(said.join(','))?.[1];
  return seconds === undefined ? Number.POSITIVE_INFINITY : Number(seconds) * 1_000;
}
