import { type Agent, type AgentEnd, resumedAfresh } from '../agent/index.ts';
import { describeError, type ErrorCode, GloveboxError, type Model, type NewEvent, type RunId, type RunSummary, type Spending, type TestReport, type Workspace } from '../contracts/index.ts';
import { Session } from '../session/index.ts';
import { cancelledBy, conclude, type Conclusion, summarize } from './conclusion.ts';
import { escalationOf } from './escalation.ts';
import { runOpening } from './opening.ts';
import type { RunOptions } from './run-input.ts';
import { RunPolicy } from './run-limits.ts';
import type { RunReading } from './run-reading.ts';
import type { RunState } from './run-state.ts';
import type { ExecuteOptions, GoEnd, RunsPorts } from './runs-ports.ts';
import { SandboxWorkbench } from './sandbox-workbench.ts';
import { sessionPlace } from './session-place.ts';
import { type Leaving, Steering } from './steering/steering.ts';
import { Purpose, takeBack, type TakenBack } from './take-back.ts';
import { runTests } from './test-run.ts';

/** Errors that would come again each time: they end the run. After all others it can be resumed. */
const FINAL: ReadonlySet<ErrorCode> = new Set(['denied', 'model_rejected', 'model_unknown', 'transcript_invalid', 'budget_exhausted']);

/** Outcomes with which nobody has to help. */
const SETTLED: ReadonlySet<RunSummary['outcome']> = new Set(['fixed', 'unverified', 'cancelled']);

/** One go at a run: from where its journal ends to its end, or to an interruption that leaves it resumable. */
export class Execution {
  readonly #ports: RunsPorts;
  readonly #agent: Agent;
  readonly #id: RunId;
  readonly #reading: RunReading;
  readonly #state: RunState;
  readonly #options: RunOptions;
  readonly #how: ExecuteOptions;

  /** `state` is what `reading` has come to. */
  constructor(ports: RunsPorts, agent: Agent, id: RunId, { reading, state, how }: { reading: RunReading; state: RunState; how: ExecuteOptions }) {
    if (state.options === undefined) throw new GloveboxError('journal_failed', `${id} was written by another version of glovebox and cannot be run by this one`);
    this.#ports = ports;
    this.#agent = agent;
    this.#id = id;
    this.#reading = reading;
    this.#state = state;
    this.#options = state.options;
    this.#how = how;
  }

  async run(): Promise<GoEnd> {
    using steering = this.#steering();
    try {
      this.#how.signal?.throwIfAborted();
      steering.signal.throwIfAborted();
      return await this.#end(await this.#conclusion(steering));
    } catch (error) {
      const left = await this.#leave(steering.leaving);
      if (left !== undefined) return left;
      await this.#escalate(error, steering.signal.aborted);
      throw this.#resumable(steering.signal.aborted ? steering.signal.reason : error);
    }
  }

