import { BrokenCircuitError, circuitBreaker, type CircuitBreakerPolicy, CircuitState, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import { GloveboxError, steadyRest, type Clock } from '../contracts/index.ts';
import { failureError, type Endpoint } from './endpoint.ts';
import { BrokenAnswer, mayPass, readFailure, type Failure } from './failure.ts';

/** How long a call may take and how often it is tried. */
export interface CallTiming {
  readonly attempts: number;
  /** Before the second attempt; doubled for each later one, and shortened at random by up to a quarter. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** A longer Retry-After is not waited for: it is the caller's to decide. */
  readonly maxRetryAfterMs: number;
  /** Between two events of a stream. Models that think say nothing for minutes. */
  readonly silenceMs: number;
  /** Of the whole call with its attempts and waits. */
  readonly totalMs: number;
}

export const defaultTiming: CallTiming = {
  attempts: 4,
  firstDelayMs: 500,
  maxDelayMs: 20_000,
  maxRetryAfterMs: 60_000,
  silenceMs: 10 * 60_000,
  totalMs: 30 * 60_000,
};

export interface CallDeps {
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Rejects when the signal fires. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly timing: CallTiming;
}

/**
 * Our own retries, the SDKs' are off: theirs neither see that a stream had begun nor stop at a deadline.
 * Tried again are 408, 409, 429, 5xx and servers that could not be reached: none of these was billed. What got out and whose answer did not come back
 * whole may have been: it is an error with `costUnknown`, and the caller, who keeps the books, asks anew (`mayRepeat` where nothing of the answer was there yet).
 * An endpoint that was unavailable several calls in a row is left alone for a while: calls fail at once.
 */
export class Calls {
  readonly #endpoint: Endpoint;
  readonly #deps: CallDeps;
  readonly #breaker: CircuitBreakerPolicy;

  /** The breaker is that of all calls that go to the same place. */
  constructor(endpoint: Endpoint, deps: CallDeps, breaker: CircuitBreakerPolicy) {
    this.#endpoint = endpoint;
    this.#deps = deps;
    this.#breaker = breaker;
  }

  async run<T>(body: (attempt: Attempt) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const breaker = this.#breaker;
    // While one call tries whether it is back, the others do not wait for that: a call may take half an hour.
    if (breaker.state === CircuitState.HalfOpen) throw resting(this.#endpoint);
    try {
      return await breaker.execute(() => this.#run(body, signal));
    } catch (error) {
      throw error instanceof BrokenCircuitError ? resting(this.#endpoint) : error;
    }
  }

  async #run<T>(body: (attempt: Attempt) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const { clock, timing } = this.#deps;
    const deadline = clock.now() + timing.totalMs;
    if (isAborted(signal)) throw cancelled(false);
    for (let number = 1; ; number++) {
      using attempt = new Attempt(() => Math.min(timing.silenceMs, deadline - clock.now()), signal);
      try {
        return await body(attempt);
      } catch (error) {
        if (isAborted(signal)) throw cancelled(true);
        const failure = readFailure(attempt.silence ?? error);
        if (failure === undefined) throw error;
        const delayMs = this.#delayBeforeNext(number, failure, attempt, deadline);
        if (delayMs === undefined) throw failureError(afterContent(failure, attempt), this.#endpoint, { attempts: number, hasContent: attempt.hasContent });
        await this.#wait(delayMs, signal);
      }
    }
  }

  /** Undefined: not again. */
  #delayBeforeNext(number: number, failure: Failure, attempt: Attempt, deadline: number): number | undefined {
    const { attempts, firstDelayMs, maxDelayMs, maxRetryAfterMs } = this.#deps.timing;
    if (attempt.hasContent || failure.kind === 'broken' || number >= attempts || !mayPass(failure)) return undefined;
    if (failure.retryAfterMs !== undefined && failure.retryAfterMs > maxRetryAfterMs) return undefined;
    const backoff = Math.min(maxDelayMs, firstDelayMs * 2 ** (number - 1)) * (1 - this.#deps.random() / 4);
    const delayMs = failure.retryAfterMs ?? backoff;
    return this.#deps.clock.now() + delayMs < deadline ? delayMs : undefined;
  }

  async #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#deps.sleep(ms, signal);
    } catch (error) {
      if (isAborted(signal)) throw cancelled(false);
      throw error;
    }
  }
}

/** One request to a provider, as the adapter that makes it sees it. */
export class Attempt implements Disposable {
  /** Fires for the caller's cancellation, for silence and at the deadline. */
  readonly signal: AbortSignal;
  readonly #silencer = new AbortController();
  readonly #allowedMs: () => number;
  #timer: NodeJS.Timeout | undefined;
  #silence: BrokenAnswer | undefined;
  #hasContent = false;

  constructor(allowedMs: () => number, signal: AbortSignal | undefined) {
    this.#allowedMs = allowedMs;
    this.signal = signal === undefined ? this.#silencer.signal : AbortSignal.any([signal, this.#silencer.signal]);
    this.#listen();
  }

  get hasContent(): boolean {
    return this.#hasContent;
  }

  /** Set when it was we who gave up waiting. */
  get silence(): BrokenAnswer | undefined {
    return this.#silence;
  }

  /** A piece of the answer has arrived: from here on a failure is not repaired by asking again. */
  contentArrived(): void {
    this.#hasContent = true;
  }

  /** The events of a stream. The SDKs end a stream that was aborted as if it were complete: this throws. */
  async *watch<T>(events: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const event of events) {
      this.#listen();
      yield event;
    }
    this.signal.throwIfAborted();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #listen(): void {
    clearTimeout(this.#timer);
    const allowedMs = Math.max(0, this.#allowedMs());
    this.#timer = setTimeout(() => {
      this.#silence = new BrokenAnswer(`nothing came for ${Math.ceil(allowedMs / 1000)} s`);
      this.#silencer.abort(this.#silence);
    }, allowedMs);
  }
}

/** After so many calls in a row, each with all its attempts. */
const FAILURES = 3;
const REST_MS = 30_000;

export function endpointBreaker(): CircuitBreakerPolicy {
  const isUnavailable = (error: unknown): boolean => error instanceof GloveboxError && error.code === 'model_unavailable';
  return circuitBreaker(handleWhen(isUnavailable), { halfOpenAfter: steadyRest(REST_MS), breaker: new ConsecutiveBreaker(FAILURES) });
}

function resting({ provider, model, baseUrl }: Endpoint): GloveboxError {
  const where = baseUrl === undefined ? provider : `${provider} at ${baseUrl}`;
  const message = `${where} was unavailable ${FAILURES} calls in a row, and is left alone for up to ${REST_MS / 1000} s.`;
  return new GloveboxError('model_unavailable', message, { details: { provider, model, attempts: 0, retryAfterSeconds: REST_MS / 1000 } });
}

/** A refusal in the middle of an answer leaves the answer's beginning unpaid for nobody knows how much. */
function afterContent(failure: Failure, attempt: Attempt): Failure {
  return attempt.hasContent && failure.kind === 'answered' ? { ...failure, kind: 'broken' } : failure;
}

/** A question of its own: the compiler takes a signal that was looked at once for unchanged. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function cancelled(sent: boolean): GloveboxError {
  return new GloveboxError('cancelled', 'The model call was cancelled.', sent ? { details: { costUnknown: true } } : {});
}
