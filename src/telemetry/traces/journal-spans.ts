import { randomBytes } from 'node:crypto';
import { type JournalEvent, type LogFields, spanIdOf, traceIdOf } from '../../contracts/index.ts';
import type { Correlation } from '../log/correlation.ts';
import { type Begun, beginningOf, type Ended, endingOf } from './events.ts';
import type { Span } from './span.ts';

const SPAN_BYTES = 8;

/** What has begun, and where it stands in a trace. */
interface Open extends Begun {
  readonly place: Place;
  readonly startMs: number;
}
type Place = Pick<Span, 'trace' | 'span' | 'parent'>;

export interface JournalSpansOptions {
  readonly correlation: Correlation;
  readonly send: (span: Span) => void;
}

/**
 * Spans as a reading of the journal: what begins there and ends there. A run has a trace of its own, made of its id, so that processes which take it over go on with the same;
 * what a request does is in the request's.
 */
export class JournalSpans {
  readonly #options: JournalSpansOptions;
  /** By stream, and then by what it is that has begun; in order. */
  readonly #open = new Map<string, Map<string, Open>>();
  readonly #places = new WeakMap<JournalEvent, Place>();

  constructor(options: JournalSpansOptions) {
    this.#options = options;
  }

  appended(events: readonly JournalEvent[]): void {
    for (const event of events) this.#apply(event);
  }

  /** For a line of the log about an event that was appended. */
  of(event: JournalEvent): LogFields {
    const { trace, span } = this.#places.get(event) ?? {};
    return trace === undefined ? {} : { trace, span };
  }

  #apply(event: JournalEvent): void {
    if (!/^(?:run|ses)_/.test(event.stream)) return;
    const begun = beginningOf(event);
    if (begun !== undefined) return this.#begin(event, begun);
    const ended = endingOf(event);
    if (ended !== undefined) this.#end(event, ended);
    else this.#at(event, this.#around(event.stream));
    // What has no end until then has none in this process.
    if (event.type === 'session.closed' || event.type === 'run.ended') this.#open.delete(event.stream);
  }

  #begin(event: JournalEvent, begun: Begun): void {
    const place = this.#inside(event.stream, begun.hasOwnId === true ? spanIdOf(event.stream, begun.key) : undefined);
    this.#at(event, place);
    const open = this.#open.get(event.stream) ?? new Map<string, Open>();
    this.#open.set(event.stream, open);
    open.set(begun.key, { ...begun, place, startMs: event.timeMs });
  }

  #end(event: JournalEvent, { key, name, kind, error, attributes, tookMs = 0, isWhole = false }: Ended): void {
    const open = this.#open.get(event.stream)?.get(key);
    this.#open.get(event.stream)?.delete(key);
    const place = open?.place ?? (isWhole ? this.#whole(event.stream) : this.#inside(event.stream));
    this.#at(event, place);
    const startMs = open?.startMs ?? event.timeMs - tookMs;
    this.#options.send({ ...place, name: open?.name ?? name, kind, startMs, endMs: event.timeMs, attributes: { ...open?.attributes, ...attributes, 'glovebox.stream': event.stream }, error });
  }

  #at(event: JournalEvent, place: Place | undefined): void {
    if (place !== undefined) this.#places.set(event, place);
  }

  /** One more span there: within the tool that has begun, else the run, else the request in which it happens. */
  #inside(stream: string, span = randomBytes(SPAN_BYTES).toString('hex')): Place {
    const around = this.#around(stream);
    return around === undefined ? { trace: traceIdOf(stream), span } : { trace: around.trace, span, parent: around.span };
  }

  #around(stream: string): Place | undefined {
    const tool = this.#open.get(stream)?.values().find(({ holds }) => holds === true);
    if (tool !== undefined) return tool.place;
    if (stream.startsWith('run_')) return this.#whole(stream);
    const { trace, span } = this.#options.correlation.now;
    return typeof trace === 'string' && typeof span === 'string' ? { trace, span } : undefined;
  }

  /** The run itself: the same in each process. */
  #whole(stream: string): Place {
    return { trace: traceIdOf(stream), span: spanIdOf(stream, 'run') };
  }
}
