import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

/** Proxies close what is silent for longer. */
const COMMENT_EVERY_MS = 15_000;

export interface ServerSentEvent {
  readonly event: string;
  /** Where to go on after this one: what a client sends back as `Last-Event-ID`. */
  readonly id?: string;
  readonly data: unknown;
}

/**
 * Sends events as they come and ends with them; stops to read them when the client is slow, and when it has gone. What fails on the way is the last event, `error`, with a problem:
 * the status has gone out by then.
 */
export async function sendEvents(reply: FastifyReply, events: (signal: AbortSignal) => AsyncIterable<ServerSentEvent>): Promise<void> {
  const gone = new AbortController();
  const { raw } = reply;
  raw.once('close', () => gone.abort());
  reply.hijack();
  // What hooks have set so far: security headers, CORS.
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  raw.write(': here\n\n');
  const comments = setInterval(() => raw.write(': still here\n\n'), COMMENT_EVERY_MS);
  try {
    for await (const event of events(gone.signal)) {
      if (gone.signal.aborted) return;
      if (!raw.write(textOf(event))) await room(raw, reply.server.takeMs);
    }
  } catch (error) {
    if (!gone.signal.aborted) raw.write(textOf({ event: 'error', data: await reply.server.problem(error) }));
  } finally {
    clearInterval(comments);
    gone.abort();
    raw.end();
  }
}

/** Resolves when the client has taken what was sent to it, or has gone; one that takes nothing for too long is let go of. */
async function room(raw: ServerResponse, takeMs: number): Promise<void> {
  const tooSlow = setTimeout(() => raw.destroy(), takeMs);
  // A long stream waits often: none of it leaves a listener behind.
  const over = new AbortController();
  try {
    await Promise.race([once(raw, 'drain', over), once(raw, 'close', over)]);
  } finally {
    clearTimeout(tooSlow);
    over.abort();
  }
}

function textOf({ event, id, data }: ServerSentEvent): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
