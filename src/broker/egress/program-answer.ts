import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RawHeaders } from './headers.ts';
import type { RequestHead } from './request-head.ts';

interface ProgramAnswerOptions {
  readonly request: RequestHead;
  /** Nothing follows it on its connection. */
  readonly isLast: boolean;
  /** So long the program may wait before it asks again. */
  readonly keptMs: number;
  /** Whether all of the request has come. */
  readonly isWhole: () => boolean;
  /** It has gone out. */
  readonly over: (isLast: boolean) => void;
}

/** What goes out in one piece with a head: more is not copied for it. */
const SMALL_BYTES = 16 * 1024;
const LAST_CHUNK = '0\r\n\r\n';

/** One answer to a program, as it is written to its connection. */
export class ProgramAnswer {
  readonly #stream: Duplex;
  readonly #options: ProgramAnswerOptions;
  readonly #gone: (() => void)[] = [];
  /** Begun, and not yet written. */
  #head: string | undefined;
  #hasBegun = false;
  #isLast: boolean;
  #body: 'counted' | 'chunked' | 'none' = 'none';
  #isEnded = false;
  #isOver = false;
  #over: () => void = () => {};
  /** Pieces that were not taken over yet. */
  #written = 0;

  constructor(stream: Duplex, options: ProgramAnswerOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#isLast = options.isLast;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Nobody can be told anything any more, and not everything was. */
  get isGone(): boolean {
    return this.#stream.destroyed && !this.#isOver;
  }

  get isRequestWhole(): boolean {
    return this.#options.isWhole();
  }

  /** Called when it is gone, if it comes to that. */
  whenGone(act: () => void): void {
    this.#gone.push(act);
  }

  /** The connection has ended. */
  closed(): void {
    if (!this.#isOver) for (const act of this.#gone) act();
  }

  /** The program is to send its body. */
  goOn(): void {
    this.#stream.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
  }

  /** Of what comes before an answer. Each value can stand in a head. */
  hint(links: readonly string[]): void {
    if (this.#options.request.minorVersion > 0) this.#stream.write(`HTTP/1.1 103 Early Hints\r\nlink: ${links.join(', ')}\r\n\r\n`, 'latin1');
  }

  /** Its head, which goes out with what follows, or when it is flushed. Headers are of this hop alone, and can stand in a head; a body without a length comes in chunks. */
  begin(status: number, headers: RawHeaders, { phrase = STATUS_CODES[status] ?? 'Unknown', last = false } = {}): void {
    const { request, keptMs } = this.#options;
    let isCounted = false;
    let lines = '';
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] ?? '';
      isCounted ||= name.length === 14 && name.toLowerCase() === 'content-length';
      lines += `${name}: ${headers[i + 1]}\r\n`;
    }
    if (request.method !== 'HEAD' && status !== 204 && status !== 304) {
      this.#body = isCounted ? 'counted' : 'chunked';
      if (request.minorVersion > 0 && !isCounted) lines += 'transfer-encoding: chunked\r\n';
    }
    this.#isLast ||= last;
    this.#hasBegun = true;
    this.#head = `HTTP/1.1 ${status} ${phrase}\r\n${lines}${this.#isLast ? 'connection: close\r\n' : `connection: keep-alive\r\nkeep-alive: timeout=${Math.floor(keptMs / 1_000)}\r\n`}\r\n`;
  }

  /** Whether more is welcome now; else once it is drained. */
  write(bytes: Buffer): boolean {
    if (this.#body === 'none' || bytes.length === 0) return true;
    if (this.#isChunked) return this.#writeChunk(bytes);
    const head = this.#head;
    this.#head = undefined;
    if (head !== undefined && bytes.length <= SMALL_BYTES) return this.#send(Buffer.concat([Buffer.from(head, 'latin1'), bytes]));
    this.#cork();
    if (head !== undefined) this.#send(head);
    return this.#send(bytes);
  }

  whenDrained(act: () => void): void {
    this.#stream.once('drain', act);
  }

  /** What there is of a head goes out without more. */
  flush(): void {
    const head = this.#head;
    this.#head = undefined;
    if (head !== undefined && !this.#stream.destroyed) this.#send(head);
  }

  /** `over`: all of it was taken over by whoever carries it. */
  end(trailers: RawHeaders = [], over: () => void = () => {}): void {
    this.#over = over;
    this.#isEnded = true;
    if (this.#isChunked) {
      this.#cork();
      this.flush();
      this.#send(trailers.length === 0 ? LAST_CHUNK : `0\r\n${lined(trailers)}\r\n`);
    } else this.flush();
    this.#settle();
  }

  /** Whoever got half of it has to see that it is half of one. */
  cut(): void {
    this.#stream.destroy();
  }

  /** A program that is as old as that reads to the end of its connection. */
  get #isChunked(): boolean {
    return this.#body === 'chunked' && this.#options.request.minorVersion > 0;
  }

  #writeChunk(bytes: Buffer): boolean {
    this.#cork();
    const size = `${bytes.length.toString(16)}\r\n`;
    this.#send(this.#head === undefined ? size : this.#head + size);
    this.#head = undefined;
    this.#send(bytes);
    return this.#send('\r\n');
  }

  /** All that is written in this turn goes out together: what was encrypted comes in many small pieces. */
  #cork(): void {
    if (this.#stream.writableCorked > 0) return;
    this.#stream.cork();
    process.nextTick(() => this.#stream.uncork());
  }

  #send(piece: Buffer | string): boolean {
    this.#written += 1;
    return typeof piece === 'string' ? this.#stream.write(piece, 'latin1', this.#taken) : this.#stream.write(piece, this.#taken);
  }

  readonly #taken = (error?: Error | null): void => {
    this.#written -= 1;
    if (error === undefined || error === null) this.#settle();
  };

  #settle(): void {
    if (!this.#isEnded || this.#written > 0 || this.#isOver || this.#stream.destroyed) return;
    this.#isOver = true;
    this.#over();
    this.#options.over(this.#isLast);
  }
}

function lined(headers: RawHeaders): string {
  let lines = '';
  for (let i = 0; i < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return lines;
}
