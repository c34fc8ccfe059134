import type { Duplex, Readable, Transform } from 'node:stream';
import type { Scrubber } from '../credentials/scrubber.ts';
import type { Provided } from '../credentials/session-credentials.ts';
import type { Asked } from './asked.ts';
import { type Budget, counted } from './budget.ts';
import { isEncoded, type RawHeaders, responseHeaders, scrubbedHeaders, valuesOf } from './headers.ts';
import type { ProgramAnswer } from './program-answer.ts';
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
  readonly body: Readable | undefined;
  readonly answer: ProgramAnswer;
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
function mayRepeat(error: unknown, { asked, answer }: Forwarding): boolean {
  const hungUp = error instanceof UpstreamFailure && error.code === 'no_answer';
  return hungUp && SAFE.has(asked.method) && !asked.hasBody && !asked.isWebSocket && !answer.hasBegun && !answer.isGone;
}

const GONE = 'the program is gone';

class Forward implements Asker {
  readonly #forwarding: Forwarding;
  readonly #done = Promise.withResolvers<Outcome | Upgraded>();
  #connection: Answering | undefined;
  #body: Transform | undefined;
  #changing: readonly Transform[] = [];
  /** What the answer goes through, where it is looked through for secrets. */
  #scrubbing: Transform | undefined;
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
  }

  async run(): Promise<Outcome | Upgraded> {
    const { asked, provided, body, answer, place, cached, keeping } = this.#forwarding;
    answer.whenGone(this.#gone);
    try {
      const question = questionOf(asked, provided, body === undefined ? undefined : this.#countedBody(body));
      const taken = cached ?? place.connection(asked.scheme);
      const connection = taken instanceof Promise ? await taken : taken;
      if (answer.isGone) {
        connection.giveBack();
        return this.#outcome(GONE);
      }
      this.#connection = connection;
      connection.ask(question, cached !== undefined || keeping === undefined ? this : keeping(this));
      return await this.#done.promise;
    } finally {
      this.#release(body);
    }
  }

  switched(headers: RawHeaders, socket: Duplex): void {
    this.#connection = undefined;
    this.#done.resolve({ headers, socket });
  }

  /** Of what comes before an answer only hints are of use to whoever waits. */
  informed(status: number, headers: RawHeaders): void {
    const { answer, provided } = this.#forwarding;
    const links = valuesOf(headers, 'link');
    if (status === 103 && links.length > 0 && provided.scrubber() === undefined) answer.hint(links);
  }

  began(status: number, headers: RawHeaders): void {
    const { answer, provided, asked } = this.#forwarding;
    this.#status = status;
    this.#scrubber = provided.scrubber();
    if (this.#scrubber !== undefined && isEncoded(headers)) throw new UpstreamFailure('answer_encoded', asked.host);
    answer.begin(status, this.#scrubbed(responseHeaders(headers)));
    this.#isHeld = true;
    this.#scrubbing = this.#throughScrubber(answer);
  }

  data(bytes: Buffer): void {
    this.#receivedBytes += bytes.length;
    this.#forwarding.budget.receive(bytes.length);
    const { answer } = this.#forwarding;
    if (this.#scrubbing === undefined) this.#isHeld = false;
    if ((this.#scrubbing ?? answer).write(bytes) || this.#isFull) return;
    this.#isFull = true;
    this.#connection?.pause();
    if (this.#scrubbing === undefined) answer.whenDrained(this.#drained);
    else this.#scrubbing.once('drain', this.#drained);
  }

  ended(trailers: RawHeaders): void {
    const { answer } = this.#forwarding;
    this.#connection = undefined;
    const end = (): void => {
      answer.end(trailers.length === 0 ? trailers : this.#scrubbed(responseHeaders(trailers)), () => this.#done.resolve(this.#outcome()));
    };
    if (this.#scrubbing === undefined) {
      this.#isHeld = false;
      end();
    } else this.#scrubbing.once('end', end).end();
  }

  /** A head goes out with what came in the same breath; else alone, for who waits for it. */
  settled(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    const { answer } = this.#forwarding;
    // What looks through its body says a turn later what it has.
    if (this.#scrubbing === undefined) answer.flush();
    else setImmediate(() => answer.flush());
  }

  failed(error: unknown): void {
    const { answer } = this.#forwarding;
    this.#connection = undefined;
    if (!answer.hasBegun && !answer.isGone) {
      this.#done.reject(error);
      return;
    }
    const failure = answer.isGone ? GONE : error instanceof Error ? error.message : String(error);
    // Whoever got half an answer has to see that it is half of one.
    answer.cut();
    this.#done.resolve(this.#outcome(failure));
  }

  /** Also of an answer that nobody reads to its end. */
  readonly #gone = (): void => {
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

  #throughScrubber(answer: ProgramAnswer): Transform | undefined {
    if (this.#scrubber === undefined) return undefined;
    const stream = this.#scrubber.stream(() => {
      this.#reflected = true;
    });
    stream.on('error', () => answer.cut());
    return stream.on('data', (piece: Buffer) => {
      if (answer.write(piece)) return;
      stream.pause();
      answer.whenDrained(() => stream.resume());
    });
  }

  #outcome(failure?: string): Outcome {
    return { ...(this.#status === undefined ? {} : { status: this.#status }), sentBytes: this.#sentBytes, receivedBytes: this.#receivedBytes, ...(this.#reflected ? { reflected: true } : {}), ...(failure === undefined ? {} : { failure }) };
  }

  /** A body that the other side does not want does not take the program's connection down with it: the answer has yet to be read. */
  #countedBody(request: Readable): Transform {
    const { budget, provided, guard } = this.#forwarding;
    const body = counted((bytes) => {
      this.#sentBytes += bytes;
      budget.send(bytes);
    });
    body.on('error', () => {});
    if (request.errored !== null) body.destroy(request.errored);
    request.once('error', (error) => body.destroy(error));
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

  #release(request: Readable | undefined): void {
    if (this.#body === undefined) return;
    request?.unpipe();
    for (const one of this.#changing) one.destroy();
    this.#body.destroy();
  }
}
