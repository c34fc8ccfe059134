import type { Duplex } from 'node:stream';
import type { CommandId, SandboxId } from './ids.ts';
import type { CommandLimits, SandboxLimits } from './limits.ts';

/** `isolate` (JavaScript alone) has an interface of its own. */
export type SandboxKind = 'gvisor' | 'container' | 'process';

/** What a sandbox is; two sandboxes of one spec are interchangeable until a command has run. */
export interface SandboxSpec {
  /** `base`, `node`, `python`, `data`, `polyglot`, or any image reference that the engine has. `process` sandboxes see the host's tools instead. */
  readonly image: string;
  readonly limits: SandboxLimits;
  /** Without a sign of the host for so long, init kills everything and the sandbox goes away by itself. */
  readonly graceMs: number;
  /** Environment of each command, below what the command itself sets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Absent: init listens nowhere and answers no DNS. */
  readonly network?: SandboxNetwork;
}

/** What a sandbox can dial: names alone, each of which ends at `Sandbox.serveNetwork`. */
export interface SandboxNetwork {
  /** Ports on which any name can be dialled: 80 and 443 besides. At most 64. */
  readonly ports: readonly number[];
}

/** Where a sandbox with a network finds a proxy: this port of 127.0.0.1. */
export const PROXY_PORT = 3128;

/** A connection that a program in a sandbox opened. Hostile: names and ports are what the program asked for, and bounded and validated only as far as this says. */
export interface SandboxConnection {
  /** `name`: the program resolved this name and dialled what init answered. `proxy`: it dialled the proxy port, and says in the stream what it wants. */
  readonly via: 'name' | 'proxy';
  /** With `name`: the DNS name as asked for (lower case, no trailing dot, at most 253 bytes of [a-z0-9._-]). */
  readonly host?: string;
  /** That was dialled. */
  readonly port: number;
  /**
   * Bytes both ways, with back-pressure; half-closes; `destroy` resets. A reset by the program, and the end of the sandbox or of the wire under it, destroy it with an error
   * whose code is `ECONNRESET`; nobody need listen for it.
   */
  readonly stream: Duplex;
}

export type CommandCause =
  | 'exited'
  | 'signalled'
  | 'timeout'
  | 'cpu_time'
  | 'output'
  | 'memory'
  | 'disk'
  | 'cancelled'
  /** Refused by policy: it never ran. */
  | 'policy'
  /** The program could not be started: `startError` says why. */
  | 'not_started'
  /** The sandbox or the wire went away before the end was known. */
  | 'lost';

/** Open files are not among them: `EMFILE` is between a program and the kernel, and nobody else can see it. */
export type LimitHit = 'pids' | 'disk' | 'inodes' | 'file_size';

/** How a command ended. Exactly one for each command. */
export interface CommandEnd {
  readonly cause: CommandCause;
  /** Only when the main process really exited with it. */
  readonly exitCode?: number;
  /** Only when a signal really ended the main process: `SIGKILL`, … */
  readonly signal?: string;
  /** Symbolic errno, with `not_started`: `ENOENT`, `EACCES`, … */
  readonly startError?: string;
  readonly limitsHit: readonly LimitHit[];
  readonly oomKills: { readonly count: number; readonly blame: 'certain' | 'shared' };
  readonly tree: 'dead' | 'unproven';
  readonly markerLost: boolean;
  readonly usage: {
    readonly wallMs: number;
    readonly userMs: number;
    readonly systemMs: number;
    readonly maxRssBytes: number;
  };
  readonly output: {
    readonly stdoutBytes: number;
    readonly stderrBytes: number;
    /** Beyond the output limit: counted, thrown away. */
    readonly droppedBytes: number;
    /** Not received by us: written while nobody could be told. */
    readonly lostBytes: number;
  };
}

/** LINES and COLUMNS are not set: programs ask the terminal, which knows of `resize`. */
export interface TerminalSpec {
  readonly columns: number;
  readonly rows: number;
  /** TERM; `xterm-256color` by default. */
  readonly term?: string;
}

