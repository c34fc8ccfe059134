import { Conversation } from '../agent/index.ts';
import { type EgressStart, type EventData, type EventType, GloveboxError, type JournalEvent, LOCAL_TENANT, type Message, type OperationEvents, type RunLifeEvents, type RunSummary, type Spending, type TenancyEvents, type TestReport, type TreeId } from '../contracts/index.ts';
import { isIdle, LIFE_TYPES, lived, NEW_LIFE, type RunLife } from './queue/run-life.ts';
import { runOptions, type RunOptions } from './run-input.ts';

/** What was said and spent before a run: by the run that it is a fork of, or by another tool. */
export type RunOrigin = ({ readonly how: 'forked' } & Omit<EventData['run.forked'], 'tree' | 'tested'>) | ({ readonly how: 'imported' } & EventData['run.imported']);

/** What a run is, read from its events. */
export interface RunState {
  /** `created`: never begun. `started`: being run, or to be resumed. `erased`: what it was can be read by nobody any more. */
  readonly status: 'missing' | 'created' | 'started' | 'ended' | 'erased';
  readonly tenant: string;
  readonly task: string;
  readonly repository: string;
  readonly baseTree: TreeId;
  /** Undefined where another version wrote what this one cannot read. */
  readonly options: RunOptions | undefined;
  /** The first event of a type that this version does not know: a newer one works at the run, and this one must not. */
  readonly newer: { readonly seq: number; readonly type: string } | undefined;
  /** Where its first words came from, if it did not begin with its task. */
  readonly origin: RunOrigin | undefined;
  readonly createdMs: number;
  readonly lastMs: number;
  /** Time in which somebody worked at it; waiting to be begun, resumed, approved or thawed does not count. */
  readonly activeMs: number;
  readonly lastSeq: number;
  readonly messages: readonly Message[];
  /** A call whose fate is not known is in it at its worst case. */
  readonly spent: Spending;
  /** A model call that was begun and has no end. */
  readonly inFlight: { readonly call: string; readonly usd: number; readonly tokens: number } | undefined;
  /** Requests of its sandboxes that change something, were begun and have no end. */
  readonly requests: readonly EgressStart[];
  readonly before: TestReport | undefined;
  readonly after: TestReport | undefined;
  /** Paths that were put back as they were for the tests after. */
  readonly restored: readonly string[];
  /** The last checkpoint. */
  readonly tree: TreeId | undefined;
  /** The files beside it that git ignores, where the run keeps them. */
  readonly ignored: TreeId | undefined;
  readonly submitted: string | undefined;
  /** The approval that a person has to give before it goes on. */
  readonly waitingFor: string | undefined;
  /** Where it is, and what persons asked of it. */
  readonly life: RunLife;
  readonly commands: number;
  readonly denials: number;
  readonly summary: RunSummary | undefined;
  readonly exports: readonly EventData['run.exported'][];
  /** Each time another model took over. */
  readonly fallbacks: readonly EventData['model.fell_back'][];
  /** Why it could not go on by itself, if that is how it stands. */
  readonly escalation: EventData['run.escalated'] | undefined;
}

/** The state after these events. Any beginning of a stream has one. */
export function foldRun(events: Iterable<JournalEvent>): RunState {
  const draft = new RunDraft();
  for (const event of events) draft.apply(event);
  return draft.state();
}

/** Errors: `newer_version` where the run holds what only a newer version can go on with. */
export function requireKnown(run: string, { newer }: Pick<RunState, 'newer'>): void {
  if (newer === undefined) return;
  throw new GloveboxError('newer_version', `${run} was worked at by a newer glovebox: its event ${newer.seq} is ${newer.type}, which this one does not know. Upgrade this one, or leave the run to newer workers`, { details: { run, ...newer } });
}

type Mutable = { -readonly [K in keyof Omit<RunState, 'messages' | 'exports' | 'fallbacks'>]: RunState[K] };
type Step<K extends EventType> = (state: Mutable, data: EventData[K], draft: RunDraft, timeMs: number) => void;

/** A fold that goes on: what is appended later is applied to it. */
export class RunDraft {
  readonly conversation = new Conversation();
  readonly exports: EventData['run.exported'][] = [];
  readonly fallbacks: EventData['model.fell_back'][] = [];
  readonly #state: Mutable = { ...NOTHING };

  apply(event: JournalEvent): void {
    const state = this.#state;
    const idle = state.waitingFor !== undefined || isIdle(state.life) || event.type === 'run.claimed' || state.status === 'missing' || state.status === 'ended' || event.type === 'run.resumed' || event.type === 'session.thawed' || (state.status === 'created' && event.type === 'session.opened');
    if (!idle) state.activeMs += Math.max(0, event.timeMs - state.lastMs);
    state.lastMs = Math.max(state.lastMs, event.timeMs);
    state.lastSeq = event.seq;
    this.conversation.hear(event);
    // The table has the step of each type for the data of that type: the compiler cannot follow the pair through the union.
    // There is none for what is another fold's, or a newer version's.
    const step = (STEPS as { readonly [K in EventType]?: Step<K> })[event.type] as Step<EventType> | undefined;
    if (step === undefined && !Object.hasOwn(LIFE_TYPES, event.type)) state.newer ??= { seq: event.seq, type: event.type };
    step?.(state, event.data, this, event.timeMs);
    state.life = lived(state.life, event);
  }

