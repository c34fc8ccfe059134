import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { GloveboxError } from '../contracts/index.ts';

/** RFC 9457. `code` is stable, and the one of docs/api.md; `detail` is for people. */
export const problemShape = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    /** What of the request does not fit. */
    issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    /** Facts for machines. */
    details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.output<typeof problemShape>;

export const PROBLEM_TYPE = 'application/problem+json';

/** What fastify itself refuses, by status. */
const REFUSALS: Readonly<Record<number, { readonly code: string; readonly title: string }>> = {
  400: { code: 'usage', title: 'The request cannot be read' },
  404: { code: 'not_found', title: 'There is no such thing' },
  405: { code: 'usage', title: 'Not with this method' },
  408: { code: 'deadline', title: 'The request did not come in time' },
  413: { code: 'usage', title: 'The request is too large' },
  414: { code: 'usage', title: 'The address is too long' },
  415: { code: 'usage', title: 'Not in this media type' },
  431: { code: 'usage', title: 'The headers are too large' },
  429: { code: 'admission_full', title: 'Too many requests' },
  503: { code: 'admission_full', title: 'Too busy' },
};

/** What a client is told of an error. Of one that is not ours only that there was one: it may hold anything. */
export function problemOf(error: unknown): Problem {
  if (error instanceof GloveboxError) {
    const details = Object.keys(error.details).length === 0 ? {} : { details: error.details };
    // Where policies are looked for is a folder of the server's.
    const detail = error.code === 'policy_not_found' ? `there is no policy ${error.details['policy'] ?? 'of that name'}: GET /v1/policies has those that there are` : error.message;
    return problem(error.status, error.code, sentence(error.code), detail, details);
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const issues = error.validation.map(({ instancePath, message }) => ({ path: `${error.validationContext ?? 'body'}${instancePath}`, message: message ?? 'is not what was expected' }));
    return problem(400, 'usage', 'The request does not fit', issues.map(({ path, message }) => `${path}: ${message}`).join('; '), { issues });
  }
  const status = statusOf(error);
  const refusal = REFUSALS[status];
  if (refusal !== undefined && error instanceof Error) return problem(status, refusal.code, refusal.title, error.message);
  return problem(500, 'internal', 'An error of our own', 'it was written to the log of the server');
}

function problem(status: number, code: string, title: string, detail: string, more: Partial<Problem> = {}): Problem {
  return { type: `urn:glovebox:problem:${code}`, title, status, code, detail, ...more };
}

function statusOf(error: unknown): number {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
}

/** What is answered where there is no request that could be: the bytes were none, too many, or did not come. A connection that has been answered, or is gone, gets nothing more. */
export function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = CONNECTION_ERRORS[error.code ?? ''] ?? 400;
  const body = JSON.stringify(problem(status, REFUSALS[status]?.code ?? 'usage', REFUSALS[status]?.title ?? '', 'the connection is closed: what came on it is no request that can be read'));
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}

/** Of Node's parser; 400 for all others. */
const CONNECTION_ERRORS: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** `policy_not_found` as words. */
function sentence(code: string): string {
  return `${code.slice(0, 1).toUpperCase()}${code.slice(1).replaceAll('_', ' ')}`;
}
