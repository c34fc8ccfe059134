import type { AppendObserver, Clock, Log, Redactor, RequestObserver, Telemetry, TelemetryOptions } from '../contracts/index.ts';
import { Degradations, type DegradationSources } from './degradations.ts';
import { Correlation } from './log/correlation.ts';
import { JournalLines } from './log/journal-lines.ts';
import { JsonLog } from './log/json-log.ts';
import { plainLine } from './log/plain-lines.ts';
import { Metrics, type MetricsSources } from './metrics/metrics.ts';
import { listenForMetrics } from './metrics/metrics-listener.ts';

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

  /** Errors: `config_invalid` where it cannot listen for metrics. */
  static async open(ports: TelemetryPorts, options: TelemetryOptions): Promise<ProcessTelemetry> {
    const telemetry = new ProcessTelemetry(ports, options);
    const { metricsAt } = options;
    if (metricsAt === undefined) return telemetry;
    try {
      const { url } = telemetry.#open.use(await listenForMetrics(telemetry.metrics, metricsAt));
      telemetry.log.write('info', `metrics at ${url}`);
      return telemetry;
    } catch (error) {
      await telemetry[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor({ clock, redactor, journal, sources }: TelemetryPorts, { level, json, plain }: TelemetryOptions) {
    const correlation = new Correlation();
    this.log = JsonLog.open({ level, redactor, correlation, write: json ?? ((line) => tell(line, plain)) });
    this.degradations = new Degradations({ ...sources, clock });
    this.metrics = new Metrics({ ...sources, degradations: () => this.degradations.now(), nowMs: () => clock.now() });
    this.requests = {
      begin: (trace, goOn) => correlation.within({ trace }, goOn),
      answered: (request) => {
        this.metrics.answered(request);
        const { seconds, ...rest } = request;
        this.log.write(rest.status >= 500 ? 'warn' : 'debug', 'request', { ...rest, ms: Math.round(seconds * 1000) });
      },
    };
    for (const observer of [this.metrics.journal, this.degradations, new JournalLines(this.log)]) this.#open.use(journal.observe(observer));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#open.disposeAsync();
  }
}

function tell(json: string, plain: TelemetryOptions['plain']): void {
  const { text, level } = plainLine(json);
  plain(text, level);
}
