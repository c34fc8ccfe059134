/**
 * What makes each version of the schema of the one before it, in a schema of this name: the first makes version 1 of nothing. A migration that was
 * released is never changed, and what it adds has a default, so that two versions of glovebox can use one database while it is being upgraded.
 *
 * Names of streams are compared by their bytes, whatever the language of the database, so that both stores list them in one order.
 */
export const MIGRATIONS: readonly ((schema: string) => string)[] = [
  (schema) => `
CREATE TABLE ${schema}.schema_version (version integer NOT NULL);
INSERT INTO ${schema}.schema_version VALUES (0);
CREATE TABLE ${schema}.events (
  stream text COLLATE "C" NOT NULL, seq bigint NOT NULL, time_ms bigint NOT NULL, type text NOT NULL, version integer NOT NULL,
  data text NOT NULL, previous text NOT NULL, hash text NOT NULL,
  PRIMARY KEY (stream, seq)
);
CREATE TABLE ${schema}.heads (
  stream text COLLATE "C" PRIMARY KEY, seq bigint NOT NULL, hash text NOT NULL, first_ms bigint NOT NULL, last_ms bigint NOT NULL,
  tenant text NOT NULL, fence bigint NOT NULL
);
CREATE INDEX heads_by_age ON ${schema}.heads (first_ms, stream);
CREATE INDEX heads_by_tenant ON ${schema}.heads (tenant, first_ms, stream);
`,
  // The log of docs/audit.md. `logged` is the event that the stream's newest entry names; it has no index, which every append would have to keep.
  (schema) => `
ALTER TABLE ${schema}.heads ADD COLUMN logged bigint NOT NULL DEFAULT 0;
CREATE TABLE ${schema}.audit_entries (
  number bigint PRIMARY KEY, stream text COLLATE "C" NOT NULL, tenant text NOT NULL, seq bigint NOT NULL, hash text NOT NULL
);
CREATE UNIQUE INDEX audit_entries_by_stream ON ${schema}.audit_entries (stream, seq);
CREATE TABLE ${schema}.audit_checkpoints (size bigint PRIMARY KEY, subtrees text NOT NULL, note text NOT NULL);
`,
];

/**
 * The oldest version whose glovebox can still read and append what the newest makes: it goes on, and may be started, while others are upgraded. Raised to the newest
 * where a migration takes something away or changes what it means; older ones are refused then.
 */
export const OLDEST_LIVING = 1;

/** What a trial is filled with, from the journal itself: tables of version 1, the columns of which only grow. */
export const TABLES = ['events', 'heads'] as const;
