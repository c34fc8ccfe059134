import createClient, { type Client } from 'openapi-fetch';
import type { paths } from './api.ts';
import { ConnectionError, errorOf, type GloveboxError, retryAfterMs } from './errors.ts';
import { pause } from './pause.ts';

/** An API key, a token, or what gives one that holds now. */
export type KeyOption = string | (() => string | Promise<string>);

export interface Retries {
  /** How often what is safe is asked again. 4 by default; 0: never. */
  readonly times: number;
  /** Before the first; each next one waits twice as long, and never longer than a minute. A `Retry-After` goes before. 250 by default. */
  readonly delayMs: number;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly key: KeyOption;
  readonly retries: Retries;
  readonly fetch: typeof globalThis.fetch;
}

const LONGEST_PAUSE_MS = 60_000;
/** Asking twice is asking once. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE']);
const IDEMPOTENCY_KEY = 'idempotency-key';
/** Whoever answered so has done nothing, and says to come again. */
const TRY_AGAIN: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Makes every request: with the key, asked again where that is safe, and answered with success or a `GloveboxError`. */
export class Connection {
  /** By the paths of the OpenAPI document. What is no success throws. */
  readonly api: Client<paths>;
  readonly #options: ConnectionOptions;

  constructor(options: ConnectionOptions) {
    this.#options = { ...options, url: options.url.replace(/\/+$/, '') };
    this.api = createClient<paths>({ baseUrl: this.#options.url, fetch: (request) => this.#send(withKey(request)) });
  }

  get url(): string {
    return this.#options.url;
  }

  get retries(): Retries {
    return this.#options.retries;
  }

  key(): string | Promise<string> {
    const { key } = this.#options;
    return typeof key === 'string' ? key : key();
  }

  /** A request whose body or answer is a stream of bytes or events. `path` begins with /v1. */
  async raw(path: string, { query = {}, ...init }: RequestInit & { readonly query?: Readonly<Record<string, string | number | boolean | undefined>>; readonly duplex?: 'half' } = {}): Promise<Response> {
    const url = new URL(`${this.#options.url}${path}`);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
    return this.#send(new Request(url, init));
  }

  /** A body that is a stream is gone once it was sent; what is asked of a stream cannot be asked again. */
  async #send(request: Request): Promise<Response> {
    const { times, delayMs } = this.#options.retries;
    const isSafe = IDEMPOTENT.has(request.method) || request.headers.has(IDEMPOTENCY_KEY);
    const isReplayable = request.body === null || request.headers.get('content-type') === 'application/json';
    for (let attempt = 0; ; attempt += 1) {
      const mayRetry = attempt < times && isReplayable;
      const outcome = await this.#once(mayRetry ? request.clone() : request);
      if (outcome instanceof Response && outcome.ok) return outcome;
      request.signal.throwIfAborted();
      const waits = outcome instanceof Response ? retryAfterMs(outcome) : undefined;
      // Too many requests: this one was not looked at.
      const again = mayRetry && (isAgain(outcome) && (isSafe || (outcome instanceof Response && outcome.status === 429)));
      if (!again) throw outcome instanceof Response ? await errorOf(outcome) : outcome;
      if (outcome instanceof Response) await outcome.body?.cancel();
      await pause(waits ?? backoff(delayMs, attempt), request.signal);
    }
  }

  async #once(request: Request): Promise<Response | GloveboxError> {
    request.headers.set('authorization', `Bearer ${await this.key()}`);
    try {
      return await this.#options.fetch(request);
    } catch (error) {
      request.signal.throwIfAborted();
      return new ConnectionError(`no answer from ${this.#options.url}: ${causeOf(error)}`, error);
    }
  }
}

function isAgain(outcome: Response | GloveboxError): boolean {
  return !(outcome instanceof Response) || TRY_AGAIN.has(outcome.status);
}

/** Twice as long each time, and not at the same moment as all the others. */
export function backoff(delayMs: number, attempt: number): number {
  return Math.min(LONGEST_PAUSE_MS, delayMs * 2 ** attempt) * (0.5 + Math.random() / 2);
}

/** By its key a server knows a request again that it has answered, and does nothing twice. */
function withKey(request: Request): Request {
  if (request.method === 'POST' && !request.headers.has(IDEMPOTENCY_KEY)) request.headers.set(IDEMPOTENCY_KEY, freshKey());
  return request;
}

function freshKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** `fetch` itself says only that it failed. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
}