  state(): RunState {
    return { ...this.#state, messages: this.conversation.messages, exports: this.exports, fallbacks: this.fallbacks };
  }
}

const NOTHING: Mutable = {
  status: 'missing',
  tenant: '',
  task: '',
  repository: '',
  // No tree has this name.
  baseTree: '' as TreeId,
  options: undefined,
  newer: undefined,
  origin: undefined,
  createdMs: 0,
  lastMs: 0,
  activeMs: 0,
  lastSeq: 0,
  spent: { usd: 0, tokens: 0, steps: 0 },
  inFlight: undefined,
  requests: [],
  before: undefined,
  after: undefined,
  restored: [],
  tree: undefined,
  ignored: undefined,
  submitted: undefined,
  waitingFor: undefined,
  life: NEW_LIFE,
  commands: 0,
  denials: 0,
  summary: undefined,
  escalation: undefined,
};

/** One step for each type of event there is, but for those that queue/run-life.ts folds, and what is not about a run. */
const STEPS: { readonly [K in Exclude<EventType, keyof RunLifeEvents | keyof OperationEvents | keyof TenancyEvents>]: Step<K> } = {
  erased: (state, { was }, _draft, timeMs) => {
    if (was !== 'run.created' || state.status !== 'missing') return;
    state.status = 'erased';
    state.createdMs = timeMs;
  },
  'run.created': (state, { task, repository, baseTree, options }, _draft, timeMs) => {
    // A key that was used twice at once may have made it twice: the first counts.
    if (state.status !== 'missing') return;
    // A tree's name went in, a tree's name comes out.
    const read = runOptions.safeParse(options).data;
    Object.assign(state, { task, repository, baseTree: baseTree as TreeId, options: read, createdMs: timeMs, tenant: read?.principal.tenant ?? LOCAL_TENANT });
    state.status = 'created';
  },
  'session.opened': (state) => {
    state.waitingFor = undefined;
    if (state.status === 'created') state.status = 'started';
  },
  'session.closed': (state) => {
    state.waitingFor = undefined;
  },
  'sandbox.created': () => {},
  'sandbox.gone': () => {},
  'sandbox.adopted': () => {},
  'sandbox.snapshot': () => {},
  'sandbox.restored': () => {},
  'sandbox.paused': () => {},
  'sandbox.resumed': () => {},
  decision: (state, { allowed }) => {
    if (!allowed) state.denials += 1;
    state.waitingFor = undefined;
  },
  'approval.awaited': (state, { approval }) => {
    state.waitingFor = approval;
  },
  'approval.requested': () => {},
  'approval.answered': () => {},
  'approval.refused': () => {},
  'approval.used': () => {},
  'approval.closed': () => {},
  'command.started': (state) => {
    state.commands += 1;
  },
  'command.ended': () => {},
  'javascript.started': () => {},
  'javascript.ended': () => {},
  'call.started': () => {},
  'call.ended': () => {},
  'egress.registry': () => {},
  'egress.refused': () => {},
  'egress.started': (state, data) => {
    state.requests = [...state.requests, data];
  },
  'egress.unknown': (state, { request }) => {
    state.requests = state.requests.filter((known) => known.request !== request);
  },
  'egress.ended': (state, { request }) => {
    if (request !== undefined) state.requests = state.requests.filter((known) => known.request !== request);
  },
  'anomaly.raised': () => {},
  'file.changed': () => {},
  'model.started': (state, { call, worstCaseUsd, worstCaseTokens }) => {
    state.inFlight = { call, usd: worstCaseUsd, tokens: worstCaseTokens };
  },
  'model.ended': (state, { reply }) => {
    const { usage } = reply;
    const tokens = usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
    state.spent = { usd: state.spent.usd + (reply.usd ?? 0), tokens: state.spent.tokens + tokens, steps: state.spent.steps + 1 };
    state.inFlight = undefined;
  },
  'model.failed': (state, { call, unknown }) => {
    const reserved = state.inFlight;
    if (unknown && reserved?.call === call) {
      state.spent = { ...state.spent, usd: state.spent.usd + reserved.usd, tokens: state.spent.tokens + reserved.tokens };
    }
    state.inFlight = undefined;
  },
  'model.fell_back': (_state, data, draft) => {
    draft.fallbacks.push(data);
  },
  'budget.reserved': () => {},
  'budget.settled': () => {},
  'budget.warned': () => {},
  'control.stopped': () => {},
  'control.lifted': () => {},
  'session.frozen': () => {},
  'session.thawed': () => {},
  'run.resumed': (state) => {
    state.escalation = undefined;
  },
  'run.prepared': () => {},
  'run.prompted': () => {},
  'run.copied': () => {},
  'run.forked': (state, { tree, tested, ...origin }) => {
    Object.assign(state, { origin: { how: 'forked', ...origin }, tree: tree as TreeId | undefined, before: tested }); // as above
  },
  'run.imported': (state, origin) => {
    state.origin = { how: 'imported', ...origin };
  },
  'run.tested': (state, { when, report, restored }) => {
    state[when] = report;
    if (when === 'after') state.restored = restored;
  },
  'tool.ended': () => {},
  'run.checkpoint': (state, { tree, ignored }) => {
    state.tree = tree as TreeId; // as above
    if (ignored !== undefined) state.ignored = ignored as TreeId;
  },
  'run.submitted': (state, { summary }) => {
    state.submitted = summary;
  },
  'run.escalated': (state, data) => {
    state.escalation = data;
  },
  'effect.started': () => {},
  'effect.ended': (state) => {
    state.waitingFor = undefined;
  },
  'effect.unknown': () => {},
  'run.exported': (_state, data, draft) => {
    draft.exports.push(data);
  },
  'run.ended': (state, summary) => {
    state.summary = summary;
    if (state.status !== 'erased') state.status = 'ended';
  },
};
