import {
  type Blobs,
  type CommandEnd,
  type CommandId,
  type CommandLimits,
  type CommandSpec,
  type ContextSpec,
  type Decision,
  type FileOptions,
  type IdSource,
  type NewEvent,
  type OutputChunk,
  type RunningCommand,
  type Sandbox,
  WORKSPACE,
} from '../contracts/index.ts';
import { Contexts } from './contexts/contexts.ts';
import type { Kernel } from './contexts/kernels.ts';
import { type EarlierCommand, EarlierCommands, MOST_UNSETTLED } from './earlier-commands.ts';
import { filteredOutput } from './filtered-output.ts';
import type { Watch } from './watch.ts';
import { type Gate, refusal, type Verdict } from './gate.ts';
import { GovernedFiles } from './governed-files.ts';
import { LazyHash, NOTHING } from './lazy-hash.ts';
import { type Snapshot, Snapshots } from './snapshots.ts';
import { stricter } from './stricter.ts';

/** A command as a caller asks for it; what is left out comes from the policy. */
export type CommandRequest = Omit<CommandSpec, 'id' | 'limits'> & { readonly limits?: Partial<CommandLimits>; readonly signal?: AbortSignal };

/** A command that policy has judged. Refused ones have an end, too: cause `policy`, and never ran. */
export interface GovernedCommand extends RunningCommand {
  readonly decision: Decision;
}

export interface GovernedSandboxOptions {
  readonly sandbox: Sandbox;
  readonly gate: Gate;
  readonly ids: IdSource;
  readonly limits: CommandLimits;
  readonly blobs: Blobs | undefined;
  readonly touch: () => void;
  /** Told of an error that no caller would hear of: what happened could not be written down. */
  readonly unwritten: (error: unknown) => void;
  /** What the output of a command goes through, where anything has to be looked for in it: a channel each. */
  readonly watch: Watch;
  /** Its commands are kept until `settled`, so that a later session of the run can take them up. */
  readonly isLasting?: boolean;
  /** What an earlier session left unsettled in it. */
  readonly earlier?: readonly EarlierCommand[];
}

/** Where the hashes of an output begin. */
type HashedFrom = Partial<Record<OutputChunk['channel'], number>>;

/** A sandbox of a session: nothing happens in it that was not decided and written down. */
export class GovernedSandbox implements AsyncDisposable {
  readonly files: GovernedFiles;
  /** Interpreters that keep their state between calls. docs/contexts.md */
  readonly contexts: Contexts;
  /** As the journal has it; undefined for one that was taken over. */
  createdMs: number | undefined;
  readonly #sandbox: Sandbox;
  readonly #gate: Gate;
  readonly #ids: IdSource;
  readonly #limits: CommandLimits;
  readonly #touch: () => void;
  readonly #unwritten: (error: unknown) => void;
  readonly #watch: Watch;
  readonly #snapshots: Snapshots;
  /** Commands that outlive the call that started them, until they are forgotten. */
  readonly #kept = new Map<CommandId, GovernedCommand>();
  readonly #isLasting: boolean;
  /** Commands whose outcome nobody has relied on yet, the oldest first. */
  readonly #unsettled: RunningCommand[] = [];
  readonly #earlier: EarlierCommands;
  /** Resolves when it is gone, by us or by itself, and that is written. */
  readonly #goneWritten: Promise<void>;
  #why: string | undefined;
  #running = 0;
  #paused = false;

