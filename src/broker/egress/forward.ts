import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex, Readable, Transform, Writable } from 'node:stream';
import type { Scrubber } from '../credentials/scrubber.ts';
import type { Provided } from '../credentials/session-credentials.ts';
import { type Asked, refuseTrailers } from './asked.ts';
import { type Budget, counted } from './budget.ts';
import { isEncoded, pairsOf, type RawHeaders, responseHeaders, scrubbedHeaders, valuesOf } from './headers.ts';
import { questionOf } from './question.ts';
import { UpstreamFailure } from './refusal.ts';
import type { Answering, Asker } from './upstream-connection.ts';
import type { Place } from './upstreams.ts';

/** How a request went that was allowed. */
export interface Outcome {
  readonly status?: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Where it did not come to its end. */
  readonly failure?: string;
  /** A secret was in the answer, and was taken out. */
  readonly reflected?: true;
}

/** The other side has agreed to speak WebSocket. */
export interface Upgraded {
  readonly headers: RawHeaders;
  readonly socket: Duplex;
}

export interface Forwarding {
  readonly asked: Asked;
  /** Its path and headers as they leave, with what it was lent. */
  readonly provided: Provided;
  /** What its body goes through first. */
  readonly guard: Transform | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly place: Place;
  readonly budget: Budget;
  /** An answer that was kept, where one serves; else where this one is kept, if it may be. */
  readonly cached: Answering | undefined;
  readonly keeping: ((asker: Asker) => Asker) | undefined;
}

/** What makes no difference when it is done twice. */
export const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Passes one request on, and its answer back, both as they come, with as much held as the slower side makes necessary. What was sent on a connection that the other
 * side closed without a word is sent once more, where that is safe. Errors, only where nothing was answered yet: `UpstreamFailure`, `EgressRefusal` with `limit`.
 */
export async function forward(forwarding: Forwarding): Promise<Outcome | Upgraded> {
  try {
    return await new Forward(forwarding).run();
  } catch (error) {
    if (!mayRepeat(error, forwarding)) throw error;
  }
  return new Forward(forwarding).run();
}

/** The connection went away with no answer on it: one that was kept open, most of the time, and was being closed just then. */
function mayRepeat(error: unknown, { asked, response }: Forwarding): boolean {
  const hungUp = error instanceof UpstreamFailure && error.code === 'no_answer';
  return hungUp && SAFE.has(asked.method) && !asked.hasBody && !asked.isWebSocket && !response.headersSent && !response.destroyed;
}

const GONE = 'the program is gone';

class Forward implements Asker {
  readonly #forwarding: Forwarding;
  readonly #done = Promise.withResolvers<Outcome | Upgraded>();
  #connection: Answering | undefined;
  #body: Transform | undefined;
  #changing: readonly Transform[] = [];
  /** What the answer goes through, where it is looked through for secrets, and else the response itself. */
  #sink: Writable;
  #scrubber: Scrubber | undefined;
  #reflected = false;
  /** Nothing of the answer has gone to the program. */
  #isHeld = false;
  /** The program does not read as fast as it comes. */
  #isFull = false;
  #status: number | undefined;
  #sentBytes = 0;
  #receivedBytes = 0;

  constructor(forwarding: Forwarding) {
    this.#forwarding = forwarding;
    this.#sink = forwarding.response;
  }

