import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { type AnswerListener, AnswerReader } from './answer-reader.ts';
import { Deadline, type EgressDeadlines } from './deadline.ts';
import type { RawHeaders } from './headers.ts';
import { MessageBroken } from './held-text.ts';
import { EgressRefusal, UpstreamFailure } from './refusal.ts';

/** One request, as it is to leave. */
export interface Question {
  /** Up to the empty line, and with it; in latin1. */
  readonly head: string;
  /** Its answer has no body. */
  readonly isHead: boolean;
  /** It asks for another protocol. */
  readonly isUpgrade: boolean;
  /** In chunks, where its length is not known. */
  readonly body?: { readonly bytes: Readable; readonly lengthBytes: number | undefined } | undefined;
}

/** Whoever asked. One of `ended`, `switched` and `failed` is the last word of the other side. */
export interface Asker extends AnswerListener {
  /** The other side has agreed to another protocol; the connection is his. */
  switched(headers: RawHeaders, socket: Socket): void;
  /** All that has come up to now was told. */
  settled(): void;
  failed(error: unknown): void;
}

/** Where an answer comes from. */
export interface Answering {
  /** Sends a request, where none is under way. Its answer is told in later turns. */
  ask(question: Question, asker: Asker): void;
  /** It was taken, and may be taken again. */
  giveBack(): void;
  pause(): void;
  resume(): void;
  /** Ends it; whoever asked hears why. */
  abort(error: unknown): void;
}

interface Exchange {
  readonly question: Question;
  readonly asker: Asker;
  readonly reader: AnswerReader;
  isSent: boolean;
}

interface UpstreamConnectionOptions {
  readonly host: string;
  readonly deadlines: EgressDeadlines;
  /** It may be used again. */
  readonly freed: () => void;
}

/** So long a connection waits for its next request, where the other side does not say that it waits for less. */
const KEPT_MS = 10_000;
/** What the other side may be about to close is not used. */
const MARGIN_MS = 1_000;

/** HTTP/1.1 with the other side, one request after the other. Whatever is not as it should be ends the connection. */
export class UpstreamConnection implements Answering {
  readonly #socket: Socket;
  readonly #options: UpstreamConnectionOptions;
  readonly #late: Deadline;
  #exchange: Exchange | undefined;
  #error: Error | undefined;

  constructor(socket: Socket, options: UpstreamConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#late = new Deadline(() => this.abort(new UpstreamFailure('answer_timeout', options.host)));
    socket.on('data', this.#received).on('end', this.#ended).on('drain', this.#drained).on('error', this.#broke).once('close', this.#closed);
  }

  ask(question: Question, asker: Asker): void {
    const exchange: Exchange = { question, asker, reader: new AnswerReader(asker, question.isHead), isSent: question.body === undefined };
    this.#exchange = exchange;
    if (question.body === undefined) {
      this.#socket.write(question.head, 'latin1');
      this.#late.start(this.#options.deadlines.answerMs);
      return;
    }
    const { errored } = question.body.bytes;
    if (errored !== null) {
      this.abort(errored);
      return;
    }
    // With the beginning of its body, where that is there.
    this.#socket.cork();
    this.#socket.write(question.head, 'latin1');
    process.nextTick(() => this.#socket.uncork());
    this.#send(exchange, question.body);
  }

  /** For so long. */
  giveBack(keptMs: number = KEPT_MS): void {
    this.#late.start(keptMs);
    this.#options.freed();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#late.refresh();
    this.#socket.resume();
  }

  abort(error: unknown): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#socket.destroy();
    exchange?.asker.failed(error);
  }

  #send(exchange: Exchange, { bytes, lengthBytes }: NonNullable<Question['body']>): void {
    const { idleMs, answerMs } = this.#options.deadlines;
    const isCurrent = (): boolean => this.#exchange === exchange;
    let sentBytes = 0;
    this.#late.start(idleMs);
    bytes.on('data', (piece: Buffer) => {
      if (!isCurrent() || piece.length === 0) return;
      this.#late.refresh();
      sentBytes += piece.length;
      // What is beyond its length would be read as another request.
      if (sentBytes > (lengthBytes ?? Number.POSITIVE_INFINITY)) this.abort(anotherLength());
      else if (!(lengthBytes === undefined ? this.#writeChunk(piece) : this.#socket.write(piece))) bytes.pause();
    });
    bytes.once('end', () => {
      if (!isCurrent()) return;
      if (sentBytes < (lengthBytes ?? 0)) {
        this.abort(anotherLength());
        return;
      }
      if (lengthBytes === undefined) this.#socket.write('0\r\n\r\n', 'latin1');
      exchange.isSent = true;
      this.#late.start(exchange.reader.isAwaited ? answerMs : idleMs);
    });
    bytes.once('error', (error) => {
      if (isCurrent()) this.abort(error);
    });
  }

  #writeChunk(piece: Buffer): boolean {
    this.#socket.cork();
    this.#socket.write(`${piece.length.toString(16)}\r\n`, 'latin1');
    this.#socket.write(piece);
    const goesOn = this.#socket.write('\r\n', 'latin1');
    this.#socket.uncork();
    return goesOn;
  }

  readonly #drained = (): void => {
    this.#exchange?.question.body?.bytes.resume();
  };

