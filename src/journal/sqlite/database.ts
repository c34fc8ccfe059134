import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { GloveboxError } from '../../contracts/index.ts';
import { migrate, schemaVersion } from './migrate.ts';
import { MIGRATIONS } from './migrations.ts';
import { journalFailure, SQLITE_BUSY, sqliteCode } from './sqlite-error.ts';

/** `glbx`: tells a journal from another program's database. */
const APPLICATION_ID = 0x676c6278;
/** How much the log may grow before it is folded into the database: 16 MiB, so that the fold's two fsyncs are rare. */
const CHECKPOINT_PAGES = 4096;
const LOG_KEPT_BYTES = 64 * 2 ** 20;

/** Opens a journal's database, or makes it. Errors: `journal_failed` with the file and what to do. */
export function openDatabase(file: string, busyTimeoutMs: number): DatabaseSync {
  // To SQLite these are no files: a journal in one would be gone with the process.
  if (file === '' || file === ':memory:' || file.startsWith('file:')) {
    throw new GloveboxError('journal_failed', `a journal needs a file, found ${JSON.stringify(file)}: name one`);
  }
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // SQLite gives its log the permissions of the database, so they are set before it makes the first.
    closeSync(openSync(file, 'a', 0o600));
    database = new DatabaseSync(file, { timeout: busyTimeoutMs });
    prepare(database, file, busyTimeoutMs);
    return database;
  } catch (error) {
    database?.close();
    throw journalFailure(file, error);
  }
}

function prepare(database: DatabaseSync, file: string, busyTimeoutMs: number): void {
  checkOwner(database, file);
  useWriteAheadLog(database, file, busyTimeoutMs);
  database.exec(`
    PRAGMA synchronous = NORMAL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
    PRAGMA journal_size_limit = ${LOG_KEPT_BYTES};
  `);
  if (schemaVersion(database) === 0) database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  migrate(database, file, MIGRATIONS);
}

function checkOwner(database: DatabaseSync, file: string): void {
  const version = schemaVersion(database);
  const ours = pragma(database, 'application_id') === APPLICATION_ID;
  if (!ours && (version !== 0 || pragma(database, 'schema_version') !== 0)) {
    throw new GloveboxError('journal_failed', `${file} is the database of another program: name another file for the journal`, {
      details: { file },
    });
  }
  if (version <= MIGRATIONS.length) return;
  throw new GloveboxError(
    'newer_version',
    `the journal ${file} was written by a newer glovebox: its schema is version ${version}, this one knows ${MIGRATIONS.length}. Upgrade glovebox, or name another file`,
    { details: { file, version, known: MIGRATIONS.length } },
  );
}

/** The one switch that does not wait for a lock by itself, so two processes that make a journal at once would fail here. */
function useWriteAheadLog(database: DatabaseSync, file: string, busyTimeoutMs: number): void {
  const deadline = performance.now() + busyTimeoutMs;
  for (;;) {
    try {
      const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'];
      if (mode === 'wal') return;
      throw new GloveboxError('journal_failed', `the file system of ${file} cannot hold a journal that processes share: use a local disk`, {
        details: { file },
      });
    } catch (error) {
      if (sqliteCode(error) !== SQLITE_BUSY || performance.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}
