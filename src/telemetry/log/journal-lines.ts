import { type AppendObserver, describeError, type EventData, type EventType, type JournalEvent, type Log, type LogFields, type LogLevel } from '../../contracts/index.ts';

type Line = readonly [LogLevel, string, LogFields?];

/** What happens, told in the log: the ids are those of the journal, which has all of it. */
export class JournalLines implements AppendObserver {
  readonly #log: Log;
  readonly #traceOf: (event: JournalEvent) => LogFields;

  constructor(log: Log, traceOf: (event: JournalEvent) => LogFields = () => ({})) {
    this.#log = log;
    this.#traceOf = traceOf;
  }

  appended(events: readonly JournalEvent[]): void {
    for (const event of events) {
      const line = lineOf(event);
      if (line !== undefined) this.#log.write(line[0], line[1], { ...this.#traceOf(event), ...whose(event.stream), seq: event.seq, ...line[2] });
    }
  }

  failed(error: unknown): void {
    this.#log.write('error', `the journal did not take what was appended: ${describeError(error)}`);
  }
}

/** A run's stream is named by the run, that of a session without one by the session. */
function whose(stream: string): LogFields {
  if (stream.startsWith('run_')) return { run: stream };
  if (stream.startsWith('ses_')) return { session: stream };
  return stream.startsWith('apr_') ? { approval: stream } : { stream };
}

/** What of the journal is worth a line. */
const LINES: { readonly [T in EventType]?: (data: EventData[T]) => Line | undefined } = {
  'session.opened': ({ principal, tenant, policy }) => ['info', 'session opened', { principal, tenant, policy }],
  'session.closed': ({ why }) => ['info', 'session closed', { why }],
  'sandbox.created': ({ sandbox, kind, image }) => ['debug', 'sandbox created', { sandbox, kind, image }],
  'sandbox.gone': ({ sandbox, why }) => ['debug', 'sandbox gone', { sandbox, why }],
  decision: ({ allowed, request: { action }, decision: { reason } }) => (allowed ? undefined : ['info', 'denied', { action, rule: reason.rule, reason: reason.text }]),
  'command.started': ({ command, sandbox }) => ['debug', 'command started', { command, sandbox }],
  'command.ended': ({ command, end: { cause, exitCode, usage } }) => ['debug', 'command ended', { command, cause, exitCode, wallMs: usage.wallMs }],
  'egress.refused': ({ host, code }) => ['info', 'egress refused', { host, code }],
  'anomaly.raised': ({ kind, text }) => ['warn', 'anomaly', { kind, text }],
  'model.failed': ({ call, code, message: text }) => ['warn', 'model call failed', { call, code, text }],
  'model.fell_back': ({ from, to, code }) => ['warn', 'another model is asked', { from, to, code }],
  'budget.warned': ({ scope, name, period, used: { microUsd, tokens } }) => ['warn', 'most of a budget is used', { scope, name, period, microUsd, tokens }],
  'approval.requested': ({ request: { action }, askedBy }) => ['info', 'approval requested', { action, askedBy }],
  'approval.answered': ({ answer, by }) => ['info', 'approval answered', { answer, by }],
  'run.created': () => ['info', 'run created'],
  'run.claimed': ({ worker }) => ['info', 'run claimed', { worker }],
  'run.retried': ({ attempt, code, message: text }) => ['warn', 'run is tried again', { attempt, code, text }],
  'run.parked': ({ why, approval }) => ['info', 'run parked', { why, approval }],
  'run.escalated': ({ code, why }) => ['warn', 'run cannot go on by itself', { code, why }],
  'run.ended': ({ outcome, code, steps, tokens, usd }) => ['info', 'run ended', { outcome, code, steps, tokens, usd }],
  'api_key.created': ({ key, by }) => ['info', 'API key created', { key, by }],
  'api_key.revoked': ({ key, by }) => ['info', 'API key revoked', { key, by }],
  'secret.set': ({ name, by }) => ['info', 'secret set', { name, by }],
  'secret.removed': ({ name, by }) => ['info', 'secret removed', { name, by }],
  'master_key.change_begun': ({ to, by }) => ['info', 'change of master key begun', { to, by }],
  'master_key.changed': ({ to, envelopes, by }) => ['info', 'master key changed', { to, envelopes, by }],
  'config.changed': ({ file, hash }) => ['info', 'configuration changed', { file, hash }],
  'control.stopped': ({ scope: { what }, by, why }) => ['warn', 'stopped', { scope: what, by, why }],
  'control.lifted': ({ scope: { what }, by, why }) => ['warn', 'stop lifted', { scope: what, by, why }],
  'notification.sent': ({ notice, channel }) => ['info', 'notification sent', { notice, channel }],
  'notification.failed': ({ notice, channel, why, final }) => ['warn', 'notification failed', { notice, channel, why, final }],
};

function lineOf(event: JournalEvent): Line | undefined {
  // Each entry takes the data of its own type, which an index by a union cannot show.
  const line = LINES[event.type] as ((data: unknown) => Line | undefined) | undefined;
  return line?.(event.data);
}
