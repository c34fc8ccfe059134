import type { CallCause, CallEnd, CallEvent, CallLimits, CommandEnd, OutputChunk, OutputFilter } from '../../contracts/index.ts';
import { CallEvents } from './call-events.ts';
import { LazyHash } from '../lazy-hash.ts';
import type { PausableClock, Timer } from '../pausable-clock.ts';
import type { KernelMessage } from './kernel-messages.ts';
import { KernelViolation } from './kernel-stream.ts';

/** Between an interrupt for a limit and the end of the interpreter. */
const GRACE_MS = 2000;
const MAX_GRACE_MS = 30_000;
/** What was written before the end of a call is under way on the other channel. */
const OTHER_CHANNEL_MS = 5000;
/** A small one costs us many times what it costs the code. */
const MAX_DISPLAYS = 1000;
/** What was just starting when it was interrupted may not have heard it: it is told again after this time, and after twice as long each, so often. */
const REMIND_MS = 50;
const REMINDERS = 5;

/** Why a call is to end that would not end by itself. */
export type StopCause = Extract<CallCause, 'interrupted' | 'timeout' | 'output' | 'cancelled'>;

export interface CallOptions {
  /** Counts the calls of an interpreter. */
  readonly number: number;
  readonly limits: CallLimits;
  readonly graceMs?: number | undefined;
  readonly clock: PausableClock;
  /** What the interpreter wrote since the call before. */
  readonly strayBytes: number;
  /** For one channel of it. Undefined where nothing can come up. */
  readonly filter: () => OutputFilter | undefined;
  /** What it shows, as it may be shown. */
  readonly cleaned: <T extends CallEvent>(event: T) => T;
  readonly interrupt: () => void;
  /** Tells of an interrupt those who cannot have heard it. */
  readonly remind: () => void;
  /** Ends the interpreter; `ended` follows. */
  readonly kill: () => void;
}

export interface CallHashes {
  readonly stdoutHash: string;
  readonly stderrHash: string;
  readonly displaysHash: string;
}

type CallOutput = { -readonly [K in keyof CallEnd['output']]: number };

/** One call under way: what comes of it, its limits, and how it ends. */
export class Call {
  readonly number: number;
  readonly events = new CallEvents();
  readonly #options: CallOptions;
  readonly #began: number;
  readonly #wall: Timer;
  readonly #output: CallOutput;
  readonly #filters: Readonly<Record<OutputChunk['channel'], OutputFilter | undefined>>;
  readonly #hashes = { stdout: new LazyHash(), stderr: new LazyHash(), displays: new LazyHash() };
  readonly #ended = Promise.withResolvers<CallEnd>();
  #displays = 0;
  #said = new Set<KernelMessage['type']>();
  #stop: StopCause | undefined;
  #kill: Timer | undefined;
  #reminder: Timer | undefined;
  #otherChannel: Timer | undefined;
  #status: 'ok' | 'error' | undefined;
  #marked = false;
  #isOver = false;

  constructor(options: CallOptions) {
    this.#options = options;
    this.number = options.number;
    this.#output = { stdoutBytes: 0, stderrBytes: 0, displayBytes: 0, droppedBytes: options.strayBytes };
    this.#began = options.clock.now();
    this.#filters = { stdout: options.filter(), stderr: options.filter() };
    this.#wall = options.clock.timer(options.limits.wallMs, () => this.stop('timeout'));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get outputBytes(): number {
    return this.#options.limits.outputBytes;
  }

  /** How it ended; nobody has been told by then. */
  get ended(): Promise<CallEnd> {
    return this.#ended.promise;
  }

  get hashes(): CallHashes {
    const { stdout, stderr, displays } = this.#hashes;
    return { stdoutHash: stdout.digest(), stderrHash: stderr.digest(), displaysHash: displays.digest() };
  }

