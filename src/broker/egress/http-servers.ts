import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { isWebSocket, type Origin } from './asked.ts';
import { answerRaw } from './answers.ts';
import { Deadline } from './deadline.ts';
import { EgressRefusal } from './refusal.ts';

const HEADER_BYTES = 32 * 1024;
/** What we have ended a program may still read to its end. */
export const LINGER_MS = 5_000;

/** A request that a program made on a connection that was taken over. */
export interface Arrived {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Undefined where it came to the proxy. */
  readonly origin: Origin | undefined;
  /** The program waits for 100 before it sends its body. */
  readonly expectsContinue: boolean;
  /** Nothing more is read on its connection as a request: where one began is in doubt. */
  readonly condemn: () => void;
  /** What follows the request on the same connection, where that is to become something else than HTTP. */
  readonly upgrade?: { readonly stream: Duplex; readonly head: Buffer };
}

export interface HttpListener {
  arrived(arrived: Arrived): void;
  /** CONNECT; `stream` begins after its head, and is nobody's yet. */
  connect(authority: string, stream: Duplex): void;
  /** What came is no HTTP; the connection is ended. */
  refused(refusal: EgressRefusal, origin: Origin | undefined): void;
}

/**
 * Node's HTTP server on connections that nobody listened for: once as a proxy, once as every server there is. A program has to finish the
 * headers of its next request in time, from the first byte of the connection and from the end of each answer on.
 */
export class HttpServers {
  readonly #proxy: Server;
  readonly #origins: Server;
  readonly #listener: HttpListener;
  readonly #headMs: number;
  readonly #of = new WeakMap<Duplex, { readonly origin: Origin | undefined; readonly head: Deadline; isCondemned: boolean }>();

  constructor(listener: HttpListener, headMs: number) {
    this.#listener = listener;
    this.#headMs = headMs;
    this.#proxy = this.#server();
    this.#proxy.on('connect', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
      this.#detach(stream, head);
      listener.connect(request.url ?? '', stream);
    });
    this.#origins = this.#server();
    this.#origins.on('connect', (_request: IncomingMessage, stream: Duplex) => this.#refuse(stream, new EgressRefusal('request_invalid', 'CONNECT is for the proxy')));
  }

  /** The connection is HTTP from its next byte on. */
  serve(stream: Duplex, origin: Origin | undefined): void {
    const head = new Deadline(() => stream.destroy());
    this.#of.set(stream, { origin, head, isCondemned: false });
    stream.once('close', () => head.stop());
    head.start(this.#headMs);
    (origin === undefined ? this.#proxy : this.#origins).emit('connection', stream);
  }

  #server(): Server {
    const server = createServer({ insecureHTTPParser: false, requireHostHeader: true, maxHeaderSize: HEADER_BYTES, keepAlive: true, keepAliveTimeout: this.#headMs, shouldUpgradeCallback: isWebSocket });
    // All of them: a header that is left out of the list is still there for the next parser.
    server.maxHeadersCount = 0;
    server.on('request', (request, response) => this.#arrived(request, response, false));
    server.on('checkContinue', (request, response) => this.#arrived(request, response, true));
    server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => this.#upgrade(request, stream, head));
    server.on('clientError', (error: NodeJS.ErrnoException, stream: Duplex) => this.#broken(error, stream));
    return server;
  }

  #arrived(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const known = this.#of.get(request.socket);
    // Its connection ends with the answer to the one before.
    if (known?.isCondemned === true) return;
    known?.head.suspend();
    response.once('close', () => {
      if (!request.socket.destroyed) known?.head.start(request.socket.writableEnded ? LINGER_MS : this.#headMs);
    });
    this.#listener.arrived({ request, response, origin: known?.origin, expectsContinue, condemn: () => this.#condemn(request.socket) });
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const origin = this.#of.get(stream)?.origin;
    this.#of.get(stream)?.head.stop();
    // Where it comes to nothing, the program gets an answer like any other.
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    response.once('finish', () => stream.end());
    this.#listener.arrived({ request, response, origin, expectsContinue: false, condemn: () => {}, upgrade: { stream, head } });
  }

  #condemn(stream: Duplex): void {
    const known = this.#of.get(stream);
    if (known !== undefined) known.isCondemned = true;
  }

  #detach(stream: Duplex, head: Buffer): void {
    this.#of.get(stream)?.head.stop();
    if (head.length > 0) stream.unshift(head);
  }

  #broken(error: NodeJS.ErrnoException, stream: Duplex): void {
    // A program that goes away is no violation.
    if (error.code?.startsWith('HPE_') !== true) {
      stream.destroy();
      return;
    }
    this.#refuse(stream, new EgressRefusal('request_invalid', `that is no HTTP/1.1 that can be read in one way only (${error.code})`));
  }

  #refuse(stream: Duplex, refusal: EgressRefusal): void {
    this.#listener.refused(refusal, this.#of.get(stream)?.origin);
    answerRaw(stream, refusal.status, refusal.message);
  }
}
