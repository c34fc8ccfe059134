import type { BlobStore, Models, Policy, Principal, RunSummary, Workspaces } from '../contracts/index.ts';
import type { SessionPorts } from '../session/index.ts';
import type { Leases } from './leases.ts';
import type { Queue } from './queue/queue.ts';
import type { Leaving } from './steering/steering.ts';

/** What runs work with. */
export interface RunsPorts extends SessionPorts {
  /** As whom: runs are made in his name, and those of other tenants are not there. */
  readonly principal: Principal;
  readonly blobs: BlobStore;
  readonly workspaces: Workspaces;
  readonly models: Models;
  readonly policies: { load(nameOrPath: string): Promise<Policy> };
  readonly leases: Leases;
  readonly queue: Queue;
}

/** How somebody works at a run. */
export interface ExecuteOptions {
  /** Stops the work; the run stays as it is and can be resumed. */
  readonly signal?: AbortSignal;
  /** The model's words as they come; the journal has them when they are complete. */
  readonly onText?: (delta: string) => void;
  /** Lets the present step finish, and hands the run over then. */
  readonly drain?: AbortSignal;
  /** So long a person's answer is waited for with all that the run holds; for ever, where nothing is said. */
  readonly parkAfterMs?: number;
}

/** How one go at a run ended: for good, or so that somebody goes on with it later. */
export type GoEnd = { readonly how: 'ended'; readonly summary: RunSummary } | Exclude<Leaving, { how: 'cancelled' }>;
