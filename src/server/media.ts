import { Readable } from 'node:stream';
import { z } from 'zod';
import { GloveboxError } from '../contracts/index.ts';
import { problemShape } from './problem.ts';

/** Bytes as they are. */
export const binary = z.unknown().meta({ type: 'string', format: 'binary' });

/** An answer that is not JSON. */
export function answeredAs(mediaType: string, description: string, schema: z.ZodType = binary) {
  return { description, content: { [mediaType]: { schema } } };
}

/** An answer of server-sent events; the schema is that of one of them. What fails on the way is the last of them, `error`. */
export function answeredByEvents(event: z.ZodType, description: string) {
  return answeredAs('text/event-stream', description, event);
}

/** The last event of a stream that failed: its status had gone out by then. */
export const errorEvent = z.object({ event: z.literal('error'), data: problemShape });

/** What a parser left as it comes. Errors: `usage` where it is in another media type. */
export function streamOf(body: unknown, mediaType: string): Readable {
  if (body === null || body === undefined) return Readable.from([]);
  if (body instanceof Readable) return body;
  throw new GloveboxError('usage', `expected a body of content-type ${mediaType}`);
}
