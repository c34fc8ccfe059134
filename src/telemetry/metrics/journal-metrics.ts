import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type AppendObserver, type EventData, type EventType, GloveboxError, type JournalEvent } from '../../contracts/index.ts';
import { BoundedLabel } from './bounded-label.ts';
import { LiveSandboxes } from './live-sandboxes.ts';

/** Seconds: of what takes a millisecond and of what takes minutes. */
const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const APPENDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];

/** What happens, counted: everything that does is appended to the journal, and this sees what this process appends. */
export class JournalMetrics implements AppendObserver {
  readonly #series: Series;
  readonly #sandboxes = new LiveSandboxes();

  constructor(registry: Registry) {
    this.#series = seriesIn(registry, this.#sandboxes);
  }

  appended(events: readonly JournalEvent[], seconds: number): void {
    this.#series.appends.observe(seconds);
    for (const event of events) {
      this.#series.events.inc();
      this.#sandboxes.apply(event);
      this.#count(event);
    }
  }

  failed(error: unknown): void {
    this.#series.appendFailures.inc({ code: error instanceof GloveboxError ? error.code : 'internal' });
  }

  #count(event: JournalEvent): void {
    // Each entry takes the data of its own type, which an index by a union cannot show.
    const count = COUNTS[event.type] as ((series: Series, data: unknown) => void) | undefined;
    count?.(this.#series, event.data);
  }
}

/** What an event adds to. */
const COUNTS: { readonly [T in EventType]?: (series: Series, data: EventData[T]) => void } = {
  'session.opened': ({ sessions }) => sessions.inc(),
  'sandbox.created': ({ sandboxesCreated }, { kind }) => sandboxesCreated.inc({ kind }),
  decision: ({ decisions }, { request, decision, allowed }) => decisions.inc({ action: request.action, effect: decision.effect, allowed: String(allowed) }),
  'command.ended': ({ commands, commandSeconds, oomKills }, { end }) => {
    commands.inc({ cause: end.cause });
    oomKills.inc(end.oomKills.count);
    commandSeconds.observe(end.usage.wallMs / 1000);
  },
  'javascript.ended': ({ programs }, { end }) => programs.inc({ what: 'javascript', cause: end.cause }),
  'call.ended': ({ programs }, { end }) => programs.inc({ what: 'context', cause: end.cause }),
  'egress.refused': ({ egressRefusals }, { code }) => egressRefusals.inc({ code }),
  'egress.ended': ({ egress, egressBytes }, { scheme, status, failure, sentBytes, receivedBytes }) => {
    egress.inc({ scheme, outcome: failure !== undefined ? 'failed' : status === undefined ? 'closed' : `${Math.floor(status / 100)}xx` });
    egressBytes.inc({ direction: 'sent' }, sentBytes);
    egressBytes.inc({ direction: 'received' }, receivedBytes);
  },
  'model.ended': ({ modelCalls, modelUsd, modelTokens, models }, { call, reply: { usage, usd = 0 } }) => {
    const model = models.of(modelOf(call));
    modelCalls.inc({ model, outcome: 'answered' });
    modelUsd.inc({ model }, usd);
    const kinds = { input: usage.inputTokens, output: usage.outputTokens, cache_read: usage.cacheReadTokens, cache_write: usage.cacheWriteTokens };
    for (const [kind, tokens] of Object.entries(kinds)) modelTokens.inc({ model, kind }, tokens);
  },
  'model.failed': ({ modelCalls, models }, { call, code }) => modelCalls.inc({ model: models.of(modelOf(call)), outcome: code }),
  'model.fell_back': ({ fallbacks, models }, { from }) => fallbacks.inc({ from: models.of(from) }),
  'budget.warned': ({ budgetWarnings }, { scope }) => budgetWarnings.inc({ scope }),
  'approval.requested': ({ approvals }) => approvals.inc({ what: 'requested' }),
  'approval.answered': ({ approvals }, { answer }) => approvals.inc({ what: answer }),
  'anomaly.raised': ({ anomalies }, { kind }) => anomalies.inc({ kind }),
  'run.created': ({ runs }) => runs.inc({ what: 'created' }),
  'run.retried': ({ runs }) => runs.inc({ what: 'retried' }),
  'run.ended': ({ runs }, { outcome }) => runs.inc({ what: outcome }),
  'run.escalated': ({ escalations }, { code }) => escalations.inc({ code }),
  'control.stopped': ({ stops }, { scope }) => stops.inc({ scope: scope.what }),
  'notification.sent': ({ notifications }) => notifications.inc({ outcome: 'sent' }),
  'notification.failed': ({ notifications }, { final }) => notifications.inc({ outcome: final ? 'given_up' : 'failed' }),
};

