import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import type { AuditReading, AuditStore, Entry, KeptCheckpoint } from '../audit/audit-store.ts';
import { openDatabase } from './database.ts';
import { SqliteAuditReading } from './sqlite-audit-reading.ts';
import { journalFailure, sqliteCode } from './sqlite-error.ts';

const DEFAULT_BUSY_TIMEOUT_MS = 5_000;
const SQLITE_CANTOPEN = 14;

/** The log in the journal's own file. It has a connection of its own, opened when it is first asked. */
export class SqliteAuditStore implements AuditStore {
  readonly #file: string;
  readonly #busyTimeoutMs: number;
  #opened: DatabaseSync | undefined;

  constructor(file: string, options: { readonly busyTimeoutMs?: number } = {}) {
    this.#file = file;
    this.#busyTimeoutMs = options.busyTimeoutMs ?? DEFAULT_BUSY_TIMEOUT_MS;
  }

  async extend(seal: (last: KeptCheckpoint | undefined, grown: readonly Entry[]) => KeptCheckpoint): Promise<KeptCheckpoint> {
    return this.#guard(() => {
      const database = this.#database();
      database.exec('BEGIN IMMEDIATE');
      try {
        const kept = extendLog(database, seal);
        database.exec('COMMIT');
        return kept;
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  async read(): Promise<AuditReading> {
    return readSqliteAudit(this.#file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#guard(() => this.#opened?.close());
    this.#opened = undefined;
  }

  #database(): DatabaseSync {
    if (this.#opened === undefined) {
      this.#opened = openDatabase(this.#file, this.#busyTimeoutMs);
      // What was signed has to be there after a power cut.
      this.#opened.exec('PRAGMA synchronous = FULL');
    }
    return this.#opened;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw journalFailure(this.#file, error);
    }
  }
}

/** Reads a journal's file, or a copy of one, and writes nothing to it. Errors: `journal_failed`. */
export function readSqliteAudit(file: string): AuditReading {
  let database: DatabaseSync | undefined;
  try {
    database = openReadOnly(file);
    return new SqliteAuditReading(database, file);
  } catch (error) {
    database?.close();
    throw journalFailure(file, error);
  }
}

function openReadOnly(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { readOnly: true });
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    return database;
  } catch (error) {
    database?.close();
    if (sqliteCode(error) !== SQLITE_CANTOPEN || !existsSync(file) || existsSync(`${file}-wal`)) throw error;
    // A copy in a folder where nothing may be written, the small file that readers of a log share included.
    const url = pathToFileURL(file);
    url.searchParams.set('immutable', '1');
    return new DatabaseSync(url, { readOnly: true });
  }
}

function extendLog(database: DatabaseSync, seal: (last: KeptCheckpoint | undefined, grown: readonly Entry[]) => KeptCheckpoint): KeptCheckpoint {
  const row = database.prepare('SELECT size, subtrees, note FROM audit_checkpoints ORDER BY size DESC LIMIT 1').get();
  const last = row && { size: Number(row['size']), subtrees: String(row['subtrees']).split(' ').filter(Boolean), note: String(row['note']) };
  // The rows are under the schema's types.
  const grown = database.prepare('SELECT stream, tenant, seq, hash FROM heads WHERE grown = 1 AND seq <> logged ORDER BY stream').all() as unknown as readonly Entry[];
  const kept = seal(last, grown);
  if (kept === last) return kept;
  const insert = database.prepare('INSERT INTO audit_entries (number, stream, tenant, seq, hash) VALUES (?, ?, ?, ?, ?)');
  grown.forEach(({ stream, tenant, seq, hash }, index) => insert.run((last?.size ?? 0) + index, stream, tenant, seq, hash));
  database.exec('UPDATE heads SET logged = seq, grown = 0 WHERE grown = 1');
  database.prepare('INSERT INTO audit_checkpoints (size, subtrees, note) VALUES (?, ?, ?)').run(kept.size, kept.subtrees.join(' '), kept.note);
  return kept;
}