export interface CommandSpec {
  readonly id: CommandId;
  /** The program and its arguments. A shell is the caller's choice: `['sh', '-lc', text]`. */
  readonly argv: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Absolute; the workspace by default. */
  readonly cwd?: string;
  readonly limits: CommandLimits;
  /** SIGTERM is sent so long before SIGKILL when a limit or a cancellation ends it. */
  readonly graceMs?: number;
  /** `none` is /dev/null. */
  readonly stdin?: 'none' | 'pipe';
  /** A terminal of its own instead of pipes: all output is stdout, and what is written to it is what is typed. Its end is a hang-up: ^D first, and a second later SIGHUP. */
  readonly terminal?: TerminalSpec;
  /** Beyond `outputBytes`: end the command, or go on and throw the rest away (counted). */
  readonly onOutputLimit?: 'kill' | 'drop';
  /**
   * For a command that outlives the call. `discard` (the default): what comes after its reader has left is thrown away, and a result is remembered for
   * a while. `keep`: what is unread waits for the next reader, and the command with it once a window (256 KiB a channel) is full; of what was read up to half a window
   * can be had again; result and output are kept, in init too, until `forget`. 256 commands can be under way or kept in a sandbox: what is
   * beyond ends `not_started` with `EAGAIN`.
   */
  readonly onUnread?: 'discard' | 'keep';
  /** Sees each piece as it arrives and all of them before `end` settles, whether or not anybody reads. Its bytes are valid for the call only; it must not throw. */
  readonly observe?: (chunk: OutputChunk) => void;
}

