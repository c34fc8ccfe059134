import type { Blobs, Models, Policy, Principal, Workspace } from '../contracts/index.ts';
import type { SessionPorts } from '../session/index.ts';
import type { Leases } from './leases.ts';

/** What runs work with. */
export interface RunsPorts extends SessionPorts {
  /** As whom: runs are made in his name, and those of other tenants are not there. */
  readonly principal: Principal;
  readonly blobs: Blobs;
  readonly workspace: Workspace;
  readonly models: Models;
  readonly policies: { load(nameOrPath: string): Promise<Policy> };
  readonly leases: Leases;
}

export interface ExecuteOptions {
  /** Stops the work; the run stays as it is and can be resumed. */
  readonly signal?: AbortSignal;
  /** The model's words as they come; the journal has them when they are complete. */
  readonly onText?: (delta: string) => void;
}
