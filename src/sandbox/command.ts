import type { CommandEnd, CommandId, OutputChunk, OutputOffsets, RunningCommand, SignalScope } from '../contracts/index.ts';
import { OutputQueue } from './output-queue.ts';
import { StdinWindow } from './stdin-window.ts';
import type { Channel, GuestEnd, KnownCommand } from './wire/messages-from-guest.ts';
import { encodeAck, encodeCancel, encodeExec, encodeResize, encodeResume, encodeSignal, encodeStdinHead } from './wire/messages-to-guest.ts';
import type { ExecRequest, TerminalSize } from './wire/messages-to-guest.ts';
import { signalNumber } from './wire/linux.ts';
import { LAST_FLAG, ToGuest } from './wire/protocol.ts';
import { violation } from './wire/violation.ts';
import type { Wire, WireStream } from './wire/wire.ts';

/** SIGTERM is followed by SIGKILL after so long when a cancellation does not say. */
const CANCEL_GRACE_MS = 2000;

const MAX_SIZE = 0xffff;

export interface GuestCommandOptions {
  readonly id: CommandId;
  readonly stream: number;
  readonly request: ExecRequest;
  /** Another host started it, and we take it up where that host left it. */
  readonly known?: KnownCommand | undefined;
  /** Where its output begins for us. */
  readonly from?: OutputOffsets | undefined;
  /** Result and output are kept until `forget`. */
  readonly isKept?: boolean;
  readonly observe?: ((chunk: OutputChunk) => void) | undefined;
  /** Called once, when the end is known. */
  readonly settled: (command: GuestCommand) => void;
  /** Called when nobody wants it any more; it may not have ended yet. */
  readonly forgotten: (command: GuestCommand) => void;
}

/** One command in a sandbox. It outlives the wire that it was started on: each new one takes it up at the byte. */
export class GuestCommand implements RunningCommand, WireStream {
  readonly id: CommandId;
  readonly stream: number;
  readonly isKept: boolean;
  readonly stdinTaken: number;
  readonly #request: ExecRequest;
  readonly #output: OutputQueue;
  readonly #stdin: StdinWindow;
  readonly #settled: (command: GuestCommand) => void;
  readonly #forgotten: (command: GuestCommand) => void;
  readonly #observe: ((chunk: OutputChunk) => void) | undefined;
  readonly #observed: Record<Channel, number> = { stdout: 0, stderr: 0 };
  readonly #end = Promise.withResolvers<CommandEnd>();
  #wire: Wire | undefined;
  #seen: boolean;
  #ended = false;
  #reached = false;
  #isForgotten = false;
  #size: TerminalSize | undefined;
  #cancelGraceMs: number | undefined;
  #signals: { readonly number: number; readonly scope: SignalScope }[] = [];

