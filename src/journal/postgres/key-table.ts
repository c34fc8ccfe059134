import { sql } from 'kysely';
import { GloveboxError } from '../../contracts/index.ts';
import { type KeyRecord, keyRecord, type KeyStore } from '../seal/key-store.ts';
import { type Database, openDatabase } from './database.ts';
import type { DatabaseUrl } from './database-url.ts';
import { journalFailure } from './postgres-error.ts';

/** A schema of its own: copies of the journal are to be made without it (`pg_dump --exclude-schema`). */
const DEFAULT_SCHEMA = 'glovebox_keys';
const ANSWER_MS = 5_000;
/** Who makes the table holds this: `glbk` as a number. */
const LOCK = 0x676c626b;

/** Payload keys in a table that many machines share. */
export class KeyTable implements KeyStore {
  readonly place: string;
  readonly #schema: string;
  readonly #database: Database;
  #prepared: Promise<void> | undefined;

  constructor(url: DatabaseUrl, schema = DEFAULT_SCHEMA) {
    this.place = url.name;
    this.#schema = schema;
    this.#database = openDatabase({ url: url.url, schema, connections: 2, connectMs: ANSWER_MS, statementMs: ANSWER_MS });
  }

  async get(id: string): Promise<KeyRecord | undefined> {
    const [row] = await this.#query(`SELECT id, record FROM ${this.#schema}.keys WHERE id = $1`, [id]);
    return row === undefined ? undefined : this.#parse(row);
  }

  async add(id: string, record: KeyRecord): Promise<KeyRecord> {
    await this.#query(`INSERT INTO ${this.#schema}.keys (id, record) VALUES ($1, $2) ON CONFLICT DO NOTHING`, [id, JSON.stringify(record)]);
    return (await this.get(id)) ?? this.add(id, record);
  }

  async replace(id: string, record: KeyRecord, before: KeyRecord): Promise<boolean> {
    const rows = await this.#query(`UPDATE ${this.#schema}.keys SET record = $2 WHERE id = $1 AND record::jsonb = $3::jsonb RETURNING id, record`, [id, JSON.stringify(record), JSON.stringify(before)]);
    return rows.length > 0;
  }

  async forget(): Promise<void> {
    // A row as it was lies in the table's file until that is written anew.
    await this.#query(`VACUUM FULL ${this.#schema}.keys`, []);
  }

  async list(tenant?: string): Promise<readonly { id: string; record: KeyRecord }[]> {
    const rows = await this.#query(`SELECT id, record FROM ${this.#schema}.keys WHERE starts_with(id, $1) ORDER BY id`, [tenant === undefined ? '' : `${tenant}/`]);
    return rows.map((row) => ({ id: row.id, record: this.#parse(row) }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
  }

  async #query(text: string, values: readonly unknown[]): Promise<readonly { readonly id: string; readonly record: string }[]> {
    try {
      await this.#ready();
      return (await this.#database.pool.query<{ id: string; record: string }>(text, [...values])).rows;
    } catch (error) {
      throw journalFailure(this.place, error);
    }
  }

  /** Once; what failed is tried again at the next call. */
  #ready(): Promise<void> {
    this.#prepared ??= this.#make().catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  async #make(): Promise<void> {
    const { rows } = await this.#database.pool.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [`${this.#schema}.keys`]);
    if (rows[0]?.there === true) return;
    await this.#database.tables.transaction().execute(async (transaction) => {
      await sql`SELECT pg_advisory_xact_lock(${LOCK})`.execute(transaction);
      await sql.raw(`CREATE SCHEMA IF NOT EXISTS ${this.#schema}`).execute(transaction);
      await sql.raw(`CREATE TABLE IF NOT EXISTS ${this.#schema}.keys (id text COLLATE "C" PRIMARY KEY, record text NOT NULL)`).execute(transaction);
    });
  }

  #parse({ id, record }: { readonly id: string; readonly record: string }): KeyRecord {
    try {
      return keyRecord.parse(JSON.parse(record));
    } catch (error) {
      throw new GloveboxError('secret_unreadable', `the payload key ${id} in ${this.place} is none: put back what was there, or what it sealed stays unreadable`, { cause: error, details: { key: id } });
    }
  }
}
