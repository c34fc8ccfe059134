import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Journal } from '../../src/contracts/index.ts';
import { SqliteJournal } from '../../src/journal/index.ts';
import { parseDatabaseUrl, PostgresJournal } from '../../src/journal/postgres/index.ts';

/** In a folder that has it, the URL of the database in which its journal is. */
export const DATABASE_FILE = 'database.url';

/** One more view of the journal of a folder, as another process has it. */
export function journalIn(folder: string): Journal {
  const file = join(folder, DATABASE_FILE);
  return existsSync(file) ? new PostgresJournal(parseDatabaseUrl(readFileSync(file, 'utf8'), file)) : new SqliteJournal(join(folder, 'journal.db'));
}
