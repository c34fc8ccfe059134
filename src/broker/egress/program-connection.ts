import { type Duplex, Readable } from 'node:stream';
import { hasTrailers, type Origin } from './asked.ts';
import { answerRaw } from './answers.ts';
import { BodyReader } from './body-reader.ts';
import { Deadline } from './deadline.ts';
import { HeldText, MessageBroken, NOTHING } from './held-text.ts';
import { linger } from './linger.ts';
import { ProgramAnswer } from './program-answer.ts';
import { EgressRefusal } from './refusal.ts';
import { framingOf, isLast, isWebSocket, mayBeRequest, readRequestHead, type RequestHead } from './request-head.ts';

/** One request, to be answered. */
export interface Arrived {
  readonly request: RequestHead;
  /** Undefined where none follows the head. What is wrong with it is its error, an `EgressRefusal`. */
  readonly body: Readable | undefined;
  readonly answer: ProgramAnswer;
  /** Undefined where it came to the proxy. */
  readonly origin: Origin | undefined;
  /** The connection, where it is to become something else than HTTP; what follows the head is in it. Where that comes to nothing, it is answered like any other. */
  readonly upgrade?: Duplex;
}

export interface ProgramListener {
  arrived(arrived: Arrived): void;
  /** CONNECT to the proxy; `stream` begins after its head, and is nobody's yet. */
  connect(authority: string, stream: Duplex): void;
  /** What came is no HTTP; the connection is ended. */
  refused(refusal: EgressRefusal, origin: Origin | undefined): void;
}

interface ProgramConnectionOptions {
  readonly listener: ProgramListener;
  readonly origin: Origin | undefined;
  /** For all headers of a request, from the first byte of the connection and from the end of each answer on. */
  readonly headMs: number;
}

interface Exchange {
  readonly answer: ProgramAnswer;
  /** Undefined where there is none. */
  readonly body?: { readonly reader: BodyReader; readonly bytes: Readable };
  isAnswered: boolean;
}

const HEADER_BYTES = 32 * 1024;
/** By so many of a head it shows whether it is one: it may trickle, and is not read anew from its beginning each time. */
const TELLING_BYTES = 256;
const GONE = 'the program is gone';

/** HTTP/1.1 with a program, one request after the other, on a connection that nobody listened for: from its next byte on. Whatever is not as it should be ends it. */
export class ProgramConnection {
  readonly #stream: Duplex;
  readonly #options: ProgramConnectionOptions;
  readonly #late: Deadline;
  readonly #head = new HeldText();
  #exchange: Exchange | undefined;
  /** What a program sent before it was answered. */
  #next: Buffer = NOTHING;

