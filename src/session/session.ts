import { type DecisionRequest, type EgressAnswer, type EgressCall, GloveboxError, type Model, type ModelReply, type ModelRequest, type NewEvent, type Policy, type Sandbox, type SandboxId, type SandboxKind, type SandboxSpec, type SessionId, type Spending, type Stop, type Stoppable, describeError } from '../contracts/index.ts';
import { Standstill } from './control/standstill.ts';
import type { EarlierCommand } from './earlier-commands.ts';
import { adopt } from './adopt.ts';
import { allOrNone } from './all-or-none.ts';
import { Alarms } from './alarms.ts';
import type { Gate } from './gate.ts';
import { createdEvent, openedEvent, wantedIn } from './opening-events.ts';
import { type LeftSession, timeLeft } from './left-session.ts';
import { type GovernedJavaScript, GovernedPrograms, type JavaScriptRequest } from './governed-javascript.ts';
import { GovernedSandbox, type GovernedSandboxOptions } from './governed-sandbox.ts';
import { IdleWatch } from './idle-watch.ts';
import { ModelCalls } from './model-calls.ts';
import { PausableClock, type Timer } from './pausable-clock.ts';
import { raceSignals } from './race-signals.ts';
import { NO_REDACTOR } from './redacted.ts';
import { handedOutUnder, specUnder } from './sandbox-under.ts';
import { openGate, type SessionOptions, type SessionPorts } from './session-options.ts';
import type { Snapshot } from './snapshots.ts';
import { Watch } from './watch.ts';
import { boundIn, egressGate, WayOut } from './way-out.ts';

/** One principal under one policy version. Everything it does is decided, written down, and then done. */
export class Session implements AsyncDisposable {
  readonly id: SessionId;
  readonly policy: Policy;
  /** Fires when the session is over, for whatever reason; the reason is a GloveboxError. */
  readonly signal: AbortSignal;
  readonly #ports: SessionPorts;
  readonly #gate: Gate;
  readonly #kinds: readonly SandboxKind[];
  readonly #about: Stoppable;
  readonly #standstill: Standstill;
  readonly #control: Disposable | undefined;
  #spec: SandboxSpec;
  #way: WayOut | undefined;
  readonly #models: ModelCalls;
  readonly #programs: GovernedPrograms;
  readonly #sandboxes = new Set<GovernedSandbox>();
  readonly #over: AbortController;
  /** Stands still while a person is asked. */
  readonly #time = new PausableClock();
  readonly #wall: Timer;
  readonly #idle: IdleWatch;
  readonly #alarms: Alarms;
  readonly #watch: Watch;
  #openings = 0;
  #closing: Promise<void> | undefined;
  #unwritten: GloveboxError | undefined;

