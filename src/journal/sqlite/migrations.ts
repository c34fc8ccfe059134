/** The first event of a stream says whose it is, each type in a place of its own. */
const TENANT = `CASE WHEN json_valid(data) THEN
  coalesce(data ->> '$.options.principal.tenant', data ->> '$.tenant') END`;

/**
 * What makes each version of the schema of the one before it: the first makes version 1 of nothing. A migration that was released is never
 * changed. What is added has a default, so that a process of the version before can go on with a file that was migrated under it.
 *
 * `heads` has one row a stream beside its events: where the chain ends, so that a cut tail is seen.
 */
export const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE events (
  stream TEXT NOT NULL, seq INTEGER NOT NULL, time_ms INTEGER NOT NULL, type TEXT NOT NULL, version INTEGER NOT NULL,
  data TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL,
  PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE heads (
  stream TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX heads_by_age ON heads (first_ms, stream);
CREATE TABLE barriers (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL) STRICT;
INSERT INTO barriers VALUES (1, 0);
`,
  `
ALTER TABLE heads ADD COLUMN tenant TEXT NOT NULL DEFAULT 'local';
ALTER TABLE heads ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
UPDATE heads SET tenant = coalesce((SELECT ${TENANT} FROM events WHERE events.stream = heads.stream AND seq = 1), 'local');
CREATE INDEX heads_by_tenant ON heads (tenant, first_ms, stream);
`,
  // The log of docs/audit.md. `logged` is the event that the stream's newest entry names.
  `
ALTER TABLE heads ADD COLUMN logged INTEGER NOT NULL DEFAULT 0;
CREATE INDEX heads_grown ON heads (stream) WHERE seq <> logged;
CREATE TABLE audit_entries (number INTEGER PRIMARY KEY, stream TEXT NOT NULL, tenant TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX audit_entries_by_stream ON audit_entries (stream, seq);
CREATE TABLE audit_checkpoints (size INTEGER PRIMARY KEY, subtrees TEXT NOT NULL, note TEXT NOT NULL) STRICT;
`,
  // An index over `seq <> logged` was written anew by each append. A flag stays as it is from the first append after an entry on, and so does its index; the trigger sets it for processes
  // of the version before, too.
  `
ALTER TABLE heads ADD COLUMN grown INTEGER NOT NULL DEFAULT 1;
UPDATE heads SET grown = 0 WHERE seq = logged;
DROP INDEX heads_grown;
CREATE INDEX heads_grown ON heads (stream) WHERE grown = 1;
CREATE TRIGGER heads_grew AFTER UPDATE OF seq ON heads WHEN new.grown = 0 BEGIN
  UPDATE heads SET grown = 1 WHERE stream = new.stream;
END;
`,
];
