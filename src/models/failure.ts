import { APIConnectionError as AnthropicConnectionError, APIError as AnthropicError } from '@anthropic-ai/sdk/error';
import { APIConnectionError as OpenAiConnectionError, APIError as OpenAiError } from 'openai/error';
import { z } from 'zod';
import { describeError } from '../contracts/index.ts';

/** What went wrong with one attempt, whatever SDK said it. */
export interface Failure {
  /** `answered`: an HTTP status, or its equal inside a stream. `unreachable`: no request got out. `broken`: it got out, and the answer did not come back whole. */
  readonly kind: 'answered' | 'unreachable' | 'broken' | 'unreadable';
  readonly status?: number;
  /** The provider's own name for it: `insufficient_quota`, `overloaded_error`, `ECONNREFUSED`. */
  readonly code?: string;
  readonly message: string;
  readonly retryAfterMs?: number;
  readonly requestId?: string;
}

/** A stream that ended before it said that it was finished, or that fell silent. */
export class BrokenAnswer extends Error {
  override readonly name = 'BrokenAnswer';
}

/** A failure that a provider reports inside an answer of status 200. */
export class FailedAnswer extends Error {
  override readonly name = 'FailedAnswer';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Names that arrive without a status, in the middle of a stream, and the status that the same failure has outside of one. */
const STATUS_OF: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  invalid_prompt: 400,
  context_length_exceeded: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  insufficient_quota: 429,
  api_error: 500,
  server_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** No connection, for now: nothing was sent, so nothing can have been billed. */
const NOT_CONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);
/** What goes wrong with a connection that was there: the request may have got out. All other trouble (certificates, headers) is before that. */
const DISCONNECTED = /^(UND_ERR_|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT)/;

const errorBody = z.looseObject({ message: z.string().optional(), type: z.string().nullish(), code: z.string().nullish() });

/** Undefined for an error that has nothing to do with the provider: a bug of ours, to be thrown on as it is. */
export function readFailure(error: unknown): Failure | undefined {
  if (error instanceof BrokenAnswer) return { kind: 'broken', message: error.message };
  if (error instanceof FailedAnswer) {
    return { kind: 'answered', code: error.code, status: STATUS_OF[error.code] ?? 500, message: error.message };
  }
  if (error instanceof OpenAiConnectionError || error instanceof AnthropicConnectionError) return connectionFailure(error);
  if (error instanceof OpenAiError || error instanceof AnthropicError) return answeredFailure(error);
  if (error instanceof SyntaxError || error instanceof z.ZodError) {
    return { kind: 'unreadable', message: error instanceof z.ZodError ? z.prettifyError(error) : error.message };
  }
  return DISCONNECTED.test(rootOf(error).code ?? '') ? connectionFailure(error) : undefined;
}

/** Whether the same request may succeed a little later. */
export function mayPass(failure: Failure): boolean {
  const { kind, code, status = 500 } = failure;
  switch (kind) {
    case 'broken':
      return true;
    case 'unreadable':
      return false;
    case 'unreachable':
      return NOT_CONNECTED.has(code ?? '');
    case 'answered':
      return code !== 'insufficient_quota' && (status === 408 || status === 409 || status === 429 || status >= 500);
  }
}

function connectionFailure(error: unknown): Failure {
  const { code, message } = rootOf(error);
  const got = code !== undefined && DISCONNECTED.test(code) && !NOT_CONNECTED.has(code);
  return { kind: got ? 'broken' : 'unreachable', message, ...(code === undefined ? {} : { code }) };
}

function answeredFailure(error: InstanceType<typeof OpenAiError> | InstanceType<typeof AnthropicError>): Failure {
  const body = innerBody(error.error);
  const code = [body?.code, body?.type].find((name) => typeof name === 'string' && name !== 'error') ?? undefined;
  const status = error.status ?? STATUS_OF[body?.code ?? ''] ?? STATUS_OF[body?.type ?? ''] ?? 500;
  const retryAfterMs = readRetryAfter(error.headers);
  return {
    kind: 'answered',
    status,
    message: body?.message ?? error.message,
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(typeof error.requestID === 'string' ? { requestId: error.requestID } : {}),
  };
}

/** Anthropic wraps its error once more than OpenAI does. */
function innerBody(body: unknown): z.infer<typeof errorBody> | undefined {
  const wrapped = z.looseObject({ error: errorBody }).safeParse(body);
  return wrapped.success ? wrapped.data.error : errorBody.safeParse(body).data;
}

/** `retry-after-ms`, or `retry-after` in seconds. A date is not used by either provider and reads as undefined. */
function readRetryAfter(headers: Headers | undefined): number | undefined {
  const milliseconds = Number(headers?.get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(milliseconds)) return Math.max(0, milliseconds);
  const seconds = Number(headers?.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : undefined;
}

/** The code of the system, of TLS or of undici, from wherever in the chain of causes it is, and what was said at the chain's end. */
function rootOf(error: unknown): { readonly code?: string; readonly message: string } {
  let message = describeError(error);
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    message = at.message;
    if ('code' in at && typeof at.code === 'string') return { code: at.code, message };
  }
  return { message };
}
