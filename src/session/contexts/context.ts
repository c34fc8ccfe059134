import { hash } from 'node:crypto';
import {
  type CallEnd,
  type CallLimits,
  type CommandEnd,
  type ContextId,
  type ContextLanguage,
  type ContextSpec,
  type Decision,
  describeError,
  GloveboxError,
  type IdSource,
  type NewEvent,
  type RunningCall,
  type RunningCommand,
  WORKSPACE,
} from '../../contracts/index.ts';
import type { Gate, Verdict } from '../gate.ts';
import { CallEvents } from './call-events.ts';
import { Call, type CallHashes } from './call.ts';
import type { PausableClock } from '../pausable-clock.ts';
import { Interpreter } from './interpreter.ts';
import type { Kernel } from './kernels.ts';
import { Turns } from './turns.ts';
import type { Watch } from '../watch.ts';

/** As much code as a call may have. */
const MAX_CODE_BYTES = 2 ** 20;

/** A call as a caller asks for it; what is left out comes from the policy. */
export interface CallRequest {
  /** Less than the policy lends; more is not given. */
  readonly limits?: Partial<CallLimits>;
  /** The interpreter is ended so long after an interrupt that a limit or the signal was the reason for; 2 s by default, 30 s at most. */
  readonly graceMs?: number;
  /** Ends the call as `cancelled`, or its wait for its turn. */
  readonly signal?: AbortSignal;
}

/** A call that policy has judged. Refused ones have an end, too: cause `policy`, and never ran. */
export interface GovernedCall extends RunningCall {
  readonly decision: Decision;
}

/** What a context acts through. */
export interface ContextPorts {
  readonly gate: Gate;
  readonly ids: IdSource;
  readonly sandbox: string;
  readonly limits: CallLimits;
  readonly clock: PausableClock;
  /** Decides, writes down and starts an interpreter's command. Errors: `denied`, `journal_failed`. */
  readonly start: (kernel: Kernel, spec: ContextSpec) => Promise<RunningCommand>;
  readonly watch: Watch;
  readonly touch: () => void;
  readonly unwritten: (error: unknown) => void;
}

/** An interpreter with what was said in it so far. Calls wait for one another, in the order in which they were asked for. */
export class Context implements AsyncDisposable {
  readonly id: ContextId;
  readonly language: ContextLanguage;
  readonly #ports: ContextPorts;
  readonly #spec: ContextSpec;
  readonly #kernel: Kernel;
  readonly #turns = new Turns();
  readonly #closed: () => void;
  #interpreter: Interpreter | undefined;
  #version = '';
  #call: Call | undefined;
  #calls = 0;
  #isClosed = false;

  /** Errors: `denied`, `context_failed`, `journal_failed`. */
  static async open(ports: ContextPorts, spec: ContextSpec, kernel: Kernel, closed: () => void): Promise<Context> {
    const context = new Context(ports, spec, kernel, closed);
    await context.#start();
    return context;
  }

  private constructor(ports: ContextPorts, spec: ContextSpec, kernel: Kernel, closed: () => void) {
    this.id = ports.ids.next('ctx');
    this.language = spec.language;
    this.#ports = ports;
    this.#spec = spec;
    this.#kernel = kernel;
    this.#closed = closed;
  }

  /** Of the interpreter: `3.11.2`. */
  get version(): string {
    return this.#version;
  }

  get isBusy(): boolean {
    return this.#call !== undefined;
  }

  /**
   * Resolves when it is its turn, and it was decided, written down and handed over. An interpreter that ended since the last call is started again, and the
   * call's first event says so. Errors: `usage` for more than 1 MiB of code, `cancelled`, `admission_full`, and `journal_failed`.
   */
  async run(code: string, request: CallRequest = {}): Promise<GovernedCall> {
    if (Buffer.byteLength(code) > MAX_CODE_BYTES) throw new GloveboxError('usage', `a call may have ${MAX_CODE_BYTES} bytes of code, this has more`);
    const done = await this.#turns.take(request.signal);
    try {
      const call = await this.#begin(code, request);
      void call.end.finally(done);
      return call;
    } catch (error) {
      done();
      throw error;
    }
  }

  /** Stops what runs, as ^C does: an exception in the code, which may catch it. What has not begun yet is not stopped. */
  interrupt(): void {
    this.#call?.stop('interrupted');
  }

  /** Ends the interpreter, with what runs in it (`cancelled`), and begins anew. Calls that wait run in the new one. Errors: see `open`. */
  async restart(): Promise<void> {
    this.#throwIfClosed();
    await this.#end();
    const done = await this.#turns.takeFirst();
    try {
      this.#throwIfClosed();
      // A call that had its turn meanwhile has started one; it is not as new as what was asked for.
      await this.#end();
      await this.#start();
    } finally {
      done();
    }
  }

  /** Ends the interpreter with everything that it started. Idempotent. */
  async close(): Promise<void> {
    this.abandon();
    await this.#end();
  }

