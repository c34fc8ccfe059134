import { type Kysely, sql } from 'kysely';
import { canonicalJson, type Clock, type EventType, GloveboxError, type Journal, type JournalEvent, type NewEvent, type SkimOptions, type StreamListing, type StreamsOptions, systemClock } from '../../contracts/index.ts';
import { Changes } from '../changes.ts';
import { checkLink, type StoredEvent } from '../event-chain.ts';
import { EVENT_VERSIONS } from '../event-versions.ts';
import { checkStreamName, parseRow, toEvent } from '../stored-event.ts';
import type { PostgresAppendOptions } from './append-options.ts';
import { AppendQueue } from './append-queue.ts';
import { BatchWriter } from './batch-writer.ts';
import { type Database, openDatabase } from './database.ts';
import type { DatabaseUrl } from './database-url.ts';
import { ensureSchema } from './ensure-schema.ts';
import { isPassing, journalFailure } from './postgres-error.ts';
import { StreamNews } from './stream-news.ts';
import { DEFAULT_SCHEMA, EVENT_COLUMNS, type Tables } from './tables.ts';
import { verifyStreams } from './verify.ts';

export interface PostgresJournalOptions {
  readonly clock?: Clock;
  /** The schema of the database that holds the journal. It is made when it is missing. */
  readonly schema?: string;
  /** An append that could not be written is told so after this, or somewhat later; until then it is tried again. */
  readonly deadlineMs?: number;
  /** How often a follower looks for himself. */
  readonly pollMs?: number;
  /** Told of what was appended, once it is. Must not throw. */
  readonly onAppended?: (events: readonly JournalEvent[]) => void;
}

const DEFAULT_DEADLINE_MS = 10_000;
const DEFAULT_POLL_MS = 1_000;
const CONNECTIONS = 6;
/** So many events are read at a time, whatever the stream's length. */
const PAGE = 500;
const SCHEMA_NAME = /^[a-z_][a-z0-9_]{0,39}$/;

/**
 * The journal in a PostgreSQL database that many processes share. Nothing is asked of the server before the first call.
 *
 * Appends that wait while a transaction is under way go together into the next one (group commit). An ordinary one commits without waiting for the server's disk
 * (`synchronous_commit = off`): it survives our death, and a durable one that follows carries it, because the log is written in order.
 */
export class PostgresJournal implements Journal {
  readonly #url: DatabaseUrl;
  readonly #schema: string;
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #database: Database;
  readonly #appends: AppendQueue;
  readonly #writer: BatchWriter;
  readonly #news: StreamNews;
  readonly #changes: Changes;
  readonly #onAppended: (events: readonly JournalEvent[]) => void;
  readonly #closed = new AbortController();
  #prepared: Promise<void> | undefined;
  #looks = 0;

