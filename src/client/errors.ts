import type { components } from './api.ts';

/** What a server says of an error: RFC 9457. */
export interface Problem {
  readonly status: number;
  /** Stable: docs/api.md. */
  readonly code: string;
  /** For people. */
  readonly detail: string;
  readonly issues?: readonly Issue[];
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** What of a request does not fit. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

/** What every call of this package fails with, but for an abort, which fails with the reason of its signal. */
export class GloveboxError extends Error {
  /** Stable, as on the command line: `denied`, `policy_not_found`, `sandbox_lost` … */
  readonly code: string;
  /** Of the answer; 0 where there was none. */
  readonly status: number;
  readonly issues: readonly Issue[];
  /** Facts for machines. */
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor({ status, code, detail, issues = [], details = {} }: Problem, options?: { cause?: unknown }) {
    super(detail, options);
    this.name = new.target.name;
    this.code = code;
    this.status = status;
    this.issues = issues;
    this.details = details;
  }
}

/** The request does not fit: `issues` says where. Asking again gives the same. */
export class RequestError extends GloveboxError {}
/** Nobody knows this key, or no longer. */
export class ForbiddenKeyError extends GloveboxError {}
/** Policy, a role, a person or the kill switch said no. */
export class DeniedError extends GloveboxError {}
/** There is no such thing, or no longer, or it is somebody else's. */
export class AbsentError extends GloveboxError {}
/** It does not go together with what is there: a key used for something else, an approval answered, a patch that does not apply. */
export class ConflictError extends GloveboxError {}
/** A limit or a budget: `retryAfterMs` says when it may be tried again, where waiting helps. */
export class LimitError extends GloveboxError {
  readonly retryAfterMs: number | undefined;

  constructor(problem: Problem, options?: { cause?: unknown; retryAfterMs?: number | undefined }) {
    super(problem, options);
    this.retryAfterMs = options?.retryAfterMs;
  }
}
/** Something that the server needs does not work. */
export class UnavailableError extends GloveboxError {}
/** There was no answer, or it broke off: whether the server did what was asked is not known. */
export class ConnectionError extends GloveboxError {
  constructor(detail: string, cause?: unknown) {
    super({ status: 0, code: 'server_unreachable', detail }, { cause });
  }
}

/** The error of an answer that is none of success. */
export async function errorOf(response: Response): Promise<GloveboxError> {
  const problem = await problemOf(response);
  switch (response.status) {
    case 401:
      return new ForbiddenKeyError(problem);
    case 403:
    case 423:
      return new DeniedError(problem);
    case 404:
      return new AbsentError(problem);
    case 409:
      return problem.code === 'approval_refused' ? new DeniedError(problem) : new ConflictError(problem);
    case 429:
      return new LimitError(problem, { retryAfterMs: retryAfterMs(response) });
    default:
      if (problem.code === 'key_reused') return new ConflictError(problem);
      return response.status >= 500 ? new UnavailableError(problem) : new RequestError(problem);
  }
}

/** The error of a problem that came where no status could any more: in a stream. */
export function errorOfProblem(problem: components['schemas']['Problem'] | Problem): Promise<GloveboxError> {
  return errorOf(new Response(JSON.stringify(problem), { status: problem.status }));
}

/** `Retry-After`, in seconds or as a date; undefined where it is not said. */
export function retryAfterMs(response: Response): number | undefined {
  const said = response.headers.get('retry-after');
  if (said === null) return undefined;
  const ms = /^\d+$/.test(said) ? Number(said) * 1000 : Date.parse(said) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** Something between us and the server may have answered in its own words. */
async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text().catch(() => '');
  const { status } = response;
  try {
    const { code, detail, issues, details } = JSON.parse(text) as Partial<Problem>;
    if (typeof code === 'string') return { status, code, detail: detail ?? code, ...(issues === undefined ? {} : { issues }), ...(details === undefined ? {} : { details }) };
  } catch {
    // Not of ours.
  }
  return { status, code: status >= 500 ? 'unavailable' : 'unknown', detail: `${status} ${response.statusText}: ${text.slice(0, 200)}` };
}