  #steering(): Steering {
    const { life, lastSeq } = this.#state;
    const { parkAfterMs, drain } = this.#how;
    return new Steering({ journal: this.#ports.journal, run: this.#id, requests: life.requests, seq: lastSeq, drain, parkAfterMs: { approval: parkAfterMs, paused: parkAfterMs ?? PAUSED_MS } });
  }

  async #end(conclusion: Conclusion): Promise<GoEnd> {
    const whole = summarize(await this.#reading.now(), conclusion);
    const summary = (await this.#ports.redactor?.all(whole)) ?? whole;
    const { outcome, code, detail } = summary;
    const report = SETTLED.has(outcome) ? [] : await this.#report({ code: code ?? outcome, why: detail, isKept: false });
    await this.#append([...report, { type: 'run.ended', data: summary }]);
    return { how: 'ended', summary };
  }

  /** What a person needs who is to help. */
  async #report(reason: Parameters<typeof escalationOf>[2]): Promise<readonly NewEvent[]> {
    const data = escalationOf(this.#id, await this.#reading.now(), reason);
    return data === undefined ? [] : [{ type: 'run.escalated', data }];
  }

  /** The error is the thing to tell: a journal that cannot take the report says so itself the next time. */
  async #escalate(error: unknown, isAsked: boolean): Promise<void> {
    if (isAsked || this.#how.signal?.aborted === true || !(error instanceof GloveboxError)) return;
    await this.#report({ code: error.code, why: error.message, isKept: true })
      .then((events) => this.#append(events))
      .catch(() => {});
  }

  /** Writes down why it is left before its end; undefined where nobody asked for that. */
  async #leave(leaving: Leaving | undefined): Promise<GoEnd | undefined> {
    if (leaving?.how === 'cancelled') return this.#end(cancelledBy(leaving));
    if (leaving?.how === 'parked') {
      const { why, approval } = leaving;
      await this.#append([{ type: 'run.parked', data: { why, ...(approval === undefined ? {} : { approval }) } }]);
    }
    return leaving;
  }

  async #conclusion(steering: Steering): Promise<Conclusion> {
    const policy = await this.#ports.policies.load(this.#options.policy);
    const model = await this.#ports.models.open(this.#options.model);
    const fallbacks = await Promise.all((this.#options.fallback ?? []).map((name) => this.#ports.models.open(name)));
    const { maxUsd, maxSteps } = this.#options;
    const leftMs = this.#leftMs();
    const spent = await this.#resume();
    if (leftMs !== undefined && leftMs <= 0) return { outcome: 'limit', code: 'budget_exhausted', detail: 'the time of the run is over', files: [] };
    try {
      return await this.#inSession(new RunPolicy(policy, { maxUsd, maxSteps, leftMs }), { model, fallbacks }, spent, steering);
    } catch (error) {
      if (this.#how.signal?.aborted === true || steering.signal.aborted || !(error instanceof GloveboxError) || !FINAL.has(error.code)) throw error;
      return { outcome: error.code === 'budget_exhausted' ? 'limit' : 'failed', code: error.code, detail: error.message, files: [] };
    }
  }

  /** What is left of its time, whichever of the two it has less of; undefined where it has all the time that its policy lends. */
  #leftMs(): number | undefined {
    const { timeoutMs, deadlineMs } = this.#options;
    const left = [...(timeoutMs === undefined ? [] : [timeoutMs - this.#state.activeMs]), ...(deadlineMs === undefined ? [] : [deadlineMs - this.#ports.clock.now()])];
    return left.length === 0 ? undefined : Math.min(...left);
  }

  async #inSession(policy: RunPolicy, { model, fallbacks }: { model: Model; fallbacks: readonly Model[] }, spent: Spending, steering: Steering): Promise<Conclusion> {
    const { principal } = this.#options;
    const signal = this.#how.signal === undefined ? steering.signal : AbortSignal.any([this.#how.signal, steering.signal]);
    const session = await Session.open(this.#ports, { principal, policy, run: this.#id, tree: this.#state.tree ?? this.#state.baseTree, ...sessionPlace(this.#options), spent, fallbacks, signal });
    let why = 'the run was interrupted';
    try {
      const conclusion = await this.#work(session, model, steering);
      why = 'the run ended';
      return conclusion;
    } finally {
      // What could not be removed is found by its label at the next start; the run's own result or error is the one to tell.
      await session.close(why).catch(() => {});
    }
  }

  async #work(session: Session, model: Model, steering: Steering): Promise<Conclusion> {
    const { clock } = this.#ports;
    const workspace = this.#workspace;
    const { baseTree: base, submitted } = this.#state;
    const taken = await takeBack(session, this.#reading.leftSandboxes, this.#wanted());
    const keepIgnored = this.#options.keepIgnored === true;
    const workbench = new SandboxWorkbench({ session, workspace, clock, base, tree: this.#state.tree ?? base, ignored: this.#state.ignored, keepIgnored, taken: taken.get(Purpose.agent) });
    try {
      await this.#testBefore(session, taken);
      const end: AgentEnd = submitted === undefined ? await this.#agentEnd(session, model, workbench, steering) : { how: 'submitted', summary: submitted };
      await workbench.release();
      return await this.#conclude(session, taken, workbench, end);
    } catch (error) {
      if (this.#how.signal?.aborted === true || steering.signal.aborted || !isTimeOver(session)) throw error;
      return this.#conclude(session, taken, workbench, { how: 'limit', why: describeError(session.signal.reason) });
    }
  }

  get #workspace(): Workspace {
    return this.#ports.workspaces.of(this.#ports.principal.tenant);
  }

  /** What it will still need sandboxes for. */
  #wanted(): readonly string[] {
    const { before, after, submitted } = this.#state;
    return [...(before === undefined ? [Purpose.before] : []), ...(submitted === undefined ? [Purpose.agent] : []), ...(after === undefined ? [Purpose.after] : [])];
  }

  async #conclude(session: Session, taken: TakenBack, { tree, unsaved }: SandboxWorkbench, end: AgentEnd): Promise<Conclusion> {
    const state = await this.#reading.now();
    return conclude({ session, ports: this.#ports, state, taken, end, tree, unsaved, isTimeOver: isTimeOver(session) });
  }

  async #agentEnd(session: Session, model: Model, workbench: SandboxWorkbench, attendant: Steering): Promise<AgentEnd> {
    const { messages, status } = this.#state;
    const { before } = await this.#reading.now();
    const opening = await runOpening(this.#workspace, this.#state, before, session.signal);
    const { onText } = this.#how;
    return this.#agent.run({ session, model, workbench, opening, history: messages, attendant, ...(status === 'started' && !workbench.isTakenBack ? { resumption: resumedAfresh(this.#options.keepIgnored === true) } : {}), ...(onText === undefined ? {} : { onText }) });
  }

  /** How it was before anybody touched it. Once in a run. */
  async #testBefore(session: Session, taken: TakenBack): Promise<void> {
    const { testCommand: command } = this.#options;
    if (command === undefined || this.#state.before !== undefined) return;
    const record = (report: TestReport): Promise<void> => session.record([{ type: 'run.tested', data: { when: 'before', report, restored: [] } }]);
    await runTests(session, this.#workspace, { tree: this.#state.baseTree, command, purpose: Purpose.before, taken: taken.get(Purpose.before), record });
  }

  /** Says that the run goes on and what an interruption leaves in doubt, and gives what was spent. */
  async #resume(): Promise<Spending> {
    const { status, inFlight, requests, lastSeq } = this.#state;
    if (status !== 'started') return this.#state.spent;
    const events: NewEvent[] = [{ type: 'run.resumed', data: { fromSeq: lastSeq } }];
    if (inFlight !== undefined) {
      const message = 'the process ended while the call was under way: it is kept at its worst case and made again';
      events.push({ type: 'model.failed', data: { call: inFlight.call, code: 'cancelled', message, unknown: true } });
    }
    for (const data of requests) events.push({ type: 'egress.unknown', data });
    await this.#append(events);
    await this.#ports.budgets?.reconcile(this.#options.principal, this.#id);
    return (await this.#reading.now()).spent;
  }

  async #append(events: readonly NewEvent[]): Promise<void> {
    await this.#ports.journal.append(this.#id, events, { durable: true });
  }

  /** What the caller is told: what went wrong, and that nothing is lost. */
  #resumable(error: unknown): unknown {
    const how = `go on with \`glovebox runs resume ${this.#id}\``;
    if (this.#how.signal?.aborted === true) return new GloveboxError('cancelled', `the run was stopped; ${how}`, { cause: error, details: { run: this.#id } });
    if (isDiskFull(error)) return new GloveboxError('disk_full', `there is no room left on the disk of the state folder: make some (the run is kept: ${how})`, { cause: error, details: { run: this.#id } });
    if (!(error instanceof GloveboxError)) return error;
    return new GloveboxError(error.code, `${error.message} (the run is kept: ${how})`, { cause: error, details: { ...error.details, run: this.#id } });
  }
}

/** So long whoever is at a run himself stands still with it before he lets go of the sandbox. */
const PAUSED_MS = 60_000;

function isTimeOver(session: Session): boolean {
  return session.signal.aborted && session.signal.reason instanceof GloveboxError && session.signal.reason.code === 'budget_exhausted';
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOSPC';
}