  /** Interrupts the code; and where it does not end by that, for anything but an `interrupt`, the interpreter. */
  stop(cause: StopCause): void {
    if (this.#isOver || (this.#stop !== undefined && this.#stop !== 'interrupted')) return;
    this.#stop = cause;
    this.#options.interrupt();
    this.#remind(0);
    if (cause !== 'interrupted') this.#kill = this.#options.clock.timer(Math.min(this.#options.graceMs ?? GRACE_MS, MAX_GRACE_MS), this.#options.kill);
  }

  /** Ends the interpreter with it. */
  kill(cause: StopCause): void {
    if (this.#isOver) return;
    if (this.#stop === undefined || this.#stop === 'interrupted') this.#stop = cause;
    this.#options.kill();
  }

  wrote(channel: OutputChunk['channel'], bytes: Buffer): void {
    if (this.#isOver) return;
    const kept = bytes.subarray(0, this.#room(bytes.length));
    this.#output[channel === 'stdout' ? 'stdoutBytes' : 'stderrBytes'] += kept.length;
    if (kept.length > 0) this.#hashes[channel].add(kept);
    this.#show(channel, kept, false);
  }

  /** Errors: `KernelViolation` for what this call cannot say, or not any more. */
  said(message: KernelMessage, bytes: number): void {
    if (this.#status !== undefined) throw new KernelViolation('a message of a call that had ended');
    if (message.type === 'end') return this.#saidEnd(message);
    if (message.type === 'heard') return this.#saidHeard(bytes);
    if (message.type === 'ready') throw new KernelViolation('a second beginning');
    if (message.type !== 'display' && this.#said.has(message.type)) throw new KernelViolation(`a second ${message.type}`);
    this.#said.add(message.type);
    if (message.type === 'display') this.#displays += 1;
    if (this.#displays > MAX_DISPLAYS) {
      this.#output.droppedBytes += bytes;
      return;
    }
    // An error is what tells why: it is small, and comes once.
    if (message.type !== 'error' && this.#room(bytes) < bytes) return;
    this.#output.displayBytes += bytes;
    this.#hashes.displays.add(JSON.stringify(message));
    this.events.push(this.#options.cleaned(message.type === 'error' ? message : displayed(message)));
  }

  /** Everything that it wrote on stderr is there. Errors: `KernelViolation`. */
  marked(number: number): void {
    if (number !== this.number || this.#marked) throw new KernelViolation(`the end of call ${number} on stderr`);
    this.#marked = true;
    this.#settle();
  }

  /** The interpreter is no more. */
  interpreterEnded(interpreter: CommandEnd, violation?: string): void {
    const cause = violation !== undefined ? 'violation' : (this.#stop ?? (interpreter.cause === 'lost' ? 'lost' : 'died'));
    this.#end({ cause, state: 'lost', interpreter, ...(violation === undefined ? {} : { detail: violation }) });
  }

  #remind(times: number): void {
    this.#reminder?.stop();
    if (times === REMINDERS) return;
    this.#reminder = this.#options.clock.timer(REMIND_MS * 2 ** times, () => {
      this.#options.remind();
      this.#remind(times + 1);
    });
  }

  /** What was started since has nothing to do with it. Code may interrupt itself, too. */
  #saidHeard(bytes: number): void {
    if (this.#stop === undefined) this.#output.droppedBytes += bytes;
    this.#reminder?.stop();
  }

  #saidEnd(message: Extract<KernelMessage, { type: 'end' }>): void {
    if (message.call !== this.number) throw new KernelViolation(`the end of call ${message.call}, which is not under way`);
    this.#status = message.status;
    this.#otherChannel = this.#options.clock.timer(OTHER_CHANNEL_MS, this.#options.kill);
    this.#settle();
  }

  #settle(): void {
    if (this.#status === undefined || !this.#marked) return;
    const raised = this.#status === 'error' ? 'raised' : 'finished';
    // Code that was to be interrupted and was done before was not interrupted.
    const cause = this.#stop === 'interrupted' ? (raised === 'raised' ? 'interrupted' : 'finished') : (this.#stop ?? raised);
    this.#end({ cause, state: 'kept' });
  }

  #end(how: Pick<CallEnd, 'cause' | 'state' | 'interpreter' | 'detail'>): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const channel of ['stdout', 'stderr'] as const) this.#show(channel, Buffer.alloc(0), true);
    for (const timer of [this.#wall, this.#kill, this.#reminder, this.#otherChannel]) timer?.stop();
    this.#ended.resolve({ ...how, wallMs: Math.round((this.#options.clock.now() - this.#began) * 1000) / 1000, output: this.#output });
  }

  #show(channel: OutputChunk['channel'], bytes: Buffer, isLast: boolean): void {
    this.events.write(channel, this.#filters[channel]?.(bytes, isLast) ?? bytes);
  }

  /** How many of so many bytes may still come; the rest is counted as dropped, and ends the call. */
  #room(bytes: number): number {
    const { stdoutBytes, stderrBytes, displayBytes } = this.#output;
    const room = Math.max(0, this.#options.limits.outputBytes - stdoutBytes - stderrBytes - displayBytes);
    if (bytes <= room) return bytes;
    this.#output.droppedBytes += bytes - room;
    this.stop('output');
    return room;
  }
}

function displayed({ type, data, table, omitted = [] }: Extract<KernelMessage, { type: 'display' | 'result' }>): CallEvent {
  const display = { data, ...(table === undefined ? {} : { table }), ...(omitted.length === 0 ? {} : { omitted }) };
  return { type, display };
}
