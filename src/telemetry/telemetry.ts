import type { AppendObserver, Clock, Log, Redactor, RequestObserver, Telemetry, TelemetryOptions } from '../contracts/index.ts';
import { Degradations, type DegradationSources } from './degradations.ts';
import { Correlation } from './log/correlation.ts';
import { JournalLines } from './log/journal-lines.ts';
import { JsonLog } from './log/json-log.ts';
import { plainLine } from './log/plain-lines.ts';
import { Metrics, type MetricsSources } from './metrics/metrics.ts';
import { listenForMetrics } from './metrics/metrics-listener.ts';
import type { Traces } from './traces/traces.ts';

export interface TelemetryPorts {
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly journal: { observe(observer: AppendObserver): Disposable };
  readonly sources: Omit<MetricsSources, 'degradations' | 'nowMs'> & Omit<DegradationSources, 'clock'>;
}

/** What a process that serves tells of itself: a log, figures, and what does not work as it should. */
export class ProcessTelemetry implements Telemetry {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly degradations: Degradations;
  readonly requests: RequestObserver;
  readonly #open = new AsyncDisposableStack();
  readonly #correlation = new Correlation();
  #traces: Traces | undefined;

  /** Errors: `config_invalid` where it cannot listen for metrics. */
  static async open(ports: TelemetryPorts, options: TelemetryOptions): Promise<ProcessTelemetry> {
    const telemetry = new ProcessTelemetry(ports, options);
    const { metricsAt, tracesTo } = options;
    try {
      if (tracesTo !== undefined) await telemetry.#trace(ports, tracesTo);
      if (metricsAt === undefined) return telemetry;
      const { url } = telemetry.#open.use(await listenForMetrics(telemetry.metrics, metricsAt));
      telemetry.log.write('info', `metrics at ${url}`);
      return telemetry;
    } catch (error) {
      await telemetry[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor({ clock, redactor, journal, sources }: TelemetryPorts, { level, json, plain }: TelemetryOptions) {
    const correlation = this.#correlation;
    this.log = JsonLog.open({ level, redactor, correlation, write: json ?? ((line) => tell(line, plain)) });
    this.degradations = new Degradations({ ...sources, clock });
    this.metrics = new Metrics({ ...sources, degradations: () => this.degradations.now(), nowMs: () => clock.now() });
    this.requests = {
      begin: ({ trace, span }, goOn) => correlation.within({ trace, span }, goOn),
      answered: (request) => {
        this.metrics.answered(request);
        this.#traces?.answered(request);
        const { seconds, trace: { trace, span }, ...rest } = request;
        this.log.write(rest.status >= 500 ? 'warn' : 'debug', 'request', { trace, span, ...rest, ms: Math.round(seconds * 1000) });
      },
    };
    const lines = new JournalLines(this.log, (event) => this.#traces?.of(event) ?? {});
    // What an event is in a trace is known before its line is written.
    const spans: AppendObserver = { appended: (events) => this.#traces?.appended(events), failed: () => {} };
    for (const observer of [this.metrics.journal, this.degradations, spans, lines]) this.#open.use(journal.observe(observer));
  }

  /** Loaded only where somebody wants traces. */
  async #trace({ clock }: TelemetryPorts, endpoint: string): Promise<void> {
    const { Traces } = await import('./traces/traces.ts');
    this.#traces = this.#open.use(new Traces({ endpoint, clock, correlation: this.#correlation, log: this.log }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#open.disposeAsync();
  }
}

function tell(json: string, plain: TelemetryOptions['plain']): void {
  const { text, level } = plainLine(json);
  plain(text, level);
}
