import { GloveboxError } from '../contracts/index.ts';
import type { CommandId, CommandSpec, OutputChunk, RunningCommand, Sandbox, SandboxConnection, SandboxFiles, SandboxId, SandboxKind, SandboxPulse, WorkspacePlace } from '../contracts/index.ts';
import { CommandLedger } from './command-ledger.ts';
import { execRequest, inheritedRequest } from './command-request.ts';
import type { AnyCommandSpec } from './command-request.ts';
import { GuestCommand } from './command.ts';
import type { GuestCommandOptions } from './command.ts';
import { Connections } from './connections.ts';
import { cancelled, deadlineSignal, raceSignal } from './deadline.ts';
import { GuestFiles } from './files.ts';
import type { GuestOptions } from './guest-options.ts';
import { Link } from './link.ts';
import type { LinkListener } from './link.ts';
import { Pause } from './pause.ts';
import { supersededError } from './state.ts';
import type { KnownCommand } from './wire/messages-from-guest.ts';
import { refusal } from './wire/messages-to-guest.ts';
import { ToGuest } from './wire/protocol.ts';
import type { Builtin } from './wire/protocol.ts';
import type { Wire } from './wire/wire.ts';

/** Why there is no number for a stream. */
type NoStream = 'not ours' | 'no room';
type Beginning = Omit<GuestCommandOptions, 'stream' | 'settled' | 'forgotten'> & { readonly stream: number | NoStream };

/** init answers a ping within a millisecond; one that is starved of CPU may need longer. */
const PING_MS = 2000;

/** A sandbox whose init answers on a wire. */
export class GuestSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly kind: SandboxKind;
  readonly image: string;
  readonly digests?: readonly string[];
  readonly limitsAre: 'hard' | 'soft';
  readonly workspaceIs: WorkspacePlace;
  readonly files: SandboxFiles;
  readonly #options: GuestOptions;
  readonly #link: Link;
  readonly #gone = Promise.withResolvers<string>();
  readonly #commands = new CommandLedger(({ stream }) => {
    this.#link.wire?.send(ToGuest.done, stream, Buffer.alloc(0));
    this.#link.wire?.forget(stream);
  });
  readonly #connections: Connections;
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
    this.workspaceIs = options.state.workspaceIs;
    this.files = new GuestFiles((builtin, argv, how) => this.#start({ id: options.ids.next('cmd'), argv, ...how }, builtin));
    this.#connections = new Connections(options.spec.network);
    this.#link = new Link({
      state: options.state,
      connect: options.connect,
      graceMs: options.spec.graceMs,
      writable: options.writable,
      network: options.spec.network,
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

  get env(): Readonly<Record<string, string>> {
    return this.#env;
  }

  setEnv(env: Readonly<Record<string, string>>): void {
    this.#env = env;
    this.#options.state.setEnv(env);
  }

  async pause(signal?: AbortSignal): Promise<void> {
    if (this.#isGone) throw new GloveboxError('sandbox_lost', `sandbox ${this.id} is gone`);
    await this.#pause.pause(signal);
  }

  resume(signal?: AbortSignal): Promise<void> {
    return this.#pause.resume(signal);
  }

  serveNetwork(accept: (connection: SandboxConnection) => void): void {
    this.#connections.serve(accept);
  }

  exec(spec: CommandSpec): RunningCommand {
    return this.#start(spec);
  }

  command(id: CommandId, observe?: (chunk: OutputChunk) => void): RunningCommand | undefined {
    const here = this.#commands.get(id);
    if (here !== undefined) return here;
    const known = this.#commands.takeInherited(id);
    if (known === undefined) return undefined;
    const from = { stdout: known.stdoutFrom, stderr: known.stderrFrom };
    return this.#begin({ id, stream: known.stream, request: inheritedRequest(known), known, from, isKept: true, observe });
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

  #start(spec: AnyCommandSpec, builtin?: Builtin): GuestCommand {
    const earlier = this.#commands.get(spec.id);
    if (earlier !== undefined) return earlier;
    const known = this.#commands.takeInherited(spec.id);
    const { env, processes, spec: sandbox } = this.#options;
    const request = execRequest(spec, { env: { ...env, ...this.#env }, processes, openFiles: sandbox.limits.openFiles }, builtin);
    return this.#begin({ id: spec.id, stream: known?.stream ?? this.#takeStream(), request, known, isKept: spec.onUnread === 'keep', observe: spec.observe });
  }

  #begin({ stream, ...options }: Beginning): GuestCommand {
    const command = new GuestCommand({
      ...options,
      stream: typeof stream === 'number' ? stream : 0,
      settled: (ended) => this.#commands.settled(ended),
      forgotten: (unwanted) => this.#commands.forget(unwanted),
    });
    this.#commands.add(command);
    const refused = refusal(options.request);
    if (this.#isGone || stream === 'not ours') command.lose();
    else if (stream === 'no room') command.refuse('ENOSPC');
    else if (refused !== undefined) command.refuse(refused);
    else if (this.#link.wire !== undefined) command.attach(this.#link.wire, options.known);
    return command;
  }

  /** Or why there is none: the sandbox is no longer ours to start anything in, or our own disk is full and takes no note of a number. */
  #takeStream(): number | NoStream {
    if (this.#streams.next === this.#streams.end) {
      try {
        const { first, end } = this.#options.state.reserveStreams();
        this.#streams = { next: first, end };
      } catch (error) {
        if (error instanceof GloveboxError && error.code === 'disk_full') return 'no room';
        // Taken over, or removed: the wire will say so in a moment, with why.
        return 'not ours';
      }
    }
    const stream = this.#streams.next;
    this.#streams.next += 1;
    return stream;
  }

  #listener(): LinkListener {
    return {
      attached: (wire, known) => this.#attached(wire, known),
      network: (frame) => this.#connections.receive(frame),
      detached: () => {
        for (const command of this.#commands.running) command.detach();
        this.#connections.detach();
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
    if (this.#attachedBefore) {
      for (const stream of this.#commands.acknowledged(known)) wire.send(ToGuest.done, stream, Buffer.alloc(0));
    } else {
      this.#commands.inherit(known);
    }
    this.#attachedBefore = true;
    this.#connections.attach(wire);
    for (const command of this.#commands.running) command.attach(wire, known.find(({ stream }) => stream === command.stream));
  }

  /** Nothing can be started any more, and what runs is lost. */
  #stop(): void {
    this.#isGone = true;
    this.#connections.detach();
    for (const command of this.#commands.running) command.lose();
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
    } catch (error) {
      // Whoever asks may never ask again; a sweep of this very process may remove it, too, from now on.
      this.#options.state.giveUp();
      throw error;
    } finally {
      this.#gone.resolve(why);
    }
  }
}