/** A piece of output; `offset` counts the channel's bytes from the command's start. */
export interface OutputChunk {
  readonly channel: 'stdout' | 'stderr';
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Where in each channel: bytes from the command's start; 0 by default. */
export interface OutputOffsets {
  readonly stdout?: number;
  readonly stderr?: number;
}

/** The main process; with everything that it started; or, of that, what cannot have heard the last signal of such scope, because it was not there or was yet to begin its program. */
export type SignalScope = 'process' | 'tree' | 'late';

/** A command that was handed to a sandbox. */
export interface RunningCommand {
  readonly id: CommandId;
  /** Bytes of its input that it had been given when it was taken up from an earlier owner of the sandbox. */
  readonly stdinTaken?: number;
  /** Output in order of arrival; ends when everything was received. Reading it is what gives the command credit to write more. Once only. */
  readonly output: AsyncIterable<OutputChunk>;
  /** Never rejects: what goes wrong is a cause. Settles although nobody reads `output` only if the output fits the window. */
  readonly end: Promise<CommandEnd>;
  /** Reads again, or on: what is still held from these offsets on (a first chunk further on says what is not), then what comes. Ends the reader before it. */
  outputFrom(offsets: OutputOffsets): AsyncIterable<OutputChunk>;
  /** Resolves when the bytes were taken into the window. */
  write(bytes: Buffer): Promise<void>;
  closeStdin(): Promise<void>;
  /** Of a terminal, in characters. The program hears of it. */
  resize(columns: number, rows: number): void;
  signal(name: NodeJS.Signals, scope?: SignalScope): void;
  /** Ends the whole tree with cause `cancelled`. */
  cancel(graceMs?: number): void;
  /** Acknowledges it: once it has ended, nobody can ask for its result or its output any more, and its id is as good as new. */
  forget(): void;
}

/** Something that happened to a name; `path` is relative to what is watched, `.` that itself. */
export interface FileChange {
  /**
   * `created`: made, or moved there, over another too. `changed`: its bytes or its attributes. `overflow`: below `path` something was missed, because it was too much at
   * once or too many directories: look yourself.
   */
  readonly kind: 'created' | 'changed' | 'removed' | 'overflow';
  readonly path: string;
}

export type FileType = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'block' | 'character';

/** A file as init reports it. */
export interface FileEntry {
  readonly path: string;
  readonly type: FileType;
  readonly mode: number;
  readonly sizeBytes: number;
  readonly modifiedNs: bigint;
  readonly inode: bigint;
  readonly target?: string;
}

/** Files of a sandbox. Paths are absolute and inside; no operation follows a symbolic link: `resolve` first. Errors: `file_failed` with the errno's name in `details.errno`. */
export interface SandboxFiles {
  resolve(path: string, options?: FileOptions): Promise<string>;
  read(path: string, options?: FileOptions & { offset?: number; length?: number; maxBytes?: number }): Promise<Buffer>;
  /** Atomic: written beside, renamed over. */
  write(path: string, bytes: Buffer, options?: FileOptions & { mode?: number; parents?: boolean }): Promise<void>;
  stat(path: string, options?: FileOptions): Promise<FileEntry>;
  list(path: string, options?: FileOptions & { recursive?: boolean; exclude?: readonly string[]; limit?: number }): Promise<FileEntry[]>;
  mkdir(path: string, options?: FileOptions & { parents?: boolean }): Promise<void>;
  remove(path: string, options?: FileOptions & { recursive?: boolean }): Promise<void>;
  rename(from: string, to: string, options?: FileOptions): Promise<void>;
  /** A tar stream of a directory, or of the given relative paths in it. Hostile input: whoever reads it checks each entry. */
  pack(directory: string, options?: FileOptions & { paths?: readonly string[]; exclude?: readonly string[] }): AsyncIterable<Buffer>;
  /**
   * Changes in a directory (with `recursive`, below it too), until it is gone, the reader leaves or the signal fires (`cancelled`). Resolves when nothing that happens from
   * then on is missed. May tell twice of what is in a new directory. No deadline unless one is given. Errors besides: `ENOSPC` for more directories than may be watched
   * (`limit`, 8192 by default), `ENOTSUP` where the runtime does not tell.
   */
  watch(path: string, options?: FileOptions & { recursive?: boolean; exclude?: readonly string[]; limit?: number }): Promise<AsyncIterable<FileChange>>;
  /** Unpacks a tar stream into a directory. */
  unpack(directory: string, tar: AsyncIterable<Uint8Array>, options?: FileOptions): Promise<void>;
}

export interface FileOptions {
  readonly signal?: AbortSignal;
  /** Default 60 s. */
  readonly timeoutMs?: number;
}

/** Of the user that commands run as, in every sandbox. */
export const HOME = '/home/sandbox';

/** Where commands start and the repository lies, in every sandbox. */
export const WORKSPACE = '/workspace';

/** Where a workspace lies; docs/limits.md. */
export type WorkspacePlace = 'memory' | 'disk';

/** A sign of life from inside, and what init says of itself. */
export interface SandboxPulse {
  /** Resident memory of init. */
  readonly initBytes: number;
  readonly processes: number;
  readonly commands: number;
}

/** A sealed place. Its only way in and out is the wire. */
export interface Sandbox extends AsyncDisposable {
  readonly id: SandboxId;
  readonly kind: SandboxKind;
  /** What was really started: an image's digest (`sha256:…`), or `host` for process sandboxes. */
  readonly image: string;
  /** The image by the digests of registries (`name@sha256:…`), where the engine had it from one: another machine can get the same by these. */
  readonly digests?: readonly string[];
  /** `hard`: held by the kernel for the sandbox as a whole. `soft`: by rlimits and watchdogs only. */
  readonly limitsAre: 'hard' | 'soft';
  /** In memory it counts as the sandbox's memory, and cannot be larger. */
  readonly workspaceIs: WorkspacePlace;
  readonly files: SandboxFiles;
  /** Settles, with why, when the sandbox is gone for whatever reason. */
  readonly gone: Promise<string>;
  /** Asks init for a sign of life. Errors: `sandbox_lost`, `deadline`, `cancelled`. */
  ping(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<SandboxPulse>;
  /** What commands have in their environment now, below their own. */
  readonly env: Readonly<Record<string, string>>;
  /** Environment of each command from now on, instead of the spec's: a sandbox may be made before it is known for whom. */
  setEnv(env: Readonly<Record<string, string>>): void;
  /** Whom the connections of its programs go to from now on. Until it is called they are reset. `accept` must not throw. */
  serveNetwork(accept: (connection: SandboxConnection) => void): void;
  /** Never throws for what the guest does: a command that cannot run ends with a cause. */
  exec(spec: CommandSpec): RunningCommand;
  /** A command that runs or whose result is remembered, also one that an earlier owner of the sandbox started: that is kept until `forget`. `observe` as in `CommandSpec`, for one that is taken up. Undefined when nobody knows it. */
  command(id: CommandId, observe?: (chunk: OutputChunk) => void): RunningCommand | undefined;
  /**
   * Freezes everything in it: no CPU is used, memory is kept, and commands that are started wait. Time spent so does not count against the
   * commands' wall time. It outlives us: what ends a sandbox that nobody comes back to is frozen, too. Idempotent.
   * Errors: `kind_unavailable` where nothing can freeze it here, `sandbox_lost`, and the engine's own.
   */
  pause(signal?: AbortSignal): Promise<void>;
  /** Goes on where it was. Idempotent. Errors: `sandbox_lost`, and the engine's own. */
  resume(signal?: AbortSignal): Promise<void>;
  /** Kills everything in it and removes it, paused or not; resolves when nothing is left. Idempotent. */
  destroy(): Promise<void>;
}

/** A sandbox that runs on this machine, whoever made it. */
export interface LiveSandbox {
  readonly id: SandboxId;
  readonly kind: SandboxKind;
  /** What was asked for. */
  readonly image: string;
  readonly createdMs: number;
  /** The process that answers for it; `elsewhere` when that cannot be told from here. */
  readonly owner: 'alive' | 'dead' | 'elsewhere';
  readonly paused: boolean;
}

/** Why a driver can or cannot be used here, for `doctor` and for choosing a kind. */
export interface DriverStatus {
  readonly kind: SandboxKind;
  readonly available: boolean;
  readonly limitsAre: 'hard' | 'soft';
  /** What was found, or what is missing and how to get it. */
  readonly detail: string;
}

/** What a sandbox would be if it were made now. */
export interface SandboxIdentity {
  /** The image's digest, or `host` for process sandboxes: `create` takes it for a name. */
  readonly image: string;
  /** The runtime and init, to the version. Two sandboxes of one spec with equal identities are interchangeable until something has run in one. */
  readonly made: string;
}

/** One kind of sandbox on one machine. */
export interface SandboxDriver {
  readonly kind: SandboxKind;
  status(signal?: AbortSignal): Promise<DriverStatus>;
  /** Errors: `image_missing`, `image_unusable`, `engine_unavailable`. */
  identity(spec: SandboxSpec, signal?: AbortSignal): Promise<SandboxIdentity>;
  /** A sandbox that has said hello. A failed start leaves nothing behind. */
  create(spec: SandboxSpec, signal?: AbortSignal): Promise<Sandbox>;
  /** What runs of this state folder. */
  list(signal?: AbortSignal): Promise<readonly LiveSandbox[]>;
  /**
   * Takes over a sandbox that another process made, with everything that runs in it, and wakes it if it was paused. Whoever had it can do nothing
   * with it any more. Cancelled, it leaves the sandbox running. Errors: `not_found`, `sandbox_lost` (with `details.superseded` when somebody else was quicker), as `create`.
   */
  adopt(id: SandboxId, signal?: AbortSignal): Promise<Sandbox>;
  /** Removes what earlier processes left: only things that carry our label and whose owner is dead. Says what it removed. */
  sweep(options?: SweepOptions): Promise<readonly string[]>;
}

export interface SweepOptions {
  /** Everything of this state folder, whoever answers for it. */
  readonly all?: boolean;
  /** These too, whoever answers for them. */
  readonly doomed?: ReadonlySet<string>;
  /** What still runs is left although its owner is dead: somebody may take it over, and if nobody does its own init ends it. */
  readonly sparesLiving?: boolean;
  readonly signal?: AbortSignal;
}

export interface CreateOptions {
  /** Kinds whose limits are soft here are passed over. */
  readonly hardLimits?: boolean;
  /** The hash of the policy that the sandbox is for. What was made ready under one policy is never handed out under another. */
  readonly policy?: string;
  /** Who asks: where there is not enough for all, owners take turns. */
  readonly owner?: string;
  readonly signal?: AbortSignal;
}

/** Picks a driver: the first of the kinds that is available here. */
export interface Sandboxes {
  create(kinds: readonly SandboxKind[], spec: SandboxSpec, options?: CreateOptions): Promise<Sandbox>;
  /** What runs of this state folder, of every kind. What a dead process left is adopted first, if it is to be, and the rest swept. */
  list(signal?: AbortSignal): Promise<readonly LiveSandbox[]>;
  /** See `SandboxDriver.adopt`. */
  adopt(id: SandboxId, signal?: AbortSignal): Promise<Sandbox>;
  status(signal?: AbortSignal): Promise<readonly DriverStatus[]>;
  sweep(options?: SweepOptions): Promise<readonly string[]>;
}

/** How many sandboxes of one kind and spec are kept ready. */
export interface WarmOptions extends Omit<CreateOptions, 'owner'> {
  /** Never fewer, but where the machine has no room. */
  readonly floor: number;
  /** Never more, however many are asked for. */
  readonly ceiling?: number;
}

/** What stands ready of one kind and spec. */
export interface WarmStock {
  readonly image: string;
  readonly kinds: readonly SandboxKind[];
  readonly policy?: string;
  readonly ready: number;
  readonly making: number;
  /** How many there are to be, by the demand of late. */
  readonly target: number;
  /** Why the last one could not be made, and when that will be tried again. */
  readonly failure?: { readonly message: string; readonly attempts: number; readonly retryAtMs: number };
}

/** Sandboxes of which some are made before they are asked for, and of which there are never more than the machine holds. */
export interface WarmSandboxes extends Sandboxes, AsyncDisposable {
  /** Errors: also `admission_full` with `details.retryAfterSeconds`. */
  create(kinds: readonly SandboxKind[], spec: SandboxSpec, options?: CreateOptions): Promise<Sandbox>;
  /** Keeps `floor` sandboxes ready from now on; resolves once they are. Errors: `config_invalid`, `deadline`, and why the first could not be made. */
  warm(kinds: readonly SandboxKind[], spec: SandboxSpec, options: WarmOptions): Promise<void>;
  stock(): readonly WarmStock[];
  /** How many were asked for, and stood ready or not. */
  served(): { readonly hits: number; readonly misses: number };
}
