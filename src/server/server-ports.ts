import type { Approvals, Audit, Authority, BlobStore, Clock, Control, IdSource, Journal, LiveSandbox, Ownership, Policies, Principal, Redactor, StopScope } from '../contracts/index.ts';
import type { Forks, JournalBudgets, Replays, Runs, Trajectories, UsageReadings } from '../runs/index.ts';
import type { Halted, SessionPorts } from '../session/index.ts';
import type { ApiKeys } from './access/api-keys.ts';
import type { SpoolKeys } from './sandboxes/spool.ts';

/** Secrets at rest: what is in one is never told here. */
export interface SecretNames {
  set(name: string, value: string, by: Principal): Promise<void>;
  list(): Promise<readonly { readonly name: string; readonly setMs: number }[]>;
  remove(name: string, by: Principal): Promise<void>;
}

export interface History {
  readonly forks: Forks;
  readonly replays: Replays;
  readonly trajectories: Trajectories;
}

/** What the server works with. */
export interface ServerPorts {
  readonly version: string;
  /** Where output that clients may ask for again is kept while a command is. */
  readonly spoolDir: string;
  /** Seals the keys of what is kept there for longer than we live. */
  readonly spoolKeys?: SpoolKeys;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly journal: Journal;
  readonly policies: Policies;
  readonly approvals: Approvals;
  readonly authority: Authority;
  readonly secrets: SecretNames;
  /** What guests, upstreams and engines said is in errors, and secrets with that. */
  readonly redactor: Redactor;
  readonly keys: ApiKeys;
  readonly ownership: Ownership;
  /** What was answered to those who may ask again. */
  readonly answers: BlobStore;
  readonly sessions: SessionPorts;
  /** Sandboxes that the state folder knows, whoever made them, and whether they still run or not. */
  recorded(): readonly Pick<LiveSandbox, 'id' | 'createdMs' | 'owner'>[];
  /** As whom they are seen and made. */
  runs(as: Principal): Runs;
  /** What can be made of runs that were. */
  history(as: Principal): History;
  readonly audit: Audit;
  readonly usage: Pick<UsageReadings, 'of'>;
  readonly budgets: Pick<JournalBudgets, 'accounts'>;
  readonly control: Control;
  /** Sees to it that what a stop is about has ended on this machine. */
  halt(scope: StopScope, signal: AbortSignal): Promise<Halted>;
}
