import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Tables } from './tables.ts';

/** PostgreSQL's type for 64-bit numbers, which `pg` gives as texts: ours are numbers of events and milliseconds. */
const INT8_OID = 20;

export interface DatabaseOptions {
  readonly url: string;
  readonly schema: string;
  /** How long one statement may take, on the server and, where that says nothing any more, here. */
  readonly statementMs: number;
  readonly connectMs: number;
  readonly connections: number;
}

/** Connections to a database, made when they are needed. */
export interface Database extends AsyncDisposable {
  readonly pool: pg.Pool;
  readonly tables: Kysely<Tables>;
}

export function openDatabase({ url, schema, statementMs, connectMs, connections }: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    application_name: 'glovebox',
    connectionTimeoutMillis: connectMs,
    statement_timeout: statementMs,
    // A process that stands still in a transaction must not keep a stream from those who take it over.
    idle_in_transaction_session_timeout: statementMs,
    query_timeout: statementMs + connectMs,
    keepAlive: true,
    // Our statements do not depend on their values: left to itself the server plans that of an append anew each time, which takes longer than the append.
    options: '-c plan_cache_mode=force_generic_plan',
    types: { getTypeParser: (oid, format) => (oid === INT8_OID ? Number : pg.types.getTypeParser(oid, format)) },
  });
  // A connection that nobody uses was lost: the next one is made anew.
  pool.on('error', () => {});
  // One that is used, too: its query rejects, and without this the process would end besides.
  pool.on('connect', (client) => client.on('error', () => {}));
  const tables = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }).withSchema(schema);
  return {
    pool,
    tables,
    [Symbol.asyncDispose]: async () => {
      // The pool itself: Kysely ends it only where it was asked for something, and one that is left keeps its process alive until its connections have idled for long enough.
      if (!pool.ending) await pool.end();
    },
  };
}
