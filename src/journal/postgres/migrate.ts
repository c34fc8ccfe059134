import { randomBytes } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import { describeError, GloveboxError } from '../../contracts/index.ts';
import { OLDEST_LIVING, TABLES } from './migrations.ts';
import type { Tables } from './tables.ts';
import { verifyStreams } from './verify.ts';

type Migrations = readonly ((schema: string) => string)[];

/** Who migrates holds this, one a database at a time: `glbx` as a number. */
const LOCK = 0x676c6278;

/** Ends a trial that went well, or that nobody needs any more. */
class RolledBack extends Error {}

/**
 * Brings a journal's schema to the newest version, in one transaction. One that holds something is migrated in a copy first, which has to come out as it went in.
 * Errors: `journal_failed`, and nothing has changed then; `newer_version`.
 */
export async function migrate(database: Kysely<Tables>, schema: string, migrations: Migrations, oldest = OLDEST_LIVING): Promise<void> {
  const version = await schemaVersion(database, schema);
  if (version >= migrations.length) return requireLiving(database, schema, version, migrations.length);
  if (version > 0) await tryInCopy(database, schema, version, migrations);
  await database.transaction().execute(async (transaction) => {
    await sql`SELECT pg_advisory_xact_lock(${LOCK})`.execute(transaction);
    await sql.raw(`CREATE SCHEMA IF NOT EXISTS ${schema}`).execute(transaction);
    // Another process may have done it while this one waited for the lock.
    const found = await schemaVersion(transaction, schema);
    if (found > 0) await holdVersion(transaction, schema);
    await apply(transaction, schema, migrations, found, oldest);
  });
}

/** Nobody changes tables while somebody else copies them: whoever does either holds this first. Nobody else is kept from anything. */
async function holdVersion(transaction: Kysely<Tables>, schema: string): Promise<void> {
  await sql.raw(`LOCK TABLE ${schema}.schema_version IN SHARE UPDATE EXCLUSIVE MODE`).execute(transaction);
}

/** Errors: `newer_version` where the schema is a newer one, and not one that this glovebox can live with. */
async function requireLiving(database: Kysely<Tables>, schema: string, version: number, known: number): Promise<void> {
  if (version <= known) return;
  const { rows } = await sql<{ kept: { readonly oldest?: number } }>`SELECT to_jsonb(kept) AS kept FROM ${sql.id(schema, 'schema_version')} AS kept`.execute(database);
  const oldest = rows[0]?.kept.oldest ?? version;
  if (oldest > known) throw newer(schema, version, known);
}

/** 0 where there is no journal. */
export async function schemaVersion(database: Kysely<Tables>, schema: string): Promise<number> {
  const { rows } = await sql<{ there: boolean }>`SELECT to_regclass(${`${schema}.schema_version`}) IS NOT NULL AS there`.execute(database);
  if (rows[0]?.there !== true) return 0;
  const kept = await database.withSchema(schema).selectFrom('schema_version').select('version').executeTakeFirst();
  return kept?.version ?? 0;
}

async function apply(database: Kysely<Tables>, schema: string, migrations: Migrations, from: number, oldest = OLDEST_LIVING): Promise<void> {
  if (from >= migrations.length) return;
  for (const migration of migrations.slice(from)) await sql.raw(migration(schema)).execute(database);
  // Beside the migrations: it is about them.
  await sql.raw(`ALTER TABLE ${schema}.schema_version ADD COLUMN IF NOT EXISTS oldest integer`).execute(database);
  await database.withSchema(schema).updateTable('schema_version').set({ version: migrations.length, oldest }).execute();
}

/** In a schema that nobody else ever sees: the transaction is rolled back. */
async function tryInCopy(database: Kysely<Tables>, schema: string, version: number, migrations: Migrations): Promise<void> {
  const trial = `${schema}_trial_${randomBytes(4).toString('hex')}`;
  try {
    await database.transaction().setIsolationLevel('repeatable read').execute(async (transaction) => {
      // First of all: what is copied is as it is when the lock has been had, because taking it is not yet looking.
      await holdVersion(transaction, schema);
      if ((await schemaVersion(transaction, schema)) !== version) throw new RolledBack();
      await sql.raw(`CREATE SCHEMA ${trial}`).execute(transaction);
      await apply(transaction, trial, migrations.slice(0, version), 0);
      for (const table of TABLES) await sql.raw(`INSERT INTO ${trial}.${table} SELECT * FROM ${schema}.${table}`).execute(transaction);
      const before = await contents(transaction, trial);
      await apply(transaction, trial, migrations, version);
      const after = await contents(transaction, trial);
      if (before !== after) throw new GloveboxError('journal_failed', `it held ${before} before, and ${after} after`);
      throw new RolledBack();
    });
  } catch (error) {
    if (error instanceof RolledBack) return;
    const message = `the journal cannot be brought to schema version ${migrations.length}: ${describeError(error)}. It was tried in a copy, and the journal is as it was: go on with the glovebox that wrote it, and report this`;
    throw new GloveboxError('journal_failed', message, { cause: error, details: { schema } });
  }
}

async function contents(database: Kysely<Tables>, schema: string): Promise<string> {
  try {
    const { streams, events } = await verifyStreams(database.withSchema(schema));
    return `${events} events in ${streams} streams`;
  } catch (error) {
    if (error instanceof GloveboxError && error.code === 'journal_tampered') return error.message;
    throw error;
  }
}

function newer(schema: string, version: number, known: number): GloveboxError {
  const message = `the journal in the schema ${schema} was written by a newer glovebox: its schema is version ${version}, this one knows ${known}. Upgrade glovebox, or name another database`;
  return new GloveboxError('newer_version', message, { details: { version, known } });
}
