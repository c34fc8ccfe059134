import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, describeError, type Envelopes, GloveboxError, type Journal, type KeptEnvelopes, systemClock } from '../contracts/index.ts';
import { auditKey } from './audit/audit-key.ts';
import type { AuditStore } from './audit/audit-store.ts';
import { checkpointFileBeside, JournalAudit } from './audit/journal-audit.ts';
import { type DatabaseUrl, parseDatabaseUrl } from './postgres/database-url.ts';
import { readSqliteAudit, SqliteAuditStore } from './sqlite/sqlite-audit-store.ts';
import { KeyFolder } from './seal/key-folder.ts';
import { KeptPayloadKeys } from './seal/kept-payload-keys.ts';
import { PayloadKeys } from './seal/payload-keys.ts';
import { PayloadReader } from './seal/payload-reader.ts';
import { SealedJournal } from './seal/sealed-journal.ts';
import { SqliteJournal } from './sqlite/sqlite-journal.ts';

interface JournalConfiguration {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stateDir: string;
  /** What keys of payloads are kept under. */
  readonly envelopes: Envelopes;
  readonly clock?: Clock;
  /** Told what went wrong with the audit while nobody asked for it. */
  readonly note?: (text: string) => void;
}

/** The journal that was configured, its audit, and what to call the place where it is: a file, or a database without its password. */
export interface OpenedJournal {
  readonly journal: Journal;
  /** To be closed after the journal: it signs what was appended until then. */
  readonly audit: JournalAudit;
  readonly place: string;
  /** Of its payloads, and of blobs; to be closed after the journal. */
  readonly keys: PayloadKeys;
  /** Those as what they lie in. */
  readonly keptKeys: KeptEnvelopes;
  /** The database's password, for whoever keeps secrets out of what is written and shown. */
  readonly secret?: string;
  /** Where it is one of many machines. */
  readonly database?: DatabaseUrl;
}

/**
 * PostgreSQL where `GLOVEBOX_DATABASE_URL` or `GLOVEBOX_DATABASE_URL_FILE` says which database, and else a file of the state folder. A database is not asked for anything before the
 * journal is used. Keys of payloads are beside it, and never in it: in the state folder, or in a schema of their own. Errors: `config_invalid`, `journal_failed`.
 */
export async function openJournal({ env, stateDir, envelopes, clock = systemClock, note = () => {} }: JournalConfiguration): Promise<OpenedJournal> {
  const keyFile = env['GLOVEBOX_AUDIT_KEY_FILE'] ?? join(stateDir, 'audit.key');
  const auditOf = (store: AuditStore, place: string, keys: PayloadKeys): JournalAudit =>
    new JournalAudit({ store, payloads: new PayloadReader(keys), signer: () => auditKey(keyFile), keyFile, checkpointFile: checkpointFileBeside(place), open: readSqliteAudit, clock, note });
  const url = await configuredDatabase(env);
  if (url === undefined) {
    const file = join(stateDir, 'journal.db');
    const store = new KeyFolder(join(stateDir, 'keys'));
    const keys = new PayloadKeys({ store, envelopes, clock });
    const audit = auditOf(new SqliteAuditStore(file), file, keys);
    return { journal: new SealedJournal(new SqliteJournal(file, { clock, onAppended: audit.saw }), keys), keys, keptKeys: new KeptPayloadKeys({ store, envelopes }), audit, place: file };
  }
  // Only now: whoever has no database does not wait for its driver at each start.
  const { KeyTable, PostgresAuditStore, PostgresJournal } = await import('./postgres/index.ts');
  const store = new KeyTable(url);
  const keys = new PayloadKeys({ store, envelopes, clock });
  const audit = auditOf(new PostgresAuditStore(url), join(stateDir, `journal-${hash('sha256', url.name).slice(0, 12)}`), keys);
  return { journal: new SealedJournal(new PostgresJournal(url, { clock, onAppended: audit.saw }), keys), keys, keptKeys: new KeptPayloadKeys({ store, envelopes }), audit, place: url.name, database: url, ...(url.password === undefined ? {} : { secret: url.password }) };
}

async function configuredDatabase({ GLOVEBOX_DATABASE_URL: url = '', GLOVEBOX_DATABASE_URL_FILE: file = '' }: JournalConfiguration['env']): Promise<DatabaseUrl | undefined> {
  if (url !== '' && file !== '') throw new GloveboxError('config_invalid', 'GLOVEBOX_DATABASE_URL and GLOVEBOX_DATABASE_URL_FILE: set one of them');
  if (url !== '') return parseDatabaseUrl(url.trim(), 'GLOVEBOX_DATABASE_URL');
  return file === '' ? undefined : parseDatabaseUrl((await readUrlFile(file)).trim(), `the content of ${file} (GLOVEBOX_DATABASE_URL_FILE)`);
}

async function readUrlFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new GloveboxError('config_invalid', `GLOVEBOX_DATABASE_URL_FILE names a file that cannot be read: ${describeError(error)}`, { cause: error });
  }
}
