import type { JournalEvent } from './events.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a line of a log is about: ids, names, counts, texts. What is undefined is left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where a process says what it does, line by line. No secret is ever in it: every text goes through the redactor. */
export interface Log {
  write(level: LogLevel, message: string, fields?: LogFields): void;
  /** The same, with these in each line. */
  with(fields: LogFields): Log;
}

/** A request's place in a trace (W3C Trace Context): 32, 16 and 16 hexadecimal digits. */
export interface RequestTrace {
  readonly trace: string;
  /** Of the request itself. */
  readonly span: string;
  /** The caller's, where it said one. */
  readonly parent?: string;
}

/** A request that was answered. */
export interface AnsweredRequest {
  readonly trace: RequestTrace;
  readonly method: string;
  /** The route's template, such as `/v1/runs/:id`; `none` where there is no such route. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}

/** Sees the requests that a server answers. */
export interface RequestObserver {
  /** Goes on with a request, so that whatever is written meanwhile has its trace with it. */
  begin(trace: RequestTrace, goOn: () => void): void;
  answered(request: AnsweredRequest): void;
}

/** Sees what this process appends to the journal, once it is there. Must not throw. */
export interface AppendObserver {
  appended(events: readonly JournalEvent[], seconds: number): void;
  failed(error: unknown): void;
}

/** Figures of a process, in the format that Prometheus reads. */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

/** Something that does not work as it should while the rest goes on: what it is, and what to know of it. */
export interface Degradation {
  /** Such as `kind:container`: one of few. */
  readonly what: string;
  readonly text: string;
}

/** How somebody wants to watch a process that serves. */
export interface TelemetryOptions {
  readonly level: LogLevel;
  /** Takes lines of JSON; absent where a person reads, who gets `plain`. */
  readonly json?: (line: string) => void;
  /** Takes text without a newline, and has to see to it that it cannot steer a terminal. */
  readonly plain: (text: string, level: LogLevel) => void;
  /** Where figures are read without a key; nowhere where nothing is said. */
  readonly metricsAt?: { readonly host: string; readonly port: number };
  /** Where spans are sent to, by OTLP over HTTP; nowhere where nothing is said. */
  readonly tracesTo?: string;
}

/** What a process that serves tells of itself, until it is disposed of. */
export interface Telemetry extends AsyncDisposable {
  readonly log: Log;
  readonly metrics: MetricsText;
  readonly requests: RequestObserver;
  readonly degradations: { now(): Promise<readonly Degradation[]> };
}