  readonly #received = (bytes: Buffer): void => {
    const exchange = this.#exchange;
    // Nobody asked.
    if (exchange === undefined) {
      this.#socket.destroy();
      return;
    }
    try {
      const { reader, asker } = exchange;
      const rest = reader.push(bytes);
      // Whoever asked has ended it meanwhile.
      if (this.#exchange !== exchange) return;
      // All of a head has to come in its time, however it trickles.
      if (!reader.isAwaited) this.#late.start(this.#options.deadlines.idleMs);
      if (reader.switched !== undefined) this.#handOver(exchange, reader.switched, rest);
      else if (reader.isOver) this.#over(exchange, rest);
      asker.settled();
    } catch (error) {
      this.abort(error instanceof MessageBroken ? new UpstreamFailure('answer_broken', this.#options.host, error) : error);
    }
  };

  /** All of the answer was told. */
  #over({ reader, isSent }: Exchange, rest: Buffer): void {
    this.#exchange = undefined;
    const keptMs = Math.min(KEPT_MS, reader.keepsOpenMs - MARGIN_MS);
    if (keptMs <= 0 || !isSent || rest.length > 0) {
      this.#socket.destroy();
      return;
    }
    this.#socket.resume();
    this.giveBack(keptMs);
  }

  #handOver({ question, asker }: Exchange, headers: RawHeaders, rest: Buffer): void {
    if (!question.isUpgrade) throw new MessageBroken('it changes the protocol, unasked');
    this.#exchange = undefined;
    this.#late.stop();
    this.#socket.pause();
    this.#socket.off('data', this.#received).off('end', this.#ended).off('drain', this.#drained);
    if (rest.length > 0) this.#socket.unshift(rest);
    asker.switched(headers, this.#socket);
  }

  readonly #ended = (): void => {
    const exchange = this.#exchange;
    try {
      if (exchange?.reader.close() === true) {
        this.#exchange = undefined;
        exchange.asker.settled();
      }
    } catch (error) {
      this.abort(error);
    }
    // An answer that is not whole fails by it.
    this.#socket.destroy();
  };

  readonly #broke = (error: Error): void => {
    this.#error = error;
  };

  readonly #closed = (): void => {
    this.#late.stop();
    if (this.#exchange !== undefined) this.abort(new UpstreamFailure(this.#exchange.reader.isEmpty ? 'no_answer' : 'answer_cut', this.#options.host, this.#error));
  };
}

function anotherLength(): EgressRefusal {
  return new EgressRefusal('request_invalid', 'the body has another length than the request says');
}
