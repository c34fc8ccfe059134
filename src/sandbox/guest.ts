import { GloveboxError, WORKSPACE } from '../contracts/index.ts';
import type { CommandId, CommandSpec, IdSource, RunningCommand, Sandbox, SandboxFiles, SandboxId, SandboxKind, SandboxPulse, SandboxSpec } from '../contracts/index.ts';
import { GuestCommand } from './command.ts';
import { cancelled, deadlineSignal, raceSignal } from './deadline.ts';
import { GuestFiles } from './files.ts';
import { Link } from './link.ts';
import type { LinkListener } from './link.ts';
import { Pause } from './pause.ts';
import type { Freezer } from './pause.ts';
import { supersededError } from './state.ts';
import type { SandboxState } from './state.ts';
import type { Connect } from './transport.ts';
import type { KnownCommand } from './wire/messages-from-guest.ts';
import { refusal } from './wire/messages-to-guest.ts';
import type { ExecRequest } from './wire/messages-to-guest.ts';
import { FILE_WINDOW_BYTES, OUTPUT_WINDOW_BYTES, ToGuest } from './wire/protocol.ts';
import type { Builtin } from './wire/protocol.ts';
import type { Wire } from './wire/wire.ts';

/** What a driver hands over once it has made a place where init runs (or will, when `connect` is called). */
export interface GuestOptions {
  readonly id: SandboxId;
  readonly kind: SandboxKind;
  /** What was really started: an image's digest, or `host`. */
  readonly image: string;
  /** Where a registry knows it: see `Sandbox`. */
  readonly digests?: readonly string[];
  readonly limitsAre: 'hard' | 'soft';
  readonly spec: SandboxSpec;
  /** Keys, epoch and owner; persisted before each attach. The guest removes the file once `destroy` has resolved. */
  readonly state: SandboxState;
  /** Environment of each command, below the spec's and the command's own: PATH, HOME. */
  readonly env: Readonly<Record<string, string>>;
  /** Bits of `Feature` (wire/protocol.ts) that this kind promises; a hello without them is a failed start. */
  readonly requires: number;
  /** Paths whose filesystems init watches for `disk` and `inodes`; at most 8. */
  readonly writable: readonly string[];
  /** Processes of the sandbox's user, where nothing better than an rlimit holds them. */
  readonly processes?: number | undefined;
  readonly ids: IdSource;
  /** The first call may start the sandbox. */
  readonly connect: Connect;
  /** Somebody before us made it: what fails on our side alone does not end it. */
  readonly adopted?: boolean;
  /** Absent where nothing can freeze it. */
  readonly freezer?: Freezer | undefined;
  /** Removes everything that the driver made, by force; resolves when nothing is left. Idempotent. `asked`: init has been told to end by itself. */
  readonly destroy: (asked: boolean) => Promise<void>;
}

/** Ended commands that init is left to remember, because whoever journals a result may die just before, and will ask again. */
const REMEMBERED = 8;
/** Ended commands that we remember: the same id again is the same command, not another run. */
const KNOWN_HERE = 256;
/** init answers a ping within a millisecond; one that is starved of CPU may need longer. */
const PING_MS = 2000;

