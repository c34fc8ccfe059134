import { GloveboxError } from '../contracts/index.ts';
import type { Failure } from './failure.ts';

/** Where a model is reached, as far as an error message needs it. */
export interface Endpoint {
  readonly provider: string;
  readonly model: string;
  readonly key: string;
  /** False where `key` only stands in for one, towards a server that may want none. */
  readonly keyIsSet: boolean;
  /** `OPENAI_API_KEY`. */
  readonly keyVariable: string;
  /** `OPENAI_BASE_URL`. */
  readonly baseUrlVariable: string;
  /** Undefined: the provider's own. */
  readonly baseUrl: string | undefined;
  /** What else to try where a model or tool is not known there. */
  readonly hint?: string;
}

/** A call goes to the host that policy was asked about, and to no other that it names. */
export const NO_REDIRECTS = { redirect: 'error' } as const;

export function hostOf(baseUrl: string): string {
  return new URL(baseUrl).hostname;
}

type Details = Record<string, string | number | boolean>;

const CONTEXT_LENGTH = /context[_ -]?(length|window|size)|prompt is too long|input is too long|too many (input )?tokens/i;

/**
 * The error that a caller sees. `details`: `provider`, `model`, `attempts`; `status` and `requestId` where there was an answer;
 * `retryAfterSeconds`; `contextLength: true`; `costUnknown: true` when a request went out and may have been billed although
 * no usage came back, and then `mayRepeat: true` where nothing of the answer had arrived.
 */
export function failureError(failure: Failure, endpoint: Endpoint, { attempts, hasContent }: { readonly attempts: number; readonly hasContent: boolean }): GloveboxError {
  const details: Details = { provider: endpoint.provider, model: endpoint.model, attempts };
  if (failure.status !== undefined) details['status'] = failure.status;
  if (failure.requestId !== undefined) details['requestId'] = failure.requestId;
  if (failure.retryAfterMs !== undefined) details['retryAfterSeconds'] = Math.ceil(failure.retryAfterMs / 1000);
  if (failure.kind === 'broken' || failure.kind === 'unreadable') details['costUnknown'] = true;
  if (failure.kind === 'broken' && !hasContent) details['mayRepeat'] = true;
  const said = scrub(failure.message, endpoint.key);
  const where = endpoint.baseUrl === undefined ? endpoint.provider : `${endpoint.provider} at ${endpoint.baseUrl}`;
  switch (failure.kind) {
    case 'unreachable': {
      const check = endpoint.baseUrl === undefined ? 'Check the network.' : `Check ${endpoint.baseUrlVariable}, and that the server runs.`;
      return new GloveboxError('model_unavailable', `Cannot reach ${where} (${failure.code ?? said}). ${check}`, { details });
    }
    case 'broken':
      return new GloveboxError('model_unavailable', `${where} did not finish its answer: ${said}`, { details });
    case 'unreadable':
      return new GloveboxError('model_malformed', `${where} sent an answer that cannot be read: ${said}`, { details });
    case 'answered':
      return answeredError(failure, failure.status ?? 500, said, where, endpoint, details);
  }
}

function answeredError(failure: Failure, status: number, said: string, where: string, endpoint: Endpoint, details: Details): GloveboxError {
  const hint = endpoint.hint === undefined ? '' : ` ${endpoint.hint}`;
  // What a provider says to a wrong key repeats parts of the key: its words are left out.
  if (status === 401) {
    const what = endpoint.keyIsSet ? `does not accept the key in ${endpoint.keyVariable} (401). Set another one.` : `wants a key (401): set ${endpoint.keyVariable}.`;
    return new GloveboxError('model_key_missing', `${where} ${what}`, { details });
  }
  if (status === 403) {
    return new GloveboxError('model_rejected', `${where} does not let the key in ${endpoint.keyVariable} use ${endpoint.model} (403): ${said}`, { details });
  }
  if (status === 404) {
    const url = endpoint.baseUrl === undefined ? '' : ` Check the path in ${endpoint.baseUrlVariable} too.`;
    return new GloveboxError('model_unknown', `${where} does not know the model "${endpoint.model}" (404): ${said}${url}${hint}`, { details });
  }
  if (status === 429 && failure.code !== 'insufficient_quota') {
    const wait = failure.retryAfterMs === undefined ? '' : ` It says to wait ${Math.ceil(failure.retryAfterMs / 1000)} s.`;
    return new GloveboxError('model_rate_limited', `${where} limits the rate of calls (429): ${said}${wait}`, { details });
  }
  if (status === 408 || status === 409 || status >= 500) {
    return new GloveboxError('model_unavailable', `${where} failed (${status}): ${said}`, { details });
  }
  const tooLong = status === 413 || CONTEXT_LENGTH.test(`${failure.code ?? ''} ${said}`);
  if (tooLong) details['contextLength'] = true;
  return new GloveboxError('model_rejected', `${where} rejected the request (${status}): ${said}${tooLong ? '' : hint}`, { details });
}

/** No key leaves in an error: neither ours, nor one that a provider repeats in part. */
function scrub(text: string, key: string): string {
  const known = key.length >= 8 ? text.replaceAll(key, '[key]') : text;
  const line = known.replace(/\bsk-[\w*.-]{4,}/g, '[key]').replaceAll(/\s+/g, ' ').trim();
  return line.length > 500 ? `${line.slice(0, 500)}…` : line;
}