type Series = ReturnType<typeof seriesIn>;

/** `anthropic:claude#3`: the third call of that model. */
function modelOf(call: string): string {
  return call.slice(0, call.lastIndexOf('#'));
}

function seriesIn(registry: Registry, live: LiveSandboxes) {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> => new Counter({ name: `glovebox_${name}_total`, help, labelNames, registers });
  const histogram = (name: string, help: string, buckets: number[]): Histogram => new Histogram({ name: `glovebox_${name}_seconds`, help, buckets, registers });
  measure(live, registers);
  return {
    models: new BoundedLabel(),
    events: counter('journal_events', 'events appended by this process'),
    appends: histogram('journal_append', 'how long an append took', APPENDS),
    appendFailures: counter('journal_append_failures', 'appends that were refused or failed', ['code']),
    sessions: counter('sessions_opened', 'sessions that were opened, those that were refused among them'),
    sandboxesCreated: counter('sandboxes_created', 'sandboxes that sessions got', ['kind']),
    decisions: counter('decisions', 'answers of policy; allowed is what came of them', ['action', 'effect', 'allowed']),
    commands: counter('commands', 'commands that ended', ['cause']),
    commandSeconds: histogram('command', 'how long commands took', DURATIONS),
    oomKills: counter('oom_kills', 'processes that the kernel killed for memory in sandboxes'),
    programs: counter('programs', 'JavaScript in isolates and calls of interpreters that ended', ['what', 'cause']),
    egress: counter('egress_requests', 'requests and tunnels that were allowed and are over', ['scheme', 'outcome']),
    egressBytes: counter('egress_bytes', 'bytes of bodies', ['direction']),
    egressRefusals: counter('egress_refusals', 'what egress refused by itself, whatever policy says', ['code']),
    modelCalls: counter('model_calls', 'calls of models', ['model', 'outcome']),
    modelTokens: counter('model_tokens', 'tokens that were billed', ['model', 'kind']),
    modelUsd: counter('model_usd', 'what models cost, in US dollars', ['model']),
    fallbacks: counter('model_fallbacks', 'times that another model was asked instead', ['from']),
    budgetWarnings: counter('budget_warnings', 'budgets of which most was used', ['scope']),
    approvals: counter('approvals', 'approvals that were asked for, and answers', ['what']),
    anomalies: counter('anomalies', 'what somebody should look at', ['kind']),
    runs: counter('runs', 'runs that were created, tried again, or ended', ['what']),
    escalations: counter('escalations', 'runs that could not go on by themselves', ['code']),
    stops: counter('stops', 'uses of the kill switch', ['scope']),
    notifications: counter('notifications', 'messages to people', ['outcome']),
  };
}

function measure(live: LiveSandboxes, registers: Registry[]): void {
  new Gauge({
    name: 'glovebox_sandboxes',
    help: 'sandboxes that sessions of this process have',
    labelNames: ['kind', 'state'],
    registers,
    collect() {
      this.reset();
      for (const { kind, state, count } of live.counts()) this.set({ kind, state }, count);
    },
  });
}
