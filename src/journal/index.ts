// journal: the only truth. Typed events in append-only streams, each chained to the one before it by its hash.
// Stores implement `Journal` and pass test/integration/journal.suite.ts: `sqlite/` is the embedded one, `postgres/` for many machines.
// `append` resolves when the events survive our own death, with `durable` when they survive a power cut.
// `RedactedJournal` stands before a store: what it appends has no secret in it. `seal/` stands between the two: what is stored opens only with keys of its tenant,
// and `tenancy/` destroys those keys, or gives out all that they open: docs/retention.md.
// `audit/` signs what streams have come to (a Merkle log, checkpoints), finds out what was altered, and exports it: docs/audit.md.
// Large bytes (patches, outputs, trees) go to `Blobs`, and events name them by hash.
// Folds over events belong to who reads them (runs/, session/): nothing here knows what an event means.
export { auditKey } from './audit/audit-key.ts';
export { checkpointFileBeside, JournalAudit } from './audit/journal-audit.ts';
export { FolderBlobs } from './folder-blobs.ts';
export { ObservedJournal } from './observed-journal.ts';
export { openBlobs } from './open-blobs.ts';
export { openJournal } from './open-journal.ts';
export type { Execute, PostgresAppendOptions } from './postgres/append-options.ts';
export type { DatabaseUrl } from './postgres/database-url.ts';
export type { PostgresJournal } from './postgres/index.ts';
export { RedactedJournal } from './redacted-journal.ts';
export type { PayloadKeys } from './seal/payload-keys.ts';
export { SealedKeys } from './seal/sealed-keys.ts';
export { readSqliteAudit, SqliteAuditStore } from './sqlite/sqlite-audit-store.ts';
export { SqliteJournal } from './sqlite/sqlite-journal.ts';
export { JournalTenants } from './tenancy/journal-tenants.ts';
export { readRetention } from './tenancy/retention-file.ts';
