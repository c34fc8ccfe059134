import type { Approvals, Audit, Authority, Control, Journal, Permission, Policies, Policy, Principal, Redactor, RegistryKind, Sandbox, Sandboxes, SandboxKind, SandboxSpec, Stoppable, StopScope, Telemetry, TelemetryOptions, Tenants, WarmSandboxes, Workspace } from '../contracts/index.ts';
import type { Forks, JournalBudgets, Replays, Runs, Trajectories, UsageReadings, Worker, WorkerOptions } from '../runs/index.ts';
import type { RunningServer, ServerOptions, StdioMcp } from '../server/index.ts';
import type { Attendance, Halted, MasterKeyChange, SessionPorts } from '../session/index.ts';

/** An image of ours and whether the engine has it. */
export interface ImageState {
  readonly name: string;
  readonly present: boolean;
  /** Not missed where nobody asked for it. */
  readonly onDemand: boolean;
  readonly id?: string;
  readonly sizeBytes?: number;
}

/** An image that was asked for; docs/images.md. */
export interface ImageChoice {
  /** What policy is asked about. */
  readonly name: string;
  readonly isBuilt: boolean;
  readonly notes: readonly string[];
  /** Builds or pulls what the engine does not have. */
  prepare(options: { onLine: (line: string) => void; signal: AbortSignal }): Promise<{ readonly id: string; readonly env: Readonly<Record<string, string>> }>;
}

export interface Images {
  list(signal?: AbortSignal): Promise<readonly ImageState[]>;
  /** Built from Dockerfiles of the operator's. */
  listBuilt(signal?: AbortSignal): Promise<readonly { readonly reference: string; readonly source: string; readonly sizeBytes: number; readonly createdAt: Date }[]>;
  /** Gives the references. */
  build(namesOrPaths: readonly string[], options: { onProgress: (line: string) => void; signal?: AbortSignal }): Promise<readonly string[]>;
  remove(reference: string): Promise<void>;
  /** A name, a path of a Dockerfile or devcontainer.json, or a folder with one. */
  choose(text: string): Promise<ImageChoice>;
  chooseName(text: string): Promise<ImageChoice>;
}

interface Finding {
  readonly check: { readonly rows: readonly number[]; readonly group: string; readonly title: string };
  readonly verdict: 'held' | 'broken' | 'not applicable';
  readonly evidence: string;
  readonly tookMs: number;
}

/** What leads out of sandboxes that are probed, at the destination that is tried there. */
export interface ProbeWayOut {
  readonly host: string;
  readonly port: number;
  widen(spec: SandboxSpec): SandboxSpec;
  give(sandbox: Sandbox, signal: AbortSignal): Promise<void>;
  journal(): string;
}

/** Lets the corpus of docs/security.md loose in sandboxes of a spec. */
export interface Prober {
  probe(
    kinds: readonly SandboxKind[],
    spec: SandboxSpec,
    options: { readonly hardLimits: boolean; readonly signal: AbortSignal; readonly onFinding: (finding: Finding) => void; readonly wayOut: ProbeWayOut | undefined },
  ): Promise<{ readonly kind: SandboxKind; readonly image: string; readonly limitsAre: 'hard' | 'soft'; readonly findings: readonly Finding[]; readonly scorecard: string }>;
}

/** Secrets at rest: what is in one is never told here. */
export interface Secrets {
  set(name: string, value: string, by: Principal): Promise<void>;
  list(): Promise<readonly { readonly name: string; readonly setMs: number }[]>;
  remove(name: string, by: Principal): Promise<void>;
}

/** Where this machine's own clients read packages from. */
export interface Registries {
  /** Errors: `config_invalid` where nothing says where one of them is. */
  find(kinds: readonly RegistryKind[]): Promise<readonly { readonly places: readonly { readonly url: URL; readonly from: string; readonly credential?: object }[] }[]>;
}