  constructor(url: DatabaseUrl, { clock = systemClock, schema = DEFAULT_SCHEMA, deadlineMs = DEFAULT_DEADLINE_MS, pollMs = DEFAULT_POLL_MS, onAppended = () => {} }: PostgresJournalOptions = {}) {
    if (!SCHEMA_NAME.test(schema)) throw new GloveboxError('config_invalid', `not a name for a schema: ${JSON.stringify(schema)}: lower-case letters, digits and _`);
    this.#url = url;
    this.#schema = schema;
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.#onAppended = onAppended;
    this.#database = openDatabase({ url: url.url, schema, connections: CONNECTIONS, ...this.#attempt() });
    this.#writer = new BatchWriter({ database: this.#database, schema, name: url.name });
    const write: ConstructorParameters<typeof AppendQueue>[0]['write'] = async (batch) => {
      await this.#ready();
      await this.#writer.write(batch);
    };
    this.#appends = new AppendQueue({ write, failure: (error) => journalFailure(url.name, error), patienceMs: deadlineMs / 2 });
    // Looking is all that tells what others wrote where no news come: each look wakes those who wait.
    this.#changes = new Changes(() => this.#looks++, pollMs);
    const onGrew = (stream: string | undefined): void => (stream === undefined ? this.#changes.wakeAll() : this.#changes.grew(stream));
    this.#news = new StreamNews({ database: this.#database, url: url.url, schema, connectMs: this.#attempt().connectMs, onGrew });
  }

  /** An attempt is over after half of the deadline: the other half is there to try again. */
  #attempt(): { readonly connectMs: number; readonly statementMs: number } {
    return { connectMs: this.#deadlineMs / 4, statementMs: this.#deadlineMs / 4 };
  }

  async append(stream: string, events: readonly NewEvent[], options: PostgresAppendOptions = {}): Promise<readonly JournalEvent[]> {
    checkStreamName(stream);
    this.#checkOpen();
    if (events.length === 0 && options.within !== undefined) throw new GloveboxError('internal', 'nothing is appended that something could be done in one transaction with');
    if (events.length === 0 && options.durable !== true) return [];
    const ready = events.map(({ type, data }) => ({ type, version: EVENT_VERSIONS[type], data, text: canonicalJson(data) }));
    const { promise, resolve, reject } = Promise.withResolvers<readonly JournalEvent[]>();
    this.#appends.add({ stream, events: ready, timeMs: this.#clock.now(), options, calledMs: performance.now(), resolve, reject, isSettled: false });
    const appended = await promise;
    this.#changes.grew(stream);
    if (appended.length === 0) return appended;
    this.#news.tell(stream);
    this.#onAppended(appended);
    return appended;
  }

  async read(stream: string, afterSeq = 0, limit?: number): Promise<JournalEvent[]> {
    return this.#guard(() => this.#read(stream, afterSeq, limit));
  }

  async skim(stream: string, { afterSeq = 0, without }: SkimOptions): Promise<JournalEvent[]> {
    const rows = await this.#guard((tables) => events(tables, stream, afterSeq).where(sql<boolean>`type <> ALL(${without})`).execute());
    return rows.map((row) => toEvent(parseRow(row, stream, afterSeq + 1)));
  }

  async *follow(stream: string, options: { afterSeq?: number; signal: AbortSignal }): AsyncIterable<JournalEvent> {
    const signal = AbortSignal.any([options.signal, this.#closed.signal]);
    let afterSeq = options.afterSeq ?? 0;
    let hasRead = false;
    while (!signal.aborted) {
      using turn = abortedAtEnd();
      // From before the read, or what comes while it is under way would be missed.
      const grown = this.#changes.next(stream, AbortSignal.any([signal, turn.signal]));
      this.#news.listen();
      const events = await this.#guard(() => this.#read(stream, afterSeq, PAGE)).catch((error: unknown) => {
        // Whoever has waited for a day does not mind a database that is gone for a minute.
        if (signal.aborted || (hasRead && isPassing((error as Error).cause))) return [];
        throw error;
      });
      hasRead = true;
      if (events.length === 0) await grown;
      for (const event of events) {
        if (signal.aborted) return;
        yield event;
        afterSeq = event.seq;
      }
    }
  }

  async *scan<T extends EventType>(types: readonly T[], options: { streams?: readonly string[]; fromMs?: number } = {}): AsyncIterable<JournalEvent<T>> {
    const streams = options.streams ?? (await this.#grown(options.fromMs ?? 0));
    for (const stream of streams) {
      for (let afterSeq = 0, full = true; full; ) {
        const rows = await this.#guard((tables) => events(tables, stream, afterSeq).where(sql<boolean>`type = ANY(${types})`).limit(PAGE).execute());
        full = rows.length === PAGE;
        for (const row of rows) {
          const stored = parseRow(row, stream, afterSeq + 1);
          afterSeq = stored.seq;
          // The query gave rows of these types alone.
          yield toEvent(stored) as JournalEvent<T>;
        }
      }
    }
  }

  async streams({ tenant, stream, prefix, limit, before }: StreamsOptions = {}): Promise<readonly StreamListing[]> {
    return this.#guard(async (tables) => {
      let query = tables.selectFrom('heads').select(['stream', 'tenant', 'first_ms as firstMs', 'last_ms as lastMs', 'seq as events']).orderBy('first_ms', 'desc').orderBy('stream', 'desc');
      if (tenant !== undefined) query = query.where('tenant', '=', tenant);
      if (stream !== undefined) query = query.where('stream', '=', stream);
      if (prefix !== undefined) query = query.where(sql<boolean>`starts_with(stream, ${prefix})`);
      if (before !== undefined) query = query.where(sql<boolean>`(first_ms, stream) < (${before.firstMs}, ${before.stream})`);
      return (limit === undefined ? query : query.limit(limit)).execute();
    });
  }

  async verify(stream?: string): Promise<{ streams: number; events: number }> {
    // One snapshot, or an append between two reads would look like tampering.
    return this.#guard((tables) => tables.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute((transaction) => verifyStreams(transaction, stream)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    await this.#appends.idle();
    this.#writer[Symbol.dispose]();
    this.#changes[Symbol.dispose]();
    await this.#news[Symbol.asyncDispose]();
    await this.#database[Symbol.asyncDispose]();
  }

  async #grown(fromMs: number): Promise<readonly string[]> {
    const rows = await this.#guard((tables) => tables.selectFrom('heads').select('stream').where('last_ms', '>=', fromMs).orderBy('first_ms').orderBy('stream').execute());
    return rows.map(({ stream }) => stream);
  }

  async #read(stream: string, afterSeq: number, limit?: number): Promise<JournalEvent[]> {
    const query = events(this.#database.tables, stream, afterSeq);
    const rows = await (limit === undefined ? query : query.limit(limit)).execute();
    let before: StoredEvent | undefined;
    return rows.map((row) => {
      const stored = parseRow(row, stream, (before?.seq ?? afterSeq) + 1);
      checkLink(stream, before ?? { seq: afterSeq, hash: stored.previous }, stored);
      before = stored;
      return toEvent(stored);
    });
  }

  /** For what only reads: it is done once more where its connection broke, or had broken since it was last used. */
  async #guard<T>(work: (tables: Kysely<Tables>) => Promise<T>): Promise<T> {
    this.#checkOpen();
    const attempt = async (): Promise<T> => {
      await this.#ready();
      return work(this.#database.tables);
    };
    try {
      return await attempt().catch((error: unknown) => {
        if (isPassing(error)) return attempt();
        throw error;
      });
    } catch (error) {
      throw journalFailure(this.#url.name, error);
    }
  }

  /** Once; what failed is tried again at the next call. */
  #ready(): Promise<void> {
    this.#prepared ??= ensureSchema(this.#database.tables, { url: this.#url.url, schema: this.#schema, connectMs: this.#attempt().connectMs }).catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  #checkOpen(): void {
    if (this.#closed.signal.aborted) throw new GloveboxError('journal_failed', `the journal in ${this.#url.name} was closed`);
  }
}

function events(tables: Kysely<Tables>, stream: string, afterSeq: number) {
  return tables.selectFrom('events').select(EVENT_COLUMNS).where('stream', '=', stream).where('seq', '>', afterSeq).orderBy('seq');
}

function abortedAtEnd(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() };
}
