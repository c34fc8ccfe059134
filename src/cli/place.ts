import type { Approvals, Audit, CommandEnd, ConsoleLine, Decision, JavaScriptEnd, Journal, OutputChunk, PolicyFile, PolicyFinding, Principal, Redactor, RunId, Stop, StopScope, Variables } from '../contracts/index.ts';
import type { Answered, Backtest, Flip, PolicyDiff, Question, testPolicy } from '../policy/index.ts';
import type { BudgetStatement, Forks, Replays, RunListing, RunOutline, Runs, Trajectories, UsageReport } from '../runs/index.ts';
import type { ApiKey } from '../server/index.ts';
import type { Attendance, CommandRequest, Halted, JavaScriptRequest } from '../session/index.ts';
import type { SandboxOptions } from './one-sandbox.ts';
import type { Secrets } from './services.ts';
import type { Terminal } from './terminal.ts';

/** A command in a sandbox, wherever that is. */
export interface PlacedCommand {
  readonly id: string;
  readonly decision: Decision;
  readonly output: AsyncIterable<OutputChunk>;
  readonly end: Promise<CommandEnd>;
  write(bytes: Buffer): Promise<void>;
  closeStdin(): Promise<void>;
  resize(columns: number, rows: number): void;
  cancel(graceMs?: number): void;
}

export interface PlacedSandbox {
  readonly id: string;
  readonly session: string;
  readonly kind: string;
  readonly image: string;
  exec(request: CommandRequest): Promise<PlacedCommand>;
}

export interface ProgramOptions {
  readonly policy: string;
  readonly workspace?: string;
  readonly timeout?: number;
}

type Program = Pick<JavaScriptRequest, 'source' | 'fileName' | 'language' | 'form' | 'args'> & { readonly onConsole: (line: ConsoleLine) => void };

export interface PlacedProgram {
  readonly id: string;
  readonly decision: Decision;
  readonly end: Omit<JavaScriptEnd, 'output'>;
  /** Only known where the session is one of this process. */
  readonly session?: string;
}

/** What came of the questions beside a policy. */
export type PolicyTests = Awaited<ReturnType<typeof testPolicy>>;

export type ShownPolicy = Pick<PolicyFile, 'name' | 'hash' | 'mode' | 'grant' | 'rules'> & { readonly cedar: string };

/** What the policies of a place are, and say. Errors of all: those of `Policies.load`. */
export interface PlacedPolicies {
  names(): Promise<readonly string[]>;
  show(name: string): Promise<ShownPolicy>;
  explain(name: string, question: Question, asked: { readonly as: Principal; readonly variables?: Variables | undefined }): Promise<Answered>;
  test(name: string): Promise<PolicyTests>;
  lint(name: string): Promise<readonly PolicyFinding[]>;
  diff(old: string, young: string): Promise<PolicyDiff>;
  backtest(name: string, options: { readonly sinceMs?: number | undefined; readonly onFlip: (flip: Flip) => Promise<void> }): Promise<Backtest>;
}

/** What a stop came to on the machine of the place. */
export interface PlacedHalt extends Partial<Pick<Halted, 'killed' | 'revoked' | 'failed'>> {
  /** Nothing of it is left, and all that was lent is revoked. */
  readonly isDone: boolean;
  readonly left: number;
}

/** The kill switch of a place. Errors: `denied`, `not_found`. */
export interface PlacedStops {
  list(): Promise<readonly Stop[]>;
  /** Undefined where what runs was frozen. */
  stop(wanted: { readonly scope: StopScope; readonly freeze: boolean; readonly why?: string }, signal: AbortSignal): Promise<PlacedHalt | undefined>;
  lift(wanted: { readonly scope?: StopScope; readonly why?: string }): Promise<readonly Stop[]>;
}

/** API keys of whoever asks. Errors: `denied`, `usage`, `not_found`. */
export interface PlacedKeys {
  /** `key` is told this once. */
  create(wanted: { readonly name: string; readonly roles: readonly string[]; readonly tenant?: string | undefined; readonly expiresInMs?: number | undefined }): Promise<ApiKey & { readonly key: string }>;
  list(): Promise<readonly ApiKey[]>;
  revoke(id: string): Promise<ApiKey>;
}

/** Whose, and of which month; his own, and this one, where nothing is said. */
export interface AccountsAsked {
  readonly tenant?: string;
  readonly month?: string;
}

/** What was used, and what may be. Errors: `denied`. */
export interface PlacedAccounts {
  usage(asked: AccountsAsked): Promise<UsageReport>;
  budgets(asked: AccountsAsked): Promise<BudgetStatement>;
}

/** What stands in a line of a list. */
export type RunRow = Pick<RunListing, 'id' | 'standing'> & { readonly state: Pick<RunOutline, 'task' | 'createdMs' | 'summary'> };

export interface PlacedRuns extends Pick<Runs, 'show' | 'follow' | 'execute' | 'isRunning' | 'create' | 'apply' | 'branch' | 'push' | 'exported'> {
  readonly steer: Pick<Runs['steer'], 'say' | 'pause' | 'goOn' | 'wake' | 'cancel'>;
  patch(id: RunId, signal?: AbortSignal): Promise<{ readonly text: Buffer }>;
  list(options: { readonly limit?: number }): Promise<readonly RunRow[]>;
}

/** What commands work with that can be done here or at a server: `here` fills it from the services of this process, `remote/` from a client. */
export interface Place {
  /** Whether it is this machine, with its files. */
  readonly isHere: boolean;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly redactor: Redactor;
  /** Who asks; of whom a server knows him by his key. */
  readonly principal: Principal;
  readonly journal: Pick<Journal, 'read'>;
  readonly approvals: Approvals;
  readonly secrets: Secrets;
  readonly policies: PlacedPolicies;
  readonly audit: Audit;
  readonly stops: PlacedStops;
  readonly keys: PlacedKeys;
  readonly accounts: PlacedAccounts;
  runs(attendance?: Attendance): PlacedRuns;
  replays(attendance?: Attendance): Pick<Replays, 'strict' | 'live'>;
  forks(attendance?: Attendance): Pick<Forks, 'fork'>;
  trajectories(): Pick<Trajectories, 'export'>;
  /** The image that was named for a run, as its input has it. */
  runImage(terminal: Terminal, asked: string, policy: string, signal: AbortSignal): Promise<{ readonly image: string }>;
  /** A sandbox of its own, which goes with `use`, that gives the process's exit code. Errors: `ExecError`, and what is no error of a sandbox. */
  inOneSandbox(terminal: Terminal, options: SandboxOptions, signal: AbortSignal, use: (sandbox: PlacedSandbox) => Promise<number>): Promise<number>;
  /** One program in an isolate. Errors: as above. */
  javascript(terminal: Terminal, program: Program, options: ProgramOptions, signal: AbortSignal): Promise<PlacedProgram>;
}
