import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AnsweredRequest, AppendObserver, Degradation, IsolateLoad, MetricsText, WarmStock } from '../../contracts/index.ts';
import { JournalMetrics } from './journal-metrics.ts';

/** What is asked when somebody reads the figures. What rejects is left out of them, and counted. */
export interface MetricsSources {
  readonly queue: () => Promise<{ readonly runs: number; readonly oldestMs?: number }>;
  readonly isolates: () => IsolateLoad;
  /** Undefined where none stand ready. */
  readonly pool: () => { readonly stock: readonly WarmStock[]; readonly hits: number; readonly misses: number } | undefined;
  /** Undefined where that is not this process's to know. */
  readonly journalBytes: () => Promise<number | undefined>;
  readonly degradations: () => Promise<readonly Degradation[]>;
  readonly nowMs: () => number;
}

const REQUESTS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];
/** Gauges of prom-client that are called counters, which Prometheus warns of. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];
/** A source that does not answer holds the reading up for so long. */
const SOURCE_MS = 2_000;

/** The figures of a process. Labels are few and their values bounded: routes as templates, never an id. */
export class Metrics implements MetricsText {
  readonly #registry = new Registry();
  readonly #requests: Counter<'method' | 'route' | 'status'>;
  readonly #requestSeconds: Histogram<'method' | 'route'>;
  readonly #sourceFailures: Counter<'source'>;
  /** To be told what is appended. */
  readonly journal: AppendObserver;

  constructor(sources: MetricsSources) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
    this.journal = new JournalMetrics(this.#registry);
    this.#requests = new Counter({ name: 'glovebox_http_requests_total', help: 'requests that were answered', labelNames: ['method', 'route', 'status'], registers });
    this.#requestSeconds = new Histogram({ name: 'glovebox_http_request_seconds', help: 'how long answers took, streams to their end', labelNames: ['method', 'route'], buckets: REQUESTS, registers });
    this.#sourceFailures = new Counter({ name: 'glovebox_metrics_source_failures_total', help: 'readings that could not be had', labelNames: ['source'], registers });
    this.#readQueue(sources);
    this.#readPool(sources);
    this.#readMachine(sources);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  answered({ method, route, status, seconds }: AnsweredRequest): void {
    this.#requests.inc({ method, route, status: `${Math.floor(status / 100)}xx` });
    this.#requestSeconds.observe({ method, route }, seconds);
  }

  #readQueue({ queue, nowMs }: MetricsSources): void {
    this.#gauge('queue_runs', 'runs that wait or are worked at, of all processes', [], async (gauge) => gauge.set((await queue()).runs));
    this.#gauge('queue_oldest_age_seconds', 'for how long the run that waits longest could have been begun; 0 where none waits', [], async (gauge) => {
      const { oldestMs } = await queue();
      gauge.set(oldestMs === undefined ? 0 : Math.max(0, (nowMs() - oldestMs) / 1000));
    });
  }

  #readPool({ pool, isolates }: MetricsSources): void {
    this.#gauge('pool_sandboxes', 'sandboxes of the pool that nobody has yet', ['state'], (gauge) => {
      const stock = pool()?.stock ?? [];
      for (const state of ['ready', 'making', 'target'] as const) gauge.set({ state }, stock.reduce((sum, each) => sum + each[state], 0));
    });
    new Counter({
      name: 'glovebox_pool_requests_total',
      help: 'sandboxes that were asked of the pool: a hit stood ready',
      labelNames: ['outcome'],
      registers: [this.#registry],
      collect() {
        const { hits, misses } = pool() ?? { hits: 0, misses: 0 };
        this.reset();
        this.inc({ outcome: 'hit' }, hits);
        this.inc({ outcome: 'miss' }, misses);
      },
    });
    this.#gauge('isolates', 'children that run JavaScript, and calls that wait for one', ['state'], (gauge) => {
      for (const [state, count] of Object.entries(isolates())) gauge.set({ state }, count);
    });
  }

  #readMachine({ journalBytes, degradations }: MetricsSources): void {
    this.#gauge('journal_bytes', 'size of the journal where it is a file', [], async (gauge) => {
      const bytes = await journalBytes();
      if (bytes !== undefined) gauge.set(bytes);
    });
    this.#gauge('degraded', 'what does not work as it should while the rest goes on: docs/operations.md', ['what'], async (gauge) => {
      gauge.reset();
      for (const { what } of await degradations()) gauge.set({ what }, 1);
    });
  }

  #gauge<L extends string>(name: string, help: string, labelNames: readonly L[], read: (gauge: Gauge<L>) => void | Promise<void>): void {
    const failures = this.#sourceFailures;
    const collect = async function (this: Gauge<L>): Promise<void> {
      try {
        await soon(read(this));
      } catch {
        failures.inc({ source: name });
      }
    };
    new Gauge({ name: `glovebox_${name}`, help, labelNames, registers: [this.#registry], collect });
  }
}

async function soon(reading: void | Promise<void>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${SOURCE_MS} ms`)), SOURCE_MS);
  try {
    await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}