  /** Opens a session where the principal may begin one and policy allows its sandbox; one that was not allowed is written down as closed again. Errors: `denied`. */
  static async open(ports: SessionPorts, options: SessionOptions): Promise<Session> {
    const id = ports.ids.next('ses');
    const { policy, principal, signal } = options;
    const over = new AbortController();
    const gate = openGate(ports, options, id, signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]));
    await gate.write([openedEvent(options)]);
    try {
      if (ports.authority?.may(principal, 'start', principal.tenant) === false) throw new GloveboxError('denied', `no role of ${principal.name} lets him begin a session`);
      const stopped = await ports.control?.stopOf({ tenant: principal.tenant, stream: options.run ?? id });
      await gate.require({ action: 'session.open', ...wantedIn(options), limits: policy.grant.sandbox, ...(stopped === undefined ? {} : { stopped }) });
    } catch (error) {
      // Why it was not opened is the thing to tell; where the journal is the reason, this fails for the same one.
      await gate.write([{ type: 'session.closed', data: { why: describeError(error) } }]).catch(() => {});
      throw error;
    }
    const session = new Session(id, ports, options, { gate, over });
    await session.#openWay(options);
    return session;
  }

  /**
   * Goes on with a session whose process died, over what is left of its sandboxes and under the very same policy: it may live as long as it could have, and what it was lent is lent
   * anew. A failure leaves its sandboxes as they are. Errors: `denied`, `stopped`, `policy_invalid` for another version, `budget_exhausted` where its time is over, those of opening.
   */
  static async reopen(ports: SessionPorts, options: SessionOptions, left: Pick<LeftSession, 'id' | 'openedMs' | 'policyHash'>): Promise<Session> {
    const wallMs = await timeLeft(ports, options, left);
    const over = new AbortController();
    const session = new Session(left.id, ports, options, { gate: openGate(ports, options, left.id, over.signal), over, wallMs });
    await session.#openWay(options);
    return session;
  }

  private constructor(id: SessionId, ports: SessionPorts, options: SessionOptions, { gate, over, wallMs = options.policy.grant.session.wallMs }: { gate: Gate; over: AbortController; wallMs?: number }) {
    const { image, kinds } = wantedIn(options);
    this.id = id;
    this.policy = options.policy;
    this.#over = over;
    this.signal = options.signal === undefined ? this.#over.signal : AbortSignal.any([this.#over.signal, options.signal]);
    this.#ports = ports;
    this.#gate = gate;
    this.#kinds = kinds;
    this.#about = { tenant: options.principal.tenant, stream: options.run ?? id };
    this.#spec = { ...specUnder(this.policy, options.imageReference ?? image), ...(options.env === undefined ? {} : { env: options.env }) };
    this.#models = new ModelCalls({ ...ports, ...options, blobs: ports.blobs?.of(options.principal.tenant), gate, stream: this.#about.stream, signal: this.signal, touch: () => this.#touch() });
    this.#programs = new GovernedPrograms({
      isolates: ports.isolates,
      gate,
      ids: ports.ids,
      owner: id,
      limits: this.policy.grant.command,
      memoryBytes: this.policy.grant.javascript.memoryBytes,
      sandbox: this.policy.grant.javascript.place === 'host' ? undefined : { kinds, hardLimits: this.policy.grant.hardLimits },
      blobs: ports.blobs?.of(options.principal.tenant),
      touch: () => this.#touch(),
      allowTool: (tool, version) => this.allowTool(tool, version),
      request: (call) => this.request(call),
      unwritten: (error) => this.#cannotWrite(error),
    });
    this.#alarms = new Alarms({ gate, policy: options.policy, stop: (why, reason) => this.#endByItself(why, reason), unwritten: (error) => this.#cannotWrite(error) });
    this.#watch = new Watch({ way: () => this.#way, redactor: ports.redactor ?? NO_REDACTOR, alarms: this.#alarms });
    this.#wall = this.#time.timer(wallMs, () => this.#expire('its time is over'), { unref: true });
    this.#standstill = new Standstill({ sandboxes: () => this.#sandboxes, write: (events) => gate.write(events), changed: () => this.#timeStands(), failed: (error) => this.#endByItself(error.message, error) });
    gate.standstill = () => this.#standstill.over;
    gate.onWaiting = () => this.#timeStands();
    this.#idle = new IdleWatch({
      clock: ports.clock,
      idleMs: this.policy.grant.session.idleMs,
      isBusy: () => gate.isWaiting || this.#standstill.over !== undefined || this.#models.isBusy || this.#openings > 0 || this.#programs.isBusy || [...this.#sandboxes].some(({ isBusy }) => isBusy),
      expired: () => this.#expire('nothing happened for too long'),
    });
    this.#control = ports.control?.watch(this.#about, (stop) => this.#obey(stop));
  }

  /** Where policy opens one. */
  async #openWay({ variables = {} }: SessionOptions): Promise<void> {
    const { network } = this.policy.grant;
    const { broker } = this.#ports;
    if (network === undefined || broker === undefined) return;
    try {
      const gate = egressGate({ gate: this.#gate, variables: boundIn(this.policy, variables), touch: () => this.#touch(), alarmed: (anomaly) => this.#alarms.raised(anomaly), unwritten: (error) => this.#cannotWrite(error) });
      this.#way = await WayOut.open({ broker, network, credentials: this.policy.grant.credentials, borrower: this.#about, canaries: this.policy.grant.canaries, signal: this.signal, gate });
    } catch (error) {
      await this.close(describeError(error)).catch(() => {});
      throw error;
    }
    this.#spec = this.#way.widen(this.#spec);
  }

  get spent(): Spending {
    return this.#models.spent;
  }

  /** Somebody still wants the session: its idle time begins again. The time that it may live goes on. Errors: whatever ended it. */
  keepAlive(): void {
    this.signal.throwIfAborted();
    this.#touch();
  }

  /** A fresh sandbox of this session, with the workspace of a snapshot where one is named; `purpose` is for the journal's reader. */
  async sandbox(purpose: string, options: { snapshot?: string } = {}): Promise<GovernedSandbox> {
    const sandbox = await this.#create(purpose);
    if (options.snapshot === undefined) return sandbox;
    try {
      await sandbox.restore(options.snapshot, { signal: this.signal });
      return sandbox;
    } catch (error) {
      // Why it could not be restored is the thing to tell; a sandbox that cannot be removed either is the sweeper's.
      await sandbox.destroy('its snapshot could not be restored').catch(() => undefined);
      throw error;
    }
  }

  /** Sandboxes that begin with the workspace of another, and go their own ways from there. All of them, or none and the first error. */
  async fork(source: GovernedSandbox, count: number, purpose: string): Promise<{ readonly snapshot: Snapshot; readonly sandboxes: readonly GovernedSandbox[] }> {
    const snapshot = await source.snapshot({ signal: this.signal });
    return { snapshot, sandboxes: await allOrNone(Array.from({ length: count }, () => this.sandbox(purpose, { snapshot: snapshot.id }))) };
  }

  /**
   * Goes on with a sandbox that an earlier session of the run left running, under this policy: commands that are asked for again, in the order in which they were begun,
   * are taken up where they are. Undefined where it is gone, which is written down. Errors: as those of `sandbox`.
   */
  async takeBack(left: SandboxId, earlier: readonly EarlierCommand[]): Promise<GovernedSandbox | undefined> {
    const sandbox = await this.#opening(() => adopt(this.#ports.sandboxes, left, this.signal));
    if (sandbox === undefined) {
      await this.#gate.write([{ type: 'sandbox.gone', data: { sandbox: left, why: 'it was not there any more when the run went on' } }]);
      return undefined;
    }
    const governed = this.#govern(sandbox, { isLasting: true, earlier });
    await this.#gate.write([{ type: 'sandbox.adopted', data: { sandbox: left } }]);
    await this.#provide(sandbox);
    return governed;
  }

  /** Goes on with a sandbox of this very session, which whoever calls this has adopted. Errors: as those of `sandbox`. */
  async resume(sandbox: Sandbox, { wasPaused }: { readonly wasPaused: boolean }): Promise<GovernedSandbox> {
    const governed = this.#govern(sandbox, { isLasting: false });
    // Adoption wakes it.
    const woken: NewEvent[] = wasPaused ? [{ type: 'sandbox.resumed', data: { sandbox: sandbox.id } }] : [];
    await this.#gate.write([{ type: 'sandbox.adopted', data: { sandbox: sandbox.id } }, ...woken]);
    await this.#provide(sandbox);
    await this.#standstill.hold(governed);
    return governed;
  }

  /** What it had of the earlier way out leads nowhere any more. */
  async #provide(sandbox: Sandbox): Promise<void> {
    sandbox.setEnv(this.#spec.env ?? {});
    await this.#opening(async () => this.#way?.give(sandbox, this.signal));
  }

  #govern(sandbox: Sandbox, how: Pick<GovernedSandboxOptions, 'isLasting' | 'earlier'>): GovernedSandbox {
    const governed = new GovernedSandbox({
      ...how,
      sandbox,
      gate: this.#gate,
      ids: this.#ports.ids,
      limits: this.policy.grant.command,
      blobs: this.#ports.blobs?.of(this.#about.tenant),
      touch: () => this.#touch(),
      unwritten: (error) => this.#cannotWrite(error),
      watch: this.#watch,
    });
    this.#sandboxes.add(governed);
    void sandbox.gone.then(() => this.#sandboxes.delete(governed));
    return governed;
  }

  async #create(purpose: string): Promise<GovernedSandbox> {
    while (this.#standstill.over !== undefined) await raceSignals(this.#standstill.over, this.signal);
    this.signal.throwIfAborted();
    const sandbox = await this.#opening(() => this.#open());
    const governed = this.#govern(sandbox, { isLasting: this.#about.stream !== this.id });
    // Whoever closed the session meanwhile has not seen it.
    if (this.signal.aborted) await governed.destroy('the session was over before it was made');
    await this.#standstill.hold(governed);
    const [created] = await this.#gate.write([createdEvent(sandbox, purpose)]);
    governed.createdMs = created?.timeMs;
    return governed;
  }

  /** Runs JavaScript in an isolate of this session. Errors: see `GovernedPrograms.run`, and whatever ended the session. */
  javascript(request: JavaScriptRequest): Promise<GovernedJavaScript> {
    return this.#programs.run(request, this.signal);
  }

  /** On its way out, for whoever is in no sandbox: decided and written down, and what policy refuses is an answer of 403 in words. Errors: see `Egress.request`; `denied` where nothing leads out. */
  async request(call: EgressCall): Promise<EgressAnswer> {
    this.signal.throwIfAborted();
    if (this.#way === undefined) throw new GloveboxError('denied', 'the policy of this session opens no network', { details: { rule: 'network' } });
    return this.#way.request(call);
  }

  async #open(): Promise<Sandbox> {
    const sandbox = await this.#ports.sandboxes.create(this.#kinds, this.#spec, { ...handedOutUnder(this.policy), owner: this.id, signal: this.signal });
    await this.#way?.give(sandbox, this.signal);
    return sandbox;
  }

  /** Whoever waits for a sandbox, for his turn or for an image, is not idle. */
  async #opening<T>(open: () => Promise<T>): Promise<T> {
    this.#openings += 1;
    try {
      return await open();
    } finally {
      this.#openings -= 1;
      this.#touch();
    }
  }

  /** As it may be written down, shown, or sent to a model: what is used after it was recorded is this, so that a run that goes on finds the same words. */
  async redact<T>(value: T): Promise<T> {
    return await (this.#ports.redactor ?? NO_REDACTOR).all(value);
  }

  /** Asks a model; secrets reach it in neither direction. Decided with what the call may cost at worst, before it is made; `signal` cuts it short. Errors: `budget_exhausted`, `denied`, and the model's own. */
  async callModel(model: Model, request: ModelRequest, onText?: (delta: string) => void, signal?: AbortSignal): Promise<ModelReply> {
    return await this.#models.call(model, await this.redact(request), onText, signal);
  }

  /** Whether a tool is worth offering to a model: whether policy would let it be called, or ask. Nothing is called and nothing written. */
  offers(tool: string, version: string): boolean {
    return this.policy.decide({ action: 'tool.call', tool, version }).effect !== 'deny';
  }

  /** Whether a tool may be called at all; what it then touches is decided on its own. */
  async allowTool(tool: string, version: string): Promise<void> {
    this.#touch();
    await this.#gate.require({ action: 'tool.call', tool, version }, { signal: this.signal });
  }

  /** Whether a patch may leave that makes `tree` of what there was. */
  async allowExport(patch: Omit<Extract<DecisionRequest, { action: 'export.patch' }>, 'action'>, tree: string): Promise<void> {
    await this.#gate.require({ action: 'export.patch', ...patch }, { tree, durable: true });
  }

  /** The canaries that are in a patch, by where they were planted; each is an anomaly. */
  canariesIn(patch: string): readonly string[] {
    return this.#watch.canariesInPatch(patch);
  }

  /** Writes what a run, its tools and its person did into the session's stream. */
  async record(events: readonly NewEvent[], options: { durable?: boolean } = {}): Promise<void> {
    await this.#gate.write(events, options.durable);
  }

  /** Destroys every sandbox and ends the session. Idempotent. Errors: `journal_failed`, also for the end of a command that could not be written earlier. */
  close(why = 'closed'): Promise<void> {
    this.#closing ??= this.#close(why);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(why: string): Promise<void> {
    this.#control?.[Symbol.dispose]();
    this.#wall.stop();
    this.#idle.stop();
    this.#over.abort(new GloveboxError('cancelled', `the session is over: ${why}`));
    const ends = await Promise.allSettled([...[...this.#sandboxes].map((sandbox) => sandbox.destroy(why)), this.#ports.isolates?.release(this.id), this.#programs.ended()]);
    // After the sandboxes: what their connections came to is still to be written.
    await this.#way?.[Symbol.asyncDispose]();
    await this.#gate.write([{ type: 'session.closed', data: { why } }]);
    if (this.#unwritten !== undefined) throw this.#unwritten;
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** What the kill switch says of it now. */
  #obey(stop: Stop | undefined): void {
    if (stop === undefined) this.#standstill.thaw();
    else if (stop.freeze) this.#standstill.freeze(stop);
    else {
      const why = `it was stopped by ${stop.by}${stop.why === undefined ? '' : `: ${stop.why}`}`;
      this.#endByItself(why, new GloveboxError('stopped', `the session ended: ${why}`));
    }
  }

  #timeStands(): void {
    if (this.#gate.isWaiting || this.#standstill.over !== undefined) this.#time.pause();
    else this.#time.resume();
  }

  #expire(why: string): void {
    this.#endByItself(why, new GloveboxError('budget_exhausted', `the session ended by itself: ${why} (policy ${this.policy.name})`));
  }

  /** Nothing more may happen where what happened is not known. */
  #cannotWrite(error: unknown): void {
    this.#unwritten ??= error instanceof GloveboxError ? error : new GloveboxError('journal_failed', describeError(error), { cause: error });
    this.#endByItself(`the end of a command could not be written: ${this.#unwritten.message}`, this.#unwritten);
  }

  #endByItself(why: string, reason: GloveboxError): void {
    this.#over.abort(reason);
    // A failure to clean up is not lost: the next sweep finds what is left by its label.
    this.close(why).catch(() => {});
  }

  #touch(): void {
    this.#idle.touch();
  }
}
