import type { Principal } from './principal.ts';

/** What became of a tenant's payloads, in the stream `tenants`. `by` is who did it. docs/retention.md */
export interface TenancyEvents {
  /** Everything about him was given out. */
  'tenant.exported': { tenant: string; by: string; streams: number; events: number; blobs: number };
  /** From now on these keys seal nothing more; then they are destroyed. */
  'erasure.begun': { tenant: string; by: string; keys: readonly string[]; why?: string };
  /** They are, and what was left of blobs is gone. */
  'erasure.ended': { tenant: string; by: string; keys: number; blobs: number };
}

/** What an operator does with all of a tenant's data. Errors of all: `denied`, `journal_failed`. */
export interface Tenants {
  /** Everything about a tenant that can be read, as files of a folder; secrets are in none. */
  export(tenant: string, by: Principal): AsyncIterable<TenantFile>;
  /** Ids of runs and sessions that have not ended. */
  living(tenant: string): Promise<readonly string[]>;
  /**
   * Destroys the keys of all that a tenant has in the journal and in blobs, so that nobody can read it, in any copy; what was written stays, and its chain verifies. What of an erasure was
   * cut off is done by the next. `stopped`: he is, so sessions that were not closed are of processes that died. Errors: `usage` where something of his still lives.
   */
  erase(tenant: string, by: Principal, options?: { readonly why?: string; readonly stopped?: boolean }): Promise<Erasure>;
  /** Ends erasures that were cut off, on this machine too where they were begun on another one; destroys what retention does not let be, and removes answers that nobody can ask for again. */
  retain(by: Principal): Promise<Retained>;
  /** Throws away what this machine holds of tenants who are erased, wherever that is done, until the signal fires. Errors: `journal_failed`. */
  forgetErased(signal: AbortSignal): Promise<void>;
}

/** So long what a request with an idempotency key was answered with is kept for whoever asks again. */
export const ANSWERS_KEPT_MS = 24 * 3_600_000;

/** What is kept of tenants outside of journal and blobs, on this machine, for speed alone. */
export interface TenantCaches {
  size(tenant: string): Promise<{ readonly files: number; readonly bytes: number }>;
  /** Throws it all away. It may be done twice. */
  forget(tenant: string): Promise<void>;
}

/** `path` is below the folder of the export, with `/`. */
export interface TenantFile {
  readonly path: string;
  readonly content: AsyncIterable<Uint8Array>;
}

export interface Erasure {
  readonly keys: number;
  readonly blobs: number;
  readonly streams: number;
  /** Events that an older glovebox wrote before payloads were sealed: they can still be read. */
  readonly unsealed: number;
}

export interface Retained {
  readonly keys: readonly string[];
  readonly blobs: number;
  /** How many answers were removed that nobody can ask for again. */
  readonly answers: number;
  /** Older than retention lets it be, and kept: runs and sessions of that time have not ended. */
  readonly kept: readonly { readonly tenant: string; readonly living: readonly string[] }[];
}