  constructor(stream: Duplex, options: ProgramConnectionOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#late = new Deadline(() => stream.destroy());
    this.#late.start(options.headMs);
    stream.on('data', this.#received).on('end', this.#ended).once('close', this.#closed).on('error', () => {});
    stream.resume();
  }

  readonly #received = (bytes: Buffer): void => {
    try {
      const rest = this.#exchange === undefined ? this.#readHead(bytes) : (this.#exchange.body?.reader.push(bytes) ?? bytes);
      if (rest.length > 0) this.#hold(rest);
      if (this.#exchange?.isAnswered === true) this.#goOn();
    } catch (error) {
      this.#broke(error);
    }
  };

  /** Gives what belongs to a request that is not to be read yet. */
  #readHead(bytes: Buffer): Buffer {
    let text: string | undefined;
    const rest = this.#head.take(bytes, '\r\n\r\n', HEADER_BYTES, (whole) => (text = whole));
    if (text === undefined) {
      if (!mayBeRequest(this.#head.held.toString('latin1', 0, TELLING_BYTES))) throw new MessageBroken('its head is not HTTP');
      return rest;
    }
    // What stood at the end of a body, as some programs have it.
    const request = readRequestHead(text.startsWith('\r\n') ? text.slice(2) : text);
    if (request === undefined) throw new MessageBroken('its head is not HTTP');
    this.#late.suspend();
    if (request.method === 'CONNECT') {
      if (this.#options.origin !== undefined) throw new EgressRefusal('request_invalid', 'CONNECT is for the proxy');
      this.#leave(rest);
      this.#options.listener.connect(request.target, this.#stream);
      return NOTHING;
    }
    return this.#begin(request, rest);
  }

  #begin(request: RequestHead, bytes: Buffer): Buffer {
    const { listener, origin, headMs } = this.#options;
    const framing = framingOf(request);
    const body = framing === 0 ? undefined : this.#body(framing);
    const isUpgrade = isWebSocket(request);
    if (isUpgrade && body !== undefined) throw new EgressRefusal('request_invalid', 'a request for a WebSocket has no body');
    const answer = new ProgramAnswer(this.#stream, { request, isLast: isUpgrade || isLast(request), keptMs: headMs, isWhole: () => body?.reader.isOver ?? true, over: (wasLast) => this.#answered(wasLast) });
    // What is wrong with it from the beginning reaches nobody.
    const rest = body === undefined || bytes.length === 0 ? bytes : body.reader.push(bytes);
    this.#exchange = { answer, isAnswered: false, ...(body === undefined ? {} : { body }) };
    if (isUpgrade) this.#leave(rest);
    listener.arrived({ request, answer, origin, body: body?.bytes, ...(isUpgrade ? { upgrade: this.#stream } : {}) });
    return isUpgrade ? NOTHING : rest;
  }

  #body(framing: ConstructorParameters<typeof BodyReader>[1]): NonNullable<Exchange['body']> {
    const bytes = new Readable({ read: () => void this.#stream.resume() });
    bytes.on('error', () => {});
    const reader = new BodyReader(
      {
        data: (piece) => {
          // Whoever does not want it any more has it go by.
          if (!bytes.destroyed && !bytes.push(piece)) this.#stream.pause();
        },
        ended: (trailers) => {
          if (trailers.length > 0) throw hasTrailers();
          bytes.push(null);
        },
      },
      framing,
    );
    return { reader, bytes };
  }

  #hold(bytes: Buffer): void {
    this.#next = this.#next.length === 0 ? bytes : Buffer.concat([this.#next, bytes]);
    this.#stream.pause();
  }

  #answered(wasLast: boolean): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    exchange.isAnswered = true;
    if (wasLast) {
      this.#exchange = undefined;
      this.#leave(NOTHING);
      linger(this.#stream);
      return;
    }
    this.#late.start(this.#options.headMs);
    this.#goOn();
  }

  /** With the next request, once the last one has come to its end, too. */
  #goOn(): void {
    const { body } = this.#exchange ?? {};
    if (body?.reader.isOver === false) {
      body.bytes.destroy();
      this.#stream.resume();
      return;
    }
    this.#exchange = undefined;
    const next = this.#next;
    this.#next = NOTHING;
    this.#stream.resume();
    if (next.length > 0) this.#received(next);
  }

  #broke(error: unknown): void {
    const refusal = error instanceof EgressRefusal ? error : new EgressRefusal('request_invalid', `that is no HTTP/1.1 that can be read in one way only${error instanceof MessageBroken ? ` (${error.message})` : ''}`);
    const exchange = this.#exchange;
    this.#leave(NOTHING);
    // Whoever sends it on hears of it, and answers.
    if (exchange?.isAnswered === false) {
      exchange.body?.bytes.destroy(refusal);
      return;
    }
    this.#options.listener.refused(refusal, this.#options.origin);
    if (exchange !== undefined) {
      this.#stream.destroy();
      return;
    }
    answerRaw(this.#stream, refusal.status, refusal.message);
    linger(this.#stream);
  }

  readonly #ended = (): void => {
    if (this.#exchange === undefined && this.#head.held.length > 0) this.#broke(new MessageBroken('it ends in its head'));
    else if (this.#exchange === undefined) linger(this.#stream);
    // A program that is done hears nothing more than what is on its way to it.
    else this.#stream.end();
  };

  readonly #closed = (): void => {
    this.#late.stop();
    this.#exchange?.body?.bytes.destroy(new Error(GONE));
    this.#exchange?.answer.closed();
  };

  /** Its bytes are somebody else's from now on. */
  #leave(rest: Buffer): void {
    this.#late.stop();
    this.#stream.off('data', this.#received).off('end', this.#ended);
    this.#stream.pause();
    if (rest.length > 0) this.#stream.unshift(rest);
  }
}
