import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { LRUCache } from 'lru-cache';
import type { AppendOptions, Clock, EventType, Journal, JournalEvent, NewEvent, SkimOptions, StreamListing, StreamsOptions } from '../../contracts/index.ts';
import { canonicalJson, GloveboxError, LOCAL_TENANT, systemClock } from '../../contracts/index.ts';
import { Changes } from '../changes.ts';
import type { Head, StoredEvent } from '../event-chain.ts';
import { chain, checkExpected, checkLink, NO_EVENTS } from '../event-chain.ts';
import { EVENT_VERSIONS } from '../event-versions.ts';
import { fenceAfter } from '../fence.ts';
import { checkStreamName, parseRow, toEvent } from '../stored-event.ts';
import { openDatabase } from './database.ts';
import { journalFailure } from './sqlite-error.ts';
import { verifyStreams } from './verify.ts';

export interface SqliteJournalOptions {
  readonly clock?: Clock;
  /** How long an append may wait for another process's lock. */
  readonly busyTimeoutMs?: number;
  /** How often a follower looks for what other processes appended. */
  readonly pollMs?: number;
  /** Told of what was appended, once it is. Must not throw. */
  readonly onAppended?: (events: readonly JournalEvent[]) => void;
}

const DEFAULT_BUSY_TIMEOUT_MS = 5_000;
const DEFAULT_POLL_MS = 50;
/** So many events are read at a time, whatever the stream's length. */
const PAGE = 500;
/** As SQLite's LIMIT has it. */
const ALL = -1;

/** So many streams' ends are remembered. */
const KNOWN_HEADS = 10_000;

type FencedHead = Head & { readonly fence: number };

const EVENT_COLUMNS = 'stream, seq, time_ms AS timeMs, type, version, data, previous, hash';

/**
 * The journal in one SQLite file that processes of one machine share.
 *
 * The log is written at each commit, but reaches the disk (fsync) only at a commit with `synchronous = FULL`; one such fsync carries
 * everything that any process wrote to the log before. So an ordinary append survives our death, because the kernel has it, and a
 * durable one survives a power cut.
 *
 * SQLite works at the call, on our own thread: every promise here is settled when the caller gets it, and the order of calls is
 * the order of appends. The methods are `async` so that what they throw is a rejection.
 */
export class SqliteJournal implements Journal {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #changes: Changes;
  readonly #onAppended: (events: readonly JournalEvent[]) => void;
  /** Where streams end, as far as this process knows: another one may have appended since. */
  readonly #heads = new LRUCache<string, FencedHead>({ max: KNOWN_HEADS });
  readonly #closed = new AbortController();

  /** Errors: `journal_failed`. */
  constructor(file: string, options: SqliteJournalOptions = {}) {
    this.#file = file;
    this.#clock = options.clock ?? systemClock;
    this.#database = openDatabase(file, options.busyTimeoutMs ?? DEFAULT_BUSY_TIMEOUT_MS);
    this.#statements = prepareStatements(this.#database);
    this.#onAppended = options.onAppended ?? (() => {});
    this.#changes = new Changes(() => Number(this.#statements.dataVersion.get()?.['data_version']), options.pollMs ?? DEFAULT_POLL_MS);
  }

