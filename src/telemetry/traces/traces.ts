import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags, type Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, type IdGenerator, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import type { AnsweredRequest, AppendObserver, Clock, JournalEvent, Log, LogFields } from '../../contracts/index.ts';
import type { Correlation } from '../log/correlation.ts';
import { JournalSpans } from './journal-spans.ts';
import type { Span } from './span.ts';

export interface TracesOptions {
  /** `http://127.0.0.1:4318/v1/traces` */
  readonly endpoint: string;
  readonly clock: Clock;
  readonly correlation: Correlation;
  readonly log: Log;
}

/** So long an attempt to send takes at most, and so long is waited for the last when the process ends. */
const SEND_MS = 5_000;
const SEND_EVERY_MS = 2_000;
const KINDS = { internal: SpanKind.INTERNAL, client: SpanKind.CLIENT, server: SpanKind.SERVER } as const;
/** Whoever looks whether we live does so all the time. */
const UNTRACED: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

/** Sends spans of requests and of what the journal is told, by OTLP over HTTP. Headers, service name and resource attributes are OpenTelemetry's own variables (OTEL_…). */
export class Traces implements AppendObserver, AsyncDisposable {
  readonly #clock: Clock;
  readonly #spans: JournalSpans;
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;
  readonly #ids = new GivenIds();

  constructor({ endpoint, clock, correlation, log }: TracesOptions) {
    this.#clock = clock;
    this.#spans = new JournalSpans({ correlation, send: (span) => this.#send(span) });
    const exporter = told(new OTLPTraceExporter({ url: endpoint, timeoutMillis: SEND_MS }), log);
    const resource = defaultResource().merge(resourceFromAttributes({ 'service.name': 'glovebox' })).merge(detectResources({ detectors: [envDetector] }));
    this.#provider = new TracerProvider({ resource, idGenerator: this.#ids, spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: SEND_EVERY_MS, exportTimeoutMillis: SEND_MS })] });
    this.#tracer = this.#provider.getTracer('glovebox');
  }

  appended(events: readonly JournalEvent[]): void {
    this.#spans.appended(events);
  }

  failed(): void {}

  /** For a line of the log about an event that was appended. */
  of(event: JournalEvent): LogFields {
    return this.#spans.of(event);
  }

  answered({ trace: place, method, route, status, seconds }: AnsweredRequest): void {
    if (UNTRACED.has(route)) return;
    const endMs = this.#clock.now();
    const attributes = { 'http.request.method': method, 'http.route': route, 'http.response.status_code': status };
    this.#send({ ...place, name: `${method} ${route}`, kind: 'server', startMs: endMs - seconds * 1000, endMs, attributes, error: status >= 500 ? String(status) : undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What could not be sent has been said.
    await this.#provider.shutdown().catch(() => undefined);
  }

  #send({ trace: traceId, span, parent, name, kind, startMs, endMs, attributes, error }: Span): void {
    this.#ids.next = { trace: traceId, span };
    const around = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: parent, traceFlags: TraceFlags.SAMPLED, isRemote: true });
    const known = Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [[key, typeof value === 'object' ? [...value] : value] as const]));
    const made = this.#tracer.startSpan(name, { kind: KINDS[kind], startTime: startMs, attributes: { ...Object.fromEntries(known), ...(error === undefined ? {} : { 'error.type': error }) } }, around);
    if (error !== undefined) made.setStatus({ code: SpanStatusCode.ERROR });
    made.end(endMs);
  }
}

/** Ids as they were given: they stand in the log already. */
class GivenIds implements IdGenerator {
  next: Pick<Span, 'trace' | 'span'> = { trace: '', span: '' };

  generateTraceId(): string {
    return this.next.trace;
  }

  generateSpanId(): string {
    return this.next.span;
  }
}

/** Whoever runs the service hears once that spans do not get anywhere, and once that they do again. */
function told(exporter: SpanExporter, log: Log): SpanExporter {
  let isDown = false;
  return {
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const failed = result.code !== 0;
        if (failed !== isDown) log.write(failed ? 'warn' : 'info', failed ? `spans cannot be sent: ${result.error?.message ?? 'nobody says why'}` : 'spans are sent again');
        isDown = failed;
        done(result);
      }),
  };
}