/** A sandbox whose init answers on a wire. */
export class GuestSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly kind: SandboxKind;
  readonly image: string;
  readonly digests?: readonly string[];
  readonly limitsAre: 'hard' | 'soft';
  readonly files: SandboxFiles;
  readonly #options: GuestOptions;
  readonly #link: Link;
  readonly #gone = Promise.withResolvers<string>();
  readonly #commands = new Map<CommandId, GuestCommand>();
  readonly #running = new Set<GuestCommand>();
  /** Ids of ended commands that we know, and the ended commands that init still knows; the oldest first. */
  readonly #ended: CommandId[] = [];
  readonly #remembered: GuestCommand[] = [];
  /** Commands that init knew when we attached, by id: somebody before us started them. */
  readonly #inherited = new Map<string, KnownCommand>();
  readonly #pause: Pause;
  #env: Readonly<Record<string, string>>;
  #streams = { next: 0, end: 0 };
  #attachedBefore = false;
  #isGone = false;
  #superseded = false;
  #destroying: Promise<void> | undefined;

  /**
   * Connects, sends the preamble (on the first attach of `state`), and waits for a hello. A failed start calls `destroy` and removes the state; an
   * adoption that was cancelled, or in which somebody else was quicker, touches nothing.
   * Errors: `sandbox_start_failed`, `wire_violation`, `cancelled`, and what `connect` throws.
   */
  static async open(options: GuestOptions, signal?: AbortSignal): Promise<GuestSandbox> {
    const sandbox = new GuestSandbox(options);
    try {
      await sandbox.#link.open(signal);
      return sandbox;
    } catch (error) {
      if (options.adopted === true && error instanceof GloveboxError && error.code === 'cancelled') {
        sandbox.#link.close();
        throw error;
      }
      // How it ends for the slower of two is a matter of chance: a broken transport, no hello.
      const overtaken = options.state.isOvertaken;
      // The first error is the one that says what happened; what could not be removed is left to the sweeper, which finds the state.
      await sandbox.destroy().catch(() => undefined);
      throw overtaken ? supersededError() : error;
    }
  }

  private constructor(options: GuestOptions) {
    this.#options = options;
    this.#env = options.spec.env ?? {};
    this.id = options.id;
    this.kind = options.kind;
    this.image = options.image;
    if (options.digests !== undefined) this.digests = options.digests;
    this.limitsAre = options.limitsAre;
    this.files = new GuestFiles((builtin, argv, how) => this.#start({ id: options.ids.next('cmd'), argv, ...how }, builtin));
    this.#link = new Link({
      state: options.state,
      connect: options.connect,
      graceMs: options.spec.graceMs,
      writable: options.writable,
      requires: options.requires,
      listener: this.#listener(),
    });
    this.#pause = new Pause({ id: options.id, link: this.#link, freezer: options.freezer });
  }

  get gone(): Promise<string> {
    return this.#gone.promise;
  }

  async ping(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<SandboxPulse> {
    const { timeoutMs = PING_MS, signal } = options;
    const deadline = deadlineSignal(timeoutMs, signal);
    try {
      if (this.#link.wire === undefined) throw new GloveboxError('sandbox_lost', `sandbox ${this.id} is not connected`);
      const { initBytes, processes, commands } = await raceSignal(this.#link.wire.pulse(), deadline);
      return { initBytes, processes, commands };
    } catch (error) {
      if (signal?.aborted === true) throw cancelled('asking a sandbox for a sign of life', signal);
      if (deadline.aborted) throw new GloveboxError('deadline', `sandbox ${this.id} gave no sign of life within ${timeoutMs} ms`, { cause: error });
      throw error instanceof GloveboxError ? error : new GloveboxError('sandbox_lost', `sandbox ${this.id} went away when it was asked for a sign of life`, { cause: error });
    }
  }

  setEnv(env: Readonly<Record<string, string>>): void {
    this.#env = env;
    this.#options.state.setEnv(env);
  }

  pause(signal?: AbortSignal): Promise<void> {
    return this.#pause.pause(signal);
  }

  resume(signal?: AbortSignal): Promise<void> {
    return this.#pause.resume(signal);
  }

  exec(spec: CommandSpec): RunningCommand {
    return this.#start(spec);
  }

  destroy(): Promise<void> {
    return this.#destroyOnce('destroyed');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }

  #destroyOnce(why: string): Promise<void> {
    this.#destroying ??= this.#destroy(why).catch((error: unknown) => {
      // Nothing is known to be gone: the next call tries again.
      this.#destroying = undefined;
      throw error;
    });
    return this.#destroying;
  }

  #start(spec: Omit<CommandSpec, 'argv'> & { readonly argv: readonly string[] }, builtin?: Builtin): GuestCommand {
    const earlier = this.#commands.get(spec.id);
    if (earlier !== undefined) return earlier;
    const known = this.#inherited.get(spec.id);
    this.#inherited.delete(spec.id);
    const request = this.#request(spec, builtin);
    const stream = known?.stream ?? this.#takeStream();
    const command = new GuestCommand({ id: spec.id, stream: stream ?? 0, request, known, settled: (ended) => this.#settled(ended), observe: spec.observe });
    this.#commands.set(spec.id, command);
    this.#running.add(command);
    const refused = refusal(request);
    if (this.#isGone || stream === undefined) command.lose();
    else if (refused !== undefined) command.refuse(refused);
    else if (this.#link.wire !== undefined) command.attach(this.#link.wire, known);
    return command;
  }

  #request(spec: Omit<CommandSpec, 'argv'> & { readonly argv: readonly string[] }, builtin: Builtin | undefined): ExecRequest {
    return {
      id: spec.id,
      argv: spec.argv,
      ...(builtin === undefined ? {} : { builtin }),
      // What init does by itself reads none of it, and has to work where an image has more than fits a command.
      env: builtin === undefined ? { ...this.#options.env, ...this.#env, ...spec.env } : {},
      cwd: spec.cwd ?? WORKSPACE,
      wallMs: spec.limits.wallMs,
      cpuMs: spec.limits.cpuMs,
      outputBytes: spec.limits.outputBytes,
      graceMs: spec.graceMs,
      openFiles: this.#options.spec.limits.openFiles,
      processes: this.#options.processes,
      stdin: spec.stdin === 'pipe',
      windowBytes: builtin === undefined ? OUTPUT_WINDOW_BYTES : FILE_WINDOW_BYTES,
      dropBeyondLimit: spec.onOutputLimit === 'drop',
    };
  }

  /** Undefined when the sandbox is no longer ours to start anything in. */
  #takeStream(): number | undefined {
    if (this.#streams.next === this.#streams.end) {
      try {
        const { first, end } = this.#options.state.reserveStreams();
        this.#streams = { next: first, end };
      } catch {
        // Taken over, or removed: the wire will say so in a moment, with why.
        return undefined;
      }
    }
    const stream = this.#streams.next;
    this.#streams.next += 1;
    return stream;
  }

  #listener(): LinkListener {
    return {
      attached: (wire, known) => this.#attached(wire, known),
      drained: () => {
        for (const command of this.#running) command.drained();
      },
      detached: () => {
        for (const command of this.#running) command.detach();
      },
      lost: ({ why, error }) => {
        this.#superseded = why === 'superseded';
        this.#stop();
        // Whoever calls `destroy` hears of a failure; if nobody does, the sweeper finds the state.
        this.#destroyOnce(error.message).catch(() => undefined);
      },
    };
  }

  #attached(wire: Wire, known: readonly KnownCommand[]): void {
    const byStream = new Map(known.map((command) => [command.stream, command]));
    if (this.#attachedBefore) {
      for (const command of this.#running) byStream.delete(command.stream);
      this.#acknowledgeAgain(wire, byStream.values());
    } else {
      for (const command of known) this.#inherited.set(command.id, command);
    }
    this.#attachedBefore = true;
    for (const command of this.#running) command.attach(wire, known.find(({ stream }) => stream === command.stream));
  }

  /** What was acknowledged on the wire that broke may never have arrived. */
  #acknowledgeAgain(wire: Wire, notRunning: Iterable<KnownCommand>): void {
    for (const { id, stream, ended } of notRunning) {
      const remembered = this.#remembered.some((command) => command.stream === stream);
      if (ended && !remembered && !this.#inherited.has(id)) wire.send(ToGuest.done, stream, Buffer.alloc(0));
    }
  }

  #settled(command: GuestCommand): void {
    this.#running.delete(command);
    this.#ended.push(command.id);
    const forgotten = this.#ended.length > KNOWN_HERE ? this.#ended.shift() : undefined;
    if (forgotten !== undefined) this.#commands.delete(forgotten);
    if (!command.reached) return;
    this.#remembered.push(command);
    const acknowledged = this.#remembered.length > REMEMBERED ? this.#remembered.shift() : undefined;
    if (acknowledged === undefined) return;
    this.#link.wire?.send(ToGuest.done, acknowledged.stream, Buffer.alloc(0));
    this.#link.wire?.forget(acknowledged.stream);
  }

  /** Nothing can be started any more, and what runs is lost. */
  #stop(): void {
    this.#isGone = true;
    for (const command of this.#running) command.lose();
  }

  async #destroy(why: string): Promise<void> {
    // What is frozen hears nothing.
    const asked = this.#link.wire !== undefined && !this.#pause.paused;
    this.#isGone = true;
    if (asked) {
      this.#link.shutdown();
      // The frame leaves with this tick's others; only then may the transport go.
      await Promise.resolve();
    }
    this.#link.close();
    this.#stop();
    try {
      if (this.#superseded || this.#options.state.isOvertaken) return;
      await this.#options.destroy(asked);
      this.#options.state.remove();
    } finally {
      this.#gone.resolve(why);
    }
  }
}