  async append(stream: string, events: readonly NewEvent[], options: AppendOptions = {}): Promise<readonly JournalEvent[]> {
    checkStreamName(stream);
    if (events.length === 0 && options.durable !== true) return [];
    const timeMs = this.#clock.now();
    const appended = this.#guard(() =>
      options.durable === true ? this.#durably(() => this.#commit(stream, events, timeMs, options)) : this.#commit(stream, events, timeMs, options),
    );
    this.#changes.grew(stream);
    if (appended.length > 0) this.#onAppended(appended);
    return appended;
  }

  async read(stream: string, afterSeq = 0, limit = ALL): Promise<JournalEvent[]> {
    return this.#read(stream, afterSeq, limit);
  }

  async skim(stream: string, { afterSeq = 0, without }: SkimOptions): Promise<JournalEvent[]> {
    return this.#guard(() => this.#statements.skim.all(stream, afterSeq, JSON.stringify(without))).map((row) => toEvent(parseRow(row, stream, afterSeq + 1)));
  }

  async *follow(stream: string, options: { afterSeq?: number; signal: AbortSignal }): AsyncIterable<JournalEvent> {
    const signal = AbortSignal.any([options.signal, this.#closed.signal]);
    let afterSeq = options.afterSeq ?? 0;
    while (!signal.aborted) {
      // Nothing may run between the read that finds no more and the wait, or what came in between would be missed.
      const events = this.#read(stream, afterSeq, PAGE);
      if (events.length === 0) await this.#changes.next(stream, signal);
      for (const event of events) {
        if (signal.aborted) return;
        yield event;
        afterSeq = event.seq;
      }
    }
  }

  async *scan<T extends EventType>(types: readonly T[], options: { streams?: readonly string[]; fromMs?: number } = {}): AsyncIterable<JournalEvent<T>> {
    const streams = options.streams ?? this.#guard(() => this.#statements.grown.all(options.fromMs ?? 0)).map((row) => String(row['stream']));
    const wanted = JSON.stringify(types);
    for (const stream of streams) {
      for (let afterSeq = 0, full = true; full; ) {
        const rows = this.#guard(() => this.#statements.scan.all(stream, afterSeq, wanted, PAGE));
        full = rows.length === PAGE;
        for (const row of rows) {
          const stored = parseRow(row, stream, afterSeq + 1);
          afterSeq = stored.seq;
          // The statement gave rows of these types alone.
          yield toEvent(stored) as JournalEvent<T>;
        }
      }
    }
  }

  async streams({ tenant, stream, prefix = '', limit = ALL, before }: StreamsOptions = {}): Promise<readonly StreamListing[]> {
    const { streams, streamsOf, named } = this.#statements;
    const place = [before?.firstMs ?? Number.MAX_SAFE_INTEGER, before?.stream ?? '', prefix, prefix, limit] as const;
    const rows = this.#guard(() => (stream !== undefined ? named.all(stream, tenant ?? null, ...place) : tenant === undefined ? streams.all(...place) : streamsOf.all(tenant, ...place)));
    return rows.map((row) => ({
      stream: String(row['stream']),
      tenant: String(row['tenant']),
      firstMs: Number(row['first_ms']),
      lastMs: Number(row['last_ms']),
      events: Number(row['seq']),
    }));
  }

  async verify(stream?: string): Promise<{ streams: number; events: number }> {
    return this.#guard(() => {
      // One snapshot, or an append of another process between two reads would look like tampering.
      this.#database.exec('BEGIN');
      try {
        return verifyStreams(this.#database, stream);
      } finally {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    this.#changes[Symbol.dispose]();
    this.#guard(() => this.#database.close());
  }

  /** The head is compared under the write lock, so two processes that append to one stream follow one another. */
  #commit(stream: string, events: readonly NewEvent[], timeMs: number, options: AppendOptions): readonly JournalEvent[] {
    const statements = this.#statements;
    statements.begin.run();
    try {
      const appended = events.length === 0 ? this.#touch() : this.#insert(stream, events, timeMs, options);
      statements.commit.run();
      return appended;
    } catch (error) {
      this.#heads.delete(stream);
      // A full disk has rolled back by itself.
      if (this.#database.isTransaction) statements.rollback.run();
      throw error;
    }
  }

  /** By what this process remembers of where the stream ends, if that is still so: the statement that moves the end says whether it is. Otherwise by what the file says. */
  #insert(stream: string, events: readonly NewEvent[], timeMs: number, options: AppendOptions): readonly JournalEvent[] {
    const known = options.expect === undefined ? this.#heads.get(stream) : undefined;
    const moved = known && this.#move(stream, known, events, timeMs, options);
    if (moved !== undefined) return moved;
    // What the row holds was written by this same class, under the schema's types.
    const kept = this.#statements.head.get(stream) as FencedHead | undefined;
    if (options.expect !== undefined) checkExpected(stream, kept ?? NO_EVENTS, options.expect);
    const appended = kept === undefined ? this.#begin(stream, events, timeMs, options) : this.#move(stream, kept, events, timeMs, options);
    if (appended === undefined) throw new GloveboxError('internal', `the end of ${stream} moved while it was locked`);
    return appended;
  }

  #begin(stream: string, events: readonly NewEvent[], timeMs: number, { tenant = LOCAL_TENANT, fence: asked }: AppendOptions): readonly JournalEvent[] {
    const fence = fenceAfter(stream, undefined, asked);
    const { appended, seq, hash } = chained(stream, NO_EVENTS, events, timeMs);
    this.#statements.addHead.run(stream, seq, hash, timeMs, timeMs, tenant, fence);
    return this.#write(stream, appended, { seq, hash, fence });
  }

  /** Undefined, with nothing written, where the stream does not end with `head`. */
  #move(stream: string, head: FencedHead, events: readonly NewEvent[], timeMs: number, options: AppendOptions): readonly JournalEvent[] | undefined {
    const fence = fenceAfter(stream, head.fence, options.fence);
    const { appended, seq, hash } = chained(stream, head, events, timeMs);
    const { changes } = this.#statements.moveHead.run(seq, hash, timeMs, fence, stream, head.hash, head.fence);
    return changes === 1 ? this.#write(stream, appended, { seq, hash, fence }) : undefined;
  }

  #write(stream: string, appended: readonly Chained[], head: FencedHead): readonly JournalEvent[] {
    for (const { stored } of appended) {
      this.#statements.insert.run(stream, stored.seq, stored.timeMs, stored.type, stored.version, stored.data, stored.previous, stored.hash);
    }
    this.#heads.set(stream, head);
    return appended.map(({ event }) => event);
  }

  /** A barrier without events needs a change of its own: SQLite syncs nothing for a commit that wrote nothing. */
  #touch(): readonly JournalEvent[] {
    this.#statements.touch.run();
    return [];
  }

  #durably<T>(commit: () => T): T {
    this.#database.exec('PRAGMA synchronous = FULL');
    try {
      return commit();
    } finally {
      this.#database.exec('PRAGMA synchronous = NORMAL');
    }
  }

  #read(stream: string, afterSeq: number, limit: number): JournalEvent[] {
    const rows = this.#guard(() => this.#statements.read.all(stream, afterSeq, limit));
    let before: StoredEvent | undefined;
    return rows.map((row) => {
      const stored = parseRow(row, stream, (before?.seq ?? afterSeq) + 1);
      checkLink(stream, before ?? { seq: afterSeq, hash: stored.previous }, stored);
      before = stored;
      return toEvent(stored);
    });
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw journalFailure(this.#file, error);
    }
  }
}

