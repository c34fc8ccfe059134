import type { Readable } from 'node:stream';
import { AwsV4Signer } from 'aws4fetch';
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { type Dispatcher, request } from 'undici';
import { describeError, GloveboxError } from '../../contracts/index.ts';
import type { AwsKeys } from './aws-keys.ts';
import type { BucketAddress } from './bucket-address.ts';

export interface BucketRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew for each attempt. */
  readonly body?: { readonly bytes: number; readonly sha256: string; readonly open: () => Buffer | Readable };
}

export interface BucketOptions {
  /** Between attempts; doubled each time. */
  readonly firstWaitMs?: number;
  /** Without a byte from the server. */
  readonly silenceMs?: number;
}

export type BucketAnswer = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>;

const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const ATTEMPTS = 4;
const FIRST_WAIT_MS = 200;
const SILENCE_MS = 20_000;
/** A line that carries less is taken for dead, whatever it carries: 16 KiB a second. */
const LEAST_BYTES_PER_MS = 16;
/** Longer answers than that to what failed are no explanation. */
const MOST_ERROR_BYTES = 64 * 1024;
/** S3 asks for patience, or has a bad moment: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html. */
const PASSING = new Set([408, 429, 500, 502, 503, 504]);

/** An answer, or none, after which it is worth to ask again. */
class PassingFailure extends Error {}

/** Signed requests to a bucket. All that is asked of it may be asked twice: objects are named by their content. */
export class Bucket {
  readonly #address: BucketAddress;
  readonly #keys: () => Promise<AwsKeys>;
  readonly #silenceMs: number;
  readonly #retrying: ReturnType<typeof retry>;

  constructor(address: BucketAddress, keys: () => Promise<AwsKeys>, { firstWaitMs = FIRST_WAIT_MS, silenceMs = SILENCE_MS }: BucketOptions = {}) {
    this.#address = address;
    this.#keys = keys;
    this.#silenceMs = silenceMs;
    this.#retrying = retry(handleWhen((error) => error instanceof PassingFailure), { maxAttempts: ATTEMPTS - 1, backoff: new ExponentialBackoff({ initialDelay: firstWaitMs }) });
  }

  get name(): string {
    return this.#address.name;
  }

  /** An answer of 2xx, or undefined for 404. Errors: `journal_failed`, `config_invalid` where there are no keys. */
  async ask(asked: BucketRequest): Promise<BucketAnswer | undefined> {
    try {
      return await this.#retrying.execute(() => this.#once(asked));
    } catch (error) {
      if (error instanceof PassingFailure) throw this.failed(`${error.message}, ${ATTEMPTS} times`, error.cause);
      throw error;
    }
  }

  failed(why: string, cause?: unknown): GloveboxError {
    return new GloveboxError('journal_failed', `the bucket ${this.name} ${why}`, { cause, details: { bucket: this.name } });
  }

  async #once(asked: BucketRequest): Promise<BucketAnswer | undefined> {
    const { method, body } = asked;
    const signed = await this.#signed(asked);
    // Timers for silence do not run while it is sent.
    const sending = body === undefined ? {} : { body: body.open(), signal: AbortSignal.timeout(this.#silenceMs + Math.ceil(body.bytes / LEAST_BYTES_PER_MS)) };
    let answer: BucketAnswer;
    try {
      answer = await request(signed.url, { method, headers: signed.headers, headersTimeout: this.#silenceMs, bodyTimeout: this.#silenceMs, ...sending });
    } catch (error) {
      throw new PassingFailure(`cannot be reached (${reasonOf(error)})`, { cause: error });
    }
    if (answer.statusCode < 300) return answer;
    const said = await explanation(answer);
    if (answer.statusCode === 404 && said !== 'NoSuchBucket') return undefined;
    const why = `answered ${method} with ${answer.statusCode}${said === '' ? '' : ` ${said}`}`;
    throw PASSING.has(answer.statusCode) ? new PassingFailure(why) : this.failed(`${why}${ADVICE[said] ?? ''}`);
  }

  async #signed({ method, key, query, headers = {}, body }: BucketRequest): Promise<{ readonly url: URL; readonly headers: Record<string, string> }> {
    const { prefix, region, url } = this.#address;
    const keys = await this.#keys();
    const content = { 'x-amz-content-sha256': body?.sha256 ?? EMPTY_SHA256, ...(body === undefined ? {} : { 'content-length': String(body.bytes) }) };
    const address = query === undefined ? url(`${prefix}${key}`) : url(key, query);
    const signed = await new AwsV4Signer({ ...keys, service: 's3', region, method, url: address.href, headers: { ...headers, ...content } }).sign();
    return { url: signed.url, headers: Object.fromEntries(signed.headers) };
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  SignatureDoesNotMatch: ': AWS_SECRET_ACCESS_KEY is not the one that belongs to AWS_ACCESS_KEY_ID, or the region is another',
  InvalidAccessKeyId: ': it does not know the key in AWS_ACCESS_KEY_ID',
  AccessDenied: ': the key in AWS_ACCESS_KEY_ID may not do this there (s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket)',
  ExpiredToken: ': AWS_SESSION_TOKEN has expired',
  NoSuchBucket: ': make it first',
  AuthorizationHeaderMalformed: ': name its region in the URL (?region=…)',
  PermanentRedirect: ': it is in another region; name it in the URL (?region=…)',
};

/** The code of an error, and the connection free again. */
async function explanation({ body }: BucketAnswer): Promise<string> {
  let text = '';
  try {
    for await (const piece of body) {
      text += String(piece);
      if (text.length > MOST_ERROR_BYTES) break;
    }
  } catch {
    // The status says enough.
  }
  return /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? '';
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : describeError(error);
}