/** Lends secrets to sessions. */
export interface Lender {
  /** Revokes what processes were lent that are no more, and what living ones were for whom `isOf` says so. */
  sweep(signal: AbortSignal, isOf?: (borrower: Stoppable | undefined) => boolean): Promise<{ readonly revoked: readonly string[]; readonly failed: readonly string[] }>;
}

/** What all sandboxes of a process that works for many may be. */
export interface StockOptions {
  /** So many sandboxes may stand ready; none where nothing is said. */
  readonly ceiling?: number;
  /** What the memory limits of all that live may be together; of this machine's where nothing is said. */
  readonly memoryBytes?: number;
  /** How long one who finds no room waits for some. */
  readonly maxWaitMs?: number;
}

export interface ServeOptions extends ServerOptions {
  readonly stock?: StockOptions;
}

/** What commands work with. Built when a command needs it, so that `--help` costs nothing. */
export interface Services extends AsyncDisposable {
  readonly stateDir: string;
  readonly version: string;
  /** Where the demo's repositories and transcripts are. */
  readonly demoDir: string;
  readonly journal: Journal;
  /** A file, or a database without its password. */
  readonly journalPlace: string;
  readonly audit: Audit;
  readonly tenants: Tenants;
  readonly policies: Policies;
  readonly sandboxes: Sandboxes;
  /** For what goes from a folder into a sandbox: its trees are kept nowhere. */
  readonly workspace: Workspace;
  /** Folders in which an older version kept trees of all tenants together, unsealed. */
  olderTrees(): Promise<readonly string[]>;
  readonly images: Images;
  readonly prober: Prober;
  readonly approvals: Approvals;
  readonly control: Control;
  /** Sees to it that what a stop is about has ended on this machine; the stop has to be written before. */
  halt(scope: StopScope, signal: AbortSignal): Promise<Halted>;
  readonly budgets: JournalBudgets;
  readonly usage: UsageReadings;
  readonly secrets: Secrets;
  readonly masterKey: Pick<MasterKeyChange, 'change'>;
  readonly credentials: Lender;
  readonly registries: Registries;
  readonly redactor: Redactor;
  readonly authority: Authority;
  /** Who runs the command. */
  readonly principal: Principal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Errors: `denied`. */
  require(permission: Permission): void;
  sessionPorts(attendance?: Attendance): SessionPorts;
  runs(attendance?: Attendance): Runs;
  /** As an operator of another tenant's. */
  runsOf(tenant: string): Runs;
  replays(attendance?: Attendance): Replays;
  forks(attendance?: Attendance): Forks;
  trajectories(): Trajectories;
  /** Sandboxes of a process that works for many: never more than the machine holds. Whoever asks first says how many may stand ready. */
  forMany(stock?: StockOptions): WarmSandboxes;
  /** Has so many of them stand ready: see `keepReady` of session/. */
  keepReady(policy: Policy, floor: number, signal: AbortSignal): Promise<void>;
  worker(options: { readonly stock?: StockOptions } & Pick<WorkerOptions, 'name' | 'concurrency' | 'parkAfterMs' | 'graceMs' | 'untilEmpty' | 'onNote'>): Worker;
  /** Log and figures of this process from now on, which notes go to as well. Errors: `config_invalid`. */
  telemetry(options: TelemetryOptions): Promise<Telemetry>;
  /** Tells people of what needs them, by the operator's file, until it is disposed of. Errors: `policy_invalid`, `config_invalid`. */
  notifier(): Promise<AsyncDisposable>;
  /** A message in each channel of that file; gives why one did not come. */
  tryChannels(signal: AbortSignal): Promise<readonly { readonly channel: string; readonly failure?: string }[]>;
  /** Begins to serve. `firstKey`: where nobody had one, an administrator’s was made. */
  serve(options: ServeOptions): Promise<RunningServer & { readonly firstKey?: string }>;
  /** Serves one client over stdin and stdout until it has gone. */
  mcp(served: Pick<StdioMcp, 'work' | 'fix' | 'signal'>): Promise<void>;
}