function listing(whose: string): string {
  return `SELECT stream, tenant, seq, first_ms, last_ms FROM heads
    WHERE ${whose}(first_ms, stream) < (?, ?) AND substr(stream, 1, length(?)) = ? ORDER BY first_ms DESC, stream DESC LIMIT ?`;
}

/** An event as it is kept, and as it is told. */
interface Chained {
  readonly stored: StoredEvent;
  readonly event: JournalEvent;
}

function chained(stream: string, after: Head, events: readonly NewEvent[], timeMs: number): Head & { readonly appended: readonly Chained[] } {
  let head = after;
  const appended = events.map(({ type, data }): Chained => {
    const stored = chain(stream, head, { type, version: EVENT_VERSIONS[type], data: canonicalJson(data) }, timeMs);
    head = stored;
    // Type and data come from one `NewEvent`, which the spread cannot show.
    return { stored, event: { ...stored, data } as JournalEvent };
  });
  return { seq: head.seq, hash: head.hash, appended };
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: DatabaseSync) {
  return {
    begin: database.prepare('BEGIN IMMEDIATE'),
    commit: database.prepare('COMMIT'),
    rollback: database.prepare('ROLLBACK'),
    head: database.prepare('SELECT seq, hash, fence FROM heads WHERE stream = ?'),
    insert: database.prepare(
      'INSERT INTO events (stream, seq, time_ms, type, version, data, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    addHead: database.prepare('INSERT INTO heads (stream, seq, hash, first_ms, last_ms, tenant, fence) VALUES (?, ?, ?, ?, ?, ?, ?)'),
    moveHead: database.prepare('UPDATE heads SET seq = ?, hash = ?, last_ms = ?, fence = ? WHERE stream = ? AND hash = ? AND fence = ?'),
    touch: database.prepare('UPDATE barriers SET count = count + 1'),
    read: database.prepare(`SELECT ${EVENT_COLUMNS} FROM events WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?`),
    skim: database.prepare(`SELECT ${EVENT_COLUMNS} FROM events WHERE stream = ? AND seq > ? AND type NOT IN (SELECT value FROM json_each(?)) ORDER BY seq`),
    scan: database.prepare(`SELECT ${EVENT_COLUMNS} FROM events WHERE stream = ? AND seq > ? AND type IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?`),
    grown: database.prepare('SELECT stream FROM heads WHERE last_ms >= ? ORDER BY first_ms, stream'),
    streams: database.prepare(listing('')),
    streamsOf: database.prepare(listing('tenant = ? AND ')),
    named: database.prepare(listing('stream = ? AND tenant = coalesce(?, tenant) AND ')),
    dataVersion: database.prepare('PRAGMA data_version'),
  } satisfies Record<string, StatementSync>;
}