  /** Nothing runs in it any more; what runs is ended by whoever ends the sandbox. */
  abandon(): void {
    this.#isClosed = true;
    this.#turns.close(new GloveboxError('cancelled', `the context ${this.id} was closed`));
    this.#closed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #begin(code: string, request: CallRequest): Promise<GovernedCall> {
    this.#throwIfClosed();
    this.#ports.touch();
    const { gate, ids } = this.#ports;
    const id = ids.next('cal');
    const cwd = this.#spec.cwd ?? WORKSPACE;
    const considered = gate.consider({ action: 'context.run', language: this.language, code, cwd }, { signal: request.signal });
    const verdict = considered instanceof Promise ? await considered : considered;
    if (!verdict.allowed) return this.#neverRan(id, verdict, { cause: 'policy' });
    await this.#interpreter?.dying;
    const before = this.#interpreter?.end;
    const interpreter = await this.#alive();
    if (interpreter instanceof GloveboxError) return this.#neverRan(id, verdict, { cause: 'not_started', state: 'lost', detail: interpreter.message });
    const data = { call: id, context: this.id, command: interpreter.command.id, sandbox: this.#ports.sandbox, language: this.language, codeHash: `sha256:${hash('sha256', code)}` };
    await gate.write([verdict.event, { type: 'call.started', data }]);
    return this.#run(id, verdict, interpreter, { code, request, before });
  }

  #run(id: RunningCall['id'], verdict: Verdict, interpreter: Interpreter, how: { code: string; request: CallRequest; before: CommandEnd | undefined }): GovernedCall {
    const { limits, signal, graceMs } = how.request;
    const number = (this.#calls += 1);
    const call: Call = new Call({
      number,
      limits: stricter(this.#ports.limits, limits),
      graceMs,
      clock: this.#ports.clock,
      strayBytes: interpreter.takeStrayBytes(),
      filter: () => this.#ports.watch.outputFilter({ call: id }),
      cleaned: (event) => this.#ports.watch.cleaned(event, { call: id }),
      interrupt: () => interpreter.interrupt(number),
      remind: () => interpreter.remind(),
      kill: () => void interpreter.kill(),
    });
    this.#call = call;
    if (how.before !== undefined) call.events.push({ type: 'restarted', interpreter: how.before });
    const cancel = (): void => call.stop('cancelled');
    signal?.addEventListener('abort', cancel, { once: true });
    interpreter.run(call, how.code, call.outputBytes);
    // Fired while the intent was being written.
    if (signal?.aborted === true) cancel();
    const end = call.ended.then(async (ended) => {
      signal?.removeEventListener('abort', cancel);
      this.#call = undefined;
      this.#ports.touch();
      await this.#ended(id, ended, call.hashes);
      call.events.push({ type: 'end', end: ended });
      return ended;
    });
    return { id, context: this.id, decision: verdict.decision, events: call.events, end };
  }

  /** As with commands: the call ran, whether or not that can be written, and its end is told as it was. */
  async #ended(id: string, end: CallEnd, hashes: CallHashes): Promise<void> {
    try {
      await this.#ports.gate.write([{ type: 'call.ended', data: { call: id, end, ...hashes } }]);
    } catch (error) {
      this.#ports.unwritten(error);
    }
  }

  async #neverRan(id: RunningCall['id'], verdict: Verdict, how: Pick<CallEnd, 'cause' | 'detail'> & Partial<Pick<CallEnd, 'state'>>): Promise<GovernedCall> {
    const end: CallEnd = { state: 'kept', wallMs: 0, output: { stdoutBytes: 0, stderrBytes: 0, displayBytes: 0, droppedBytes: 0 }, ...how };
    const ended: NewEvent = { type: 'call.ended', data: { call: id, end, stdoutHash: '', stderrHash: '', displaysHash: '' } };
    await this.#ports.gate.write([verdict.event, ended]);
    const events = new CallEvents();
    events.push({ type: 'end', end });
    return { id, context: this.id, decision: verdict.decision, events, end: Promise.resolve(end) };
  }

  /** The interpreter, or one in its place; or why there is none. Errors: `journal_failed`. */
  async #alive(): Promise<Interpreter | GloveboxError> {
    try {
      return this.#interpreter?.end === undefined && this.#interpreter !== undefined ? this.#interpreter : await this.#start();
    } catch (error) {
      if (error instanceof GloveboxError && error.code === 'journal_failed') throw error;
      return error instanceof GloveboxError ? error : new GloveboxError('context_failed', describeError(error), { cause: error });
    }
  }

  async #start(): Promise<Interpreter> {
    const command = await this.#ports.start(this.#kernel, this.#spec);
    const options = { kernel: this.#kernel, command, clock: this.#ports.clock, outputBytes: this.#ports.limits.outputBytes };
    const { interpreter, version } = await Interpreter.start(options);
    this.#interpreter = interpreter;
    this.#version = version;
    // Closed while it started: nobody else ends it.
    if (this.#isClosed) await this.#end();
    return interpreter;
  }

  async #end(): Promise<void> {
    const interpreter = this.#interpreter;
    this.#interpreter = undefined;
    if (interpreter === undefined) return;
    this.#call?.kill('cancelled');
    await interpreter.kill();
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw new GloveboxError('cancelled', `the context ${this.id} was closed`);
  }
}

/** A caller may ask for less than the policy lends, never for more. */
function stricter(granted: CallLimits, asked: Partial<CallLimits> = {}): CallLimits {
  return { wallMs: Math.min(granted.wallMs, asked.wallMs ?? granted.wallMs), outputBytes: Math.min(granted.outputBytes, asked.outputBytes ?? granted.outputBytes) };
}