  constructor(options: GovernedSandboxOptions) {
    this.#sandbox = options.sandbox;
    this.#isLasting = options.isLasting ?? false;
    this.#earlier = new EarlierCommands(options.earlier);
    this.#gate = options.gate;
    this.#ids = options.ids;
    this.#limits = options.limits;
    this.#touch = options.touch;
    this.#unwritten = options.unwritten;
    this.#watch = options.watch;
    this.files = new GovernedFiles(options);
    this.#snapshots = new Snapshots(options);
    this.contexts = new Contexts({
      ...options,
      sandbox: options.sandbox.id,
      limits: { wallMs: options.limits.wallMs, outputBytes: options.limits.outputBytes ?? CALL_OUTPUT_BYTES },
      start: (kernel, spec) => this.#startInterpreter(kernel, spec),
    });
    this.#goneWritten = options.sandbox.gone.then(async (why) => {
      this.contexts.abandon();
      await this.#gate.write([{ type: 'sandbox.gone', data: { sandbox: options.sandbox.id, why: this.#why ?? why } }]);
    });
    // Where nobody destroys it, nobody else hears of it.
    this.#goneWritten.catch(this.#unwritten);
  }

  get id(): string {
    return this.#sandbox.id;
  }

  get kind(): Sandbox['kind'] {
    return this.#sandbox.kind;
  }

  get image(): string {
    return this.#sandbox.image;
  }

  get limitsAre(): Sandbox['limitsAre'] {
    return this.#sandbox.limitsAre;
  }

  get gone(): Promise<string> {
    return this.#sandbox.gone;
  }

  /** Whether a command runs in it. What is paused does not run. */
  get isBusy(): boolean {
    return (this.#running > 0 || this.contexts.isBusy) && !this.#paused;
  }

  /** The workspace as it is now, for `restore`, here or anywhere. Errors: see `Snapshots.take`. */
  snapshot(options: FileOptions = {}): Promise<Snapshot> {
    return this.#snapshots.take(options);
  }

  /** The workspace of a snapshot instead of what is there. Errors: see `Snapshots.restore`. */
  restore(snapshot: string, options: FileOptions = {}): Promise<void> {
    return this.#snapshots.restore(snapshot, options);
  }

  /** Freezes it; it counts as idle from now on. Errors: see `Sandbox.pause`. */
  async pause(signal?: AbortSignal): Promise<void> {
    this.#touch();
    await this.#sandbox.pause(signal);
    this.#paused = true;
    this.contexts.pause();
    await this.#gate.write([{ type: 'sandbox.paused', data: { sandbox: this.#sandbox.id } }]);
  }

  async resume(signal?: AbortSignal): Promise<void> {
    this.#touch();
    await this.#sandbox.resume(signal);
    this.#paused = false;
    this.contexts.resume();
    await this.#gate.write([{ type: 'sandbox.resumed', data: { sandbox: this.#sandbox.id } }]);
  }

  /** Decides, writes intent and decision, and hands the command over. Throws only when the journal cannot be written or the signal fired before. */
  async exec(request: CommandRequest): Promise<GovernedCommand> {
    request.signal?.throwIfAborted();
    this.#touch();
    const cwd = request.cwd ?? WORKSPACE;
    const limits = stricter(this.#limits, request.limits);
    const asked = { ...request, cwd, ...(this.#isLasting && request.onUnread === undefined ? { onUnread: 'keep' as const } : {}) };
    const earlier = this.#earlier.take(request.argv, cwd);
    if (earlier !== undefined) return this.#takeUp(earlier, asked, limits);
    const id = this.#ids.next('cmd');
    const considered = this.#gate.consider({ action: 'command.exec', argv: request.argv, cwd }, { signal: request.signal });
    const verdict = considered instanceof Promise ? await considered : considered;
    if (!verdict.allowed) return this.#neverRan(id, verdict.decision, 'policy', [verdict.event]);
    return await this.#handOver(id, verdict, asked, limits);
  }

  /** What the commands so far came to is written: nobody asks for them again. */
  settled(): void {
    for (const command of this.#unsettled.splice(0)) command.forget();
    for (const { id } of this.#earlier.drop()) {
      const running = this.#sandbox.command(id);
      running?.cancel();
      running?.forget();
    }
  }

  /** init knows what became of it. What it does not know never reached it, unless its end is written: then it is not run again. */
  async #takeUp(earlier: EarlierCommand, request: CommandRequest & { readonly cwd: string }, limits: CommandLimits): Promise<GovernedCommand> {
    const { id, decision, hasEnded } = earlier;
    if (!hasEnded) return this.#start(id, decision, request, { limits });
    const running = this.#sandbox.command(id);
    if (running === undefined) return this.#without(id, decision, LOST);
    this.#unsettled.push(running);
    return this.#follow(running, decision, undefined, { signal: request.signal, isIdle: false });
  }

  /** An interpreter lives as long as its context: it has no time of its own, and only its calls keep a session busy. Its CPU time is a command's, over all of its calls. Errors: `denied`. */
  async #startInterpreter({ argv }: Kernel, { cwd = WORKSPACE, env = {} }: ContextSpec): Promise<GovernedCommand> {
    const id = this.#ids.next('cmd');
    const asked = { action: 'command.exec', argv, cwd } as const;
    const verdict = await this.#gate.consider(asked);
    if (!verdict.allowed) {
      await this.#neverRan(id, verdict.decision, 'policy', [verdict.event]);
      throw refusal(asked, verdict.decision);
    }
    const { cpuMs } = this.#limits;
    return await this.#handOver(id, verdict, { argv, cwd, env, stdin: 'pipe' }, { wallMs: 0, ...(cpuMs === undefined ? {} : { cpuMs }) }, true);
  }

  async #handOver(id: CommandId, verdict: Verdict, request: CommandRequest & { readonly cwd: string }, limits: CommandLimits, isIdle = false): Promise<GovernedCommand> {
    const kept = this.#isLasting || request.onUnread !== 'keep' ? {} : { kept: request.terminal === undefined ? ('pipes' as const) : ('terminal' as const) };
    const started: NewEvent = { type: 'command.started', data: { command: id, sandbox: this.#sandbox.id, argv: request.argv, cwd: request.cwd, ...kept } };
    await this.#gate.write([verdict.event, started]);
    // Fired while the intent was being written: the command has an end like any other, and nothing was handed over.
    if (request.signal?.aborted === true) return this.#neverRan(id, verdict.decision, 'cancelled');
    return this.#start(id, verdict.decision, request, { limits, isIdle });
  }

  #start(id: CommandId, decision: Decision, request: CommandRequest & { readonly cwd: string }, { limits, isIdle = false }: { limits: CommandLimits; isIdle?: boolean }): GovernedCommand {
    const { signal, limits: _asked, ...rest } = request;
    const hashes = { stdout: new LazyHash(), stderr: new LazyHash() };
    const observe = (chunk: OutputChunk): void => {
      hashes[chunk.channel].add(chunk.bytes);
      request.observe?.(chunk);
    };
    const running = this.#sandbox.exec({ ...rest, id, limits, observe });
    const command = this.#follow(running, decision, hashes, { signal, isIdle });
    if (request.onUnread !== 'keep') return command;
    if (this.#isLasting) this.#leaveUnsettled(running);
    else this.#kept.set(id, command);
    return command;
  }

  /** A call of very many commands must not fill init: the oldest of them go, and the call cannot be taken up any more. */
  #leaveUnsettled(running: RunningCommand): void {
    this.#unsettled.push(running);
    if (this.#unsettled.length > MOST_UNSETTLED) this.#unsettled.shift()?.forget();
  }

  /** A command of this session that was started to be kept (`onUnread`), until it is forgotten. It was decided when it was started. */
  command(id: CommandId): GovernedCommand | undefined {
    return this.#kept.get(id);
  }

  /**
   * Takes up a command that an earlier process of this session started here, with what init still has of its output. Undefined where init does not know it: it never arrived, or
   * somebody was done with it.
   */
  async inherit({ id, decision, hasEnded }: EarlierCommand): Promise<GovernedCommand | undefined> {
    const hashes = hasEnded ? undefined : { stdout: new LazyHash(), stderr: new LazyHash() };
    const from: HashedFrom = {};
    const running = this.#sandbox.command(id, ({ channel, offset, bytes }) => {
      from[channel] ??= offset;
      hashes?.[channel].add(bytes);
    });
    if (running === undefined) {
      if (!hasEnded) await this.#gate.write([{ type: 'command.ended', data: { command: id, end: LOST, stdoutHash: NOTHING, stderrHash: NOTHING } }]);
      return undefined;
    }
    const command = this.#follow(running, decision, hashes, { signal: undefined, isIdle: false, from });
    this.#kept.set(id, command);
    return command;
  }

  /** Idempotent: the first `why` is written. */
  async destroy(why: string): Promise<void> {
    this.#why ??= why;
    this.contexts.abandon();
    await this.#sandbox.destroy();
    await this.#goneWritten;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy('closed');
  }

  /** Without hashes its end is written already. */
  #follow(running: RunningCommand, decision: Decision, hashes: Readonly<Record<OutputChunk['channel'], LazyHash>> | undefined, how: { signal: AbortSignal | undefined; isIdle: boolean; from?: HashedFrom }): GovernedCommand {
    const { signal, from = {} } = how;
    const busy = how.isIdle ? 0 : 1;
    const filtered = (output: AsyncIterable<OutputChunk>): AsyncIterable<OutputChunk> => this.#filtered(running.id, output, how.isIdle);
    const cancel = (): void => running.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    this.#running += busy;
    const end = running.end.then(async (ended) => {
      this.#running -= busy;
      signal?.removeEventListener('abort', cancel);
      this.#touch();
      if (hashes !== undefined) await this.#ended(running.id, ended, hashes, from);
      return ended;
    });
    return {
      id: running.id,
      ...(running.stdinTaken === undefined ? {} : { stdinTaken: running.stdinTaken }),
      decision,
      output: filtered(running.output),
      end,
      outputFrom: (offsets) => filtered(running.outputFrom(offsets)),
      write: (bytes) => running.write(bytes),
      closeStdin: () => running.closeStdin(),
      resize: (columns, rows) => running.resize(columns, rows),
      signal: (name, scope) => running.signal(name, scope),
      cancel: (graceMs) => running.cancel(graceMs),
      forget: () => {
        this.#kept.delete(running.id);
        // Until its end is written down, init is the only one who knows it.
        void end.then(() => running.forget());
      },
    };
  }

  /** What an interpreter says is frames of its own, not text. */
  #filtered(id: CommandId, output: AsyncIterable<OutputChunk>, isInterpreter: boolean): AsyncIterable<OutputChunk> {
    const first = isInterpreter ? undefined : this.#watch.outputFilter({ command: id });
    return first === undefined ? output : filteredOutput(output, () => this.#watch.outputFilter({ command: id }) ?? first);
  }

  /**
   * The command ran, whether or not that can be written, so its end is told as it was and never rejects. The failure is the session's:
   * it is over before the end resolves, its signal has the journal's error for a reason, and closing it rejects with that error. Whoever
   * relies on the result checks the session's signal first, as he must for every other reason that ends a session.
   */
  async #ended(id: CommandId, end: CommandEnd, hashes: Readonly<Record<OutputChunk['channel'], LazyHash>>, { stdout = 0, stderr = 0 }: HashedFrom): Promise<void> {
    const data = { command: id, end, stdoutHash: hashes.stdout.digest(), stderrHash: hashes.stderr.digest(), ...(stdout + stderr === 0 ? {} : { hashedFrom: { stdout, stderr } }) };
    try {
      await this.#gate.write([{ type: 'command.ended', data }]);
    } catch (error) {
      this.#unwritten(error);
    }
  }

  /** An end is written for a command that was not handed over, after `before`. */
  async #neverRan(id: CommandId, decision: Decision, cause: 'policy' | 'cancelled', before: readonly NewEvent[] = []): Promise<GovernedCommand> {
    const end: CommandEnd = { ...NEVER_RAN, cause };
    await this.#gate.write([...before, { type: 'command.ended', data: { command: id, end, stdoutHash: NOTHING, stderrHash: NOTHING } }]);
    return this.#without(id, decision, end);
  }

  /** A command of which nothing is there but its end. */
  #without(id: CommandId, decision: Decision, end: CommandEnd): GovernedCommand {
    const nothing = (): Promise<void> => Promise.resolve();
    return {
      id,
      decision,
      output: none(),
      end: Promise.resolve(end),
      outputFrom: none,
      write: nothing,
      closeStdin: nothing,
      resize: () => {},
      signal: () => {},
      cancel: () => {},
      forget: () => {},
    };
  }
}

/** What a call may put out where the policy lends commands as much as they like. */
const CALL_OUTPUT_BYTES = 16 * 2 ** 20;

const NEVER_RAN = {
  limitsHit: [],
  oomKills: { count: 0, blame: 'certain' },
  tree: 'dead',
  markerLost: false,
  usage: { wallMs: 0, userMs: 0, systemMs: 0, maxRssBytes: 0 },
  output: { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0, lostBytes: 0 },
} as const;

const LOST: CommandEnd = { ...NEVER_RAN, cause: 'lost', tree: 'unproven' };

async function* none(): AsyncGenerator<OutputChunk> {}
