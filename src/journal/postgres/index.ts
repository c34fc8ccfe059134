// postgres: the journal and its audit log in a PostgreSQL database.
// Apart from the room's own index, because its driver takes time to load: open-journal.ts asks for it where a database is configured.
export { type DatabaseUrl, parseDatabaseUrl } from './database-url.ts';
export { KeyTable } from './key-table.ts';
export { PostgresAuditStore } from './postgres-audit-store.ts';
export { PostgresJournal, type PostgresJournalOptions } from './postgres-journal.ts';
