import { backoff, type Connection } from './connection.ts';
import { ConnectionError, errorOfProblem, GloveboxError, type Problem } from './errors.ts';
import { pause } from './pause.ts';

/** A server-sent event; `data` is what was JSON. */
export interface SentEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

/** A server says something every 15 s, if only that it is still there. */
const SILENCE_MS = 45_000;

interface Following {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** Whether nothing comes after it. What ends without such an event broke off, and is asked for again from there. */
  isLast(event: SentEvent): boolean;
  /** Whether it also ends by itself, without a last event: only a connection that fails broke off then. */
  readonly ends?: boolean;
}

/**
 * Events from the first to the last; a connection that breaks or falls silent is made again and goes on after the last event that came, without loss or repeat.
 * Errors: what the server says; `ConnectionError` where it does not come back.
 */
export async function* follow(connection: Connection, { path, query, signal, isLast, ends = false }: Following): AsyncGenerator<SentEvent, void, undefined> {
  let last = '';
  for (let failures = 0; ; ) {
    const heard = last;
    let broke: unknown;
    try {
      const response = await connection.raw(path, { ...(query === undefined ? {} : { query }), headers: { accept: 'text/event-stream', ...(last === '' ? {} : { 'last-event-id': last }) }, ...(signal === undefined ? {} : { signal }) });
      for await (const event of eventsOf(response)) {
        if (event.event === 'error') throw await errorOfProblem(event.data as Problem);
        if (event.id !== '') last = event.id;
        yield event;
        if (isLast(event)) return;
      }
      if (ends) return;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof GloveboxError) throw error;
      broke = error;
    }
    failures = last === heard ? failures + 1 : 0;
    if (failures > connection.retries.times) throw new ConnectionError(`${path} broke off again and again`, broke);
    await pause(backoff(connection.retries.delayMs, failures), signal);
  }
}

/** The events of one answer, until it ends. Errors: those of the connection, and that of one that has fallen silent. */
export async function* eventsOf(response: Response): AsyncGenerator<SentEvent, void, undefined> {
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await withinSilence(reader.read());
      if (done) return;
      const blocks = (text + value).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const event = parse(block);
        if (event !== undefined) yield event;
      }
    }
  } finally {
    // Whoever leaves early lets go of the connection.
    await reader.cancel().catch(() => undefined);
  }
}

async function withinSilence<T>(reading: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing was heard for ${SILENCE_MS / 1000} s`)), SILENCE_MS);
  });
  try {
    return await Promise.race([reading, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Undefined for a comment. */
function parse(block: string): SentEvent | undefined {
  const fields = { id: '', event: 'message', data: '' };
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    if (name === 'id' || name === 'event' || name === 'data') fields[name] = line.slice(colon + 1).trimStart();
  }
  return fields.data === '' ? undefined : { ...fields, data: JSON.parse(fields.data) as unknown };
}