  constructor(options: GuestCommandOptions) {
    const { windowBytes, terminal } = options.request;
    this.id = options.id;
    this.stream = options.stream;
    this.isKept = options.isKept ?? false;
    this.stdinTaken = options.known?.stdinTaken ?? 0;
    this.#request = options.request;
    this.#settled = options.settled;
    this.#forgotten = options.forgotten;
    this.#observe = options.observe;
    this.#seen = options.known !== undefined;
    this.#size = terminal;
    this.#output = new OutputQueue(windowBytes, (channel, offset) => this.#send(ToGuest.ack, encodeAck(channel === 'stdout' ? 1 : 2, offset)), {
      keepBytes: this.isKept ? windowBytes / 2 : 0,
      ...(options.from === undefined ? {} : { from: options.from }),
    });
    this.#stdin = new StdinWindow(
      {
        send: (offset, bytes, { last = false, draft }) => {
          if (this.#wire?.hasRoom(this.#stdin) !== true) return undefined;
          return this.#wire.sendBulk(ToGuest.stdin, this.stream, encodeStdinHead(offset), bytes, { flags: last ? LAST_FLAG : 0, draft });
        },
        draft: () => this.#wire?.draft(),
      },
      this.stdinTaken,
    );
  }

  get output(): AsyncIterable<OutputChunk> {
    return this.#output;
  }

  get end(): Promise<CommandEnd> {
    return this.#end.promise;
  }

  /** Whether init has it in its ledger, so that it wants to hear when it may forget it. */
  get reached(): boolean {
    return this.#reached;
  }

  /** Whether init may forget it as soon as it has ended. */
  get isForgotten(): boolean {
    return this.#isForgotten;
  }

  outputFrom(offsets: OutputOffsets): AsyncIterable<OutputChunk> {
    return this.#output.readFrom(offsets);
  }

  forget(): void {
    this.#isForgotten = true;
    this.#forgotten(this);
  }

  /** Starts on this wire, or goes on there when init knows the command already. Errors: `wire_violation`. */
  attach(wire: Wire, known: KnownCommand | undefined): void {
    this.#wire = wire;
    wire.listen(this.stream, this);
    if (known === undefined) {
      if (this.#seen) throw violation('conduct', `init has forgotten the command ${this.id}`);
      wire.send(ToGuest.exec, this.stream, encodeExec(this.#request));
    }
    // Before what was typed in a terminal of that size.
    if (this.#size !== undefined && (this.#size !== this.#request.terminal || known !== undefined)) this.#send(ToGuest.resize, encodeResize(this.#size));
    if (known === undefined) this.#stdin.resume(0);
    else this.#resume(known);
    if (this.#cancelGraceMs !== undefined) this.#send(ToGuest.cancel, encodeCancel(this.#cancelGraceMs));
    for (const { number, scope } of this.#signals.splice(0)) this.#send(ToGuest.signal, encodeSignal(number, scope));
  }

  /** The wire is gone; another may come. */
  detach(): void {
    this.#wire = undefined;
  }

  /** The sandbox is gone, and nobody will ever know how this ended. */
  lose(): void {
    if (this.#ended) return;
    const [stdout, stderr] = [this.#output.received('stdout'), this.#output.received('stderr')];
    this.#output.close();
    this.#finish({ ...notRun('lost'), output: { stdoutBytes: stdout, stderrBytes: stderr, droppedBytes: 0, lostBytes: this.#output.lostBytes } });
  }

  /** It was not even sent: the reason is known here. */
  refuse(startError: string): void {
    this.#output.close();
    this.#finish({ ...notRun('not_started'), startError, tree: 'dead' });
  }

  write(bytes: Buffer): Promise<void> {
    return this.#request.stdin ? this.#stdin.write(bytes) : Promise.resolve();
  }

  closeStdin(): Promise<void> {
    return this.#request.stdin ? this.#stdin.end() : Promise.resolve();
  }

  resize(columns: number, rows: number): void {
    if (this.#ended) return;
    this.#size = { columns: clampSize(columns), rows: clampSize(rows) };
    this.#send(ToGuest.resize, encodeResize(this.#size));
  }

  signal(name: NodeJS.Signals, scope: SignalScope = 'process'): void {
    const number = signalNumber(name);
    if (number === undefined || this.#ended) return;
    if (this.#wire === undefined) this.#signals.push({ number, scope });
    else this.#send(ToGuest.signal, encodeSignal(number, scope));
  }

  cancel(graceMs: number = CANCEL_GRACE_MS): void {
    if (this.#ended) return;
    this.#cancelGraceMs = Math.min(graceMs, this.#cancelGraceMs ?? graceMs);
    this.#send(ToGuest.cancel, encodeCancel(this.#cancelGraceMs));
  }

  started(): void {
    this.#seen = true;
  }

  received(channel: Channel, offset: number, bytes: Buffer, lasting: boolean): void {
    this.#seen = true;
    this.#output.push(channel, offset, bytes, lasting);
    // After a new attachment some of it comes again.
    const seen = Math.max(0, this.#observed[channel] - offset);
    if (seen >= bytes.length) return;
    this.#observed[channel] = offset + bytes.length;
    this.#observe?.({ channel, offset: offset + seen, bytes: bytes.subarray(seen) });
  }

  stdinAck(offset: number, closed: boolean): void {
    this.#stdin.acknowledge(offset, closed);
  }

  finished(end: GuestEnd): void {
    // It is sent again after each RESUME.
    if (this.#ended) return;
    this.#reached = true;
    this.#output.finish({ stdout: end.output.stdoutBytes, stderr: end.output.stderrBytes });
    this.#finish({ ...end, output: { ...end.output, lostBytes: this.#output.lostBytes } });
  }

  #resume(known: KnownCommand): void {
    this.#seen = true;
    const from = this.#output.resume();
    this.#send(ToGuest.resume, encodeResume(from.stdout, from.stderr));
    if (known.ended) this.#stdin.close();
    else if (this.#request.stdin) this.#stdin.resume(known.stdinTaken);
  }

  #send(type: ToGuest, payload: Buffer): void {
    this.#wire?.send(type, this.stream, payload);
  }

  #finish(end: CommandEnd): void {
    this.#ended = true;
    this.#stdin.close();
    this.#end.resolve(end);
    this.#settled(this);
  }
}

function notRun(cause: 'lost' | 'not_started'): CommandEnd {
  return {
    cause,
    limitsHit: [],
    oomKills: { count: 0, blame: 'certain' },
    tree: 'unproven',
    markerLost: false,
    usage: { wallMs: 0, userMs: 0, systemMs: 0, maxRssBytes: 0 },
    output: { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0, lostBytes: 0 },
  };
}

function clampSize(count: number): number {
  return Number.isFinite(count) ? Math.min(MAX_SIZE, Math.max(0, Math.trunc(count))) : 0;
}
