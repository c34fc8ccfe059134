import type { Generated } from 'kysely';

/** Where a journal is in a database, unless somebody says otherwise. */
export const DEFAULT_SCHEMA = 'glovebox';

/** The tables of a journal's schema; see migrations.ts. Times are milliseconds since 1970. */
export interface Tables {
  readonly events: {
    readonly stream: string;
    readonly seq: number;
    readonly time_ms: number;
    readonly type: string;
    readonly version: number;
    readonly data: string;
    readonly previous: string;
    readonly hash: string;
  };
  readonly heads: {
    readonly stream: string;
    readonly seq: number;
    readonly hash: string;
    readonly first_ms: number;
    readonly last_ms: number;
    readonly tenant: string;
    readonly fence: number;
    readonly logged: Generated<number>;
  };
  readonly audit_entries: { readonly number: number; readonly stream: string; readonly tenant: string; readonly seq: number; readonly hash: string };
  readonly audit_checkpoints: { readonly size: number; readonly subtrees: string; readonly note: string };
  readonly schema_version: { readonly version: number; readonly oldest: number };
}

export const EVENT_COLUMNS = ['stream', 'seq', 'time_ms as timeMs', 'type', 'version', 'data', 'previous', 'hash'] as const;