  async run(): Promise<Outcome | Upgraded> {
    const { asked, provided, request, response, place, cached, keeping } = this.#forwarding;
    response.once('close', this.#gone);
    try {
      const question = questionOf(asked, provided, asked.hasBody ? this.#countedBody(request) : undefined);
      const taken = cached ?? place.connection(asked.scheme);
      const connection = taken instanceof Promise ? await taken : taken;
      if (response.destroyed) {
        connection.giveBack();
        return this.#outcome(GONE);
      }
      this.#connection = connection;
      connection.ask(question, cached !== undefined || keeping === undefined ? this : keeping(this));
      return await this.#done.promise;
    } finally {
      response.off('close', this.#gone);
      this.#release(request);
    }
  }

  switched(headers: RawHeaders, socket: Duplex): void {
    this.#connection = undefined;
    this.#done.resolve({ headers, socket });
  }

  /** Of what comes before an answer only hints are of use to whoever waits. */
  informed(status: number, headers: RawHeaders): void {
    const { response, provided } = this.#forwarding;
    const link = valuesOf(headers, 'link');
    if (status !== 103 || link.length === 0 || provided.scrubber() !== undefined) return;
    try {
      response.writeEarlyHints({ link });
    } catch {
      // Links that Node cannot read are left out: a hint is all that is lost.
    }
  }

  began(status: number, headers: RawHeaders): void {
    const { response, provided, asked } = this.#forwarding;
    this.#status = status;
    this.#scrubber = provided.scrubber();
    if (this.#scrubber !== undefined && isEncoded(headers)) throw new UpstreamFailure('answer_encoded', asked.host);
    response.sendDate = false;
    response.writeHead(status, this.#scrubbed(responseHeaders(headers)));
    this.#isHeld = true;
    this.#sink = this.#throughScrubber(response);
  }

  data(bytes: Buffer): void {
    this.#receivedBytes += bytes.length;
    this.#forwarding.budget.receive(bytes.length);
    if (this.#sink === this.#forwarding.response) this.#isHeld = false;
    if (this.#sink.write(bytes) || this.#isFull) return;
    this.#isFull = true;
    this.#connection?.pause();
    this.#sink.once('drain', this.#drained);
  }

  ended(trailers: RawHeaders): void {
    const { response } = this.#forwarding;
    this.#connection = undefined;
    const end = (): void => {
      if (trailers.length > 0) response.addTrailers(pairsOf(this.#scrubbed(responseHeaders(trailers))));
      response.end(() => this.#done.resolve(this.#outcome()));
    };
    if (this.#sink === response) {
      this.#isHeld = false;
      end();
    } else this.#sink.once('end', end).end();
  }

  /** A head goes out with what came in the same breath; else alone, for who waits for it. */
  settled(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    const { response } = this.#forwarding;
    const flush = (): void => {
      if (!response.writableEnded && !response.destroyed) response.flushHeaders();
    };
    // What looks through its body says a turn later what it has.
    if (this.#sink === response) flush();
    else setImmediate(flush);
  }

  failed(error: unknown): void {
    const { response } = this.#forwarding;
    this.#connection = undefined;
    if (!response.headersSent && !response.destroyed) {
      this.#done.reject(error);
      return;
    }
    const failure = response.destroyed ? GONE : error instanceof Error ? error.message : String(error);
    // Whoever got half an answer has to see that it is half of one.
    response.destroy();
    this.#done.resolve(this.#outcome(failure));
  }

  /** Also of an answer that nobody reads to its end. */
  readonly #gone = (): void => {
    if (this.#forwarding.response.writableFinished) return;
    this.#connection?.abort(new Error(GONE));
    this.#done.resolve(this.#outcome(GONE));
  };

  readonly #drained = (): void => {
    this.#isFull = false;
    this.#connection?.resume();
  };

  #scrubbed(headers: string[]): string[] {
    if (this.#scrubber === undefined) return headers;
    const { clean, found } = scrubbedHeaders(headers, this.#scrubber);
    this.#reflected ||= found;
    return clean;
  }

  #throughScrubber(response: ServerResponse): Writable {
    if (this.#scrubber === undefined) return response;
    const stream = this.#scrubber.stream(() => {
      this.#reflected = true;
    });
    stream.on('error', () => response.destroy());
    return stream.on('data', (piece: Buffer) => {
      if (response.write(piece)) return;
      stream.pause();
      response.once('drain', () => stream.resume());
    });
  }

  #outcome(failure?: string): Outcome {
    return { ...(this.#status === undefined ? {} : { status: this.#status }), sentBytes: this.#sentBytes, receivedBytes: this.#receivedBytes, ...(this.#reflected ? { reflected: true } : {}), ...(failure === undefined ? {} : { failure }) };
  }

  /** A body that the other side does not want does not take the program's connection down with it: the answer has yet to be read. */
  #countedBody(request: IncomingMessage): Transform {
    const { budget, provided, guard } = this.#forwarding;
    const body = counted((bytes) => {
      this.#sentBytes += bytes;
      budget.send(bytes);
    }, () => refuseTrailers(request.rawTrailers));
    body.on('error', () => {});
    request.once('close', () => {
      if (!request.complete) body.destroy(new Error(GONE));
    });
    this.#body = body;
    this.#changing = [...(guard === undefined ? [] : [guard]), ...provided.body];
    let from: Readable = request;
    for (const one of this.#changing) {
      // What may not go out ends the request: half of it has gone, and says nothing.
      one.on('error', (error) => body.destroy(error));
      from = from.pipe(one);
    }
    return from.pipe(body);
  }

  #release(request: IncomingMessage): void {
    if (this.#body === undefined) return;
    request.unpipe();
    for (const one of this.#changing) one.destroy();
    this.#body.destroy();
    if (!request.complete) request.resume();
  }
}
