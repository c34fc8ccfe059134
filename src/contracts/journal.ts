import type { EventType, JournalEvent, NewEvent } from './events.ts';

/**
 * The only truth. Everything else is a reading of it. Every failure is a rejection, none is thrown by the call; a store that does not
 * answer is `journal_failed` after a deadline of its own. Disposing waits for what is under way, and ends every `follow`.
 */
export interface Journal extends AsyncDisposable {
  /**
   * Appends in one transaction, in order. When it resolves the events survive our own death; with `durable`, and only then,
   * a power cut too, together with everything appended before in any stream. Appends to one stream follow one another in the order
   * of the calls, awaited or not. Errors: `fenced`, `journal_moved`.
   */
  append(stream: string, events: readonly NewEvent[], options?: AppendOptions): Promise<readonly JournalEvent[]>;
  /** Events of a stream in order, after `afterSeq`: all of them, or the first `limit`. */
  read(stream: string, afterSeq?: number, limit?: number): Promise<JournalEvent[]>;
  /** The same without events of some types, which are not even opened; the chain is `verify`'s. */
  skim(stream: string, options: SkimOptions): Promise<JournalEvent[]>;
  /** As `read`, and then what is appended later, by this process or another, until the signal fires. */
  follow(stream: string, options: { afterSeq?: number; signal: AbortSignal }): AsyncIterable<JournalEvent>;
  /**
   * Events of some types, stream by stream from the oldest on and each in order: of these streams, or of all that grew since `fromMs`, from their beginning. Only a page
   * of them is in memory; the chain is `verify`'s.
   */
  scan<T extends EventType>(types: readonly T[], options?: { streams?: readonly string[]; fromMs?: number }): AsyncIterable<JournalEvent<T>>;
  /** Streams by their first event, newest first; `before` goes on after the last one of a page. */
  streams(options?: StreamsOptions): Promise<readonly StreamListing[]>;
  /** Recomputes the chain. Errors: `journal_tampered` with stream and seq of the first event that does not fit. */
  verify(stream?: string): Promise<{ streams: number; events: number }>;
}

export interface AppendOptions {
  readonly durable?: boolean;
  /** Whose the stream is. It is the first append that says so, `local` where it says nothing; later ones change nothing. */
  readonly tenant?: string;
  /**
   * Who owns the stream: a number that grows with each owner, from 1. An append with a higher one than the stream has seen raises it, one with a lower one is
   * refused (`fenced`): its owner was taken for dead. Without a fence it is not asked. An empty batch neither asks nor raises it.
   */
  readonly fence?: number;
  /**
   * Only where the stream still ends with the event of this number (0: it has none): what was decided by reading it holds then. Where it does not, nothing is
   * written (`journal_moved`): read again.
   */
  readonly expect?: number;
}

export interface SkimOptions {
  readonly afterSeq?: number;
  /** Types that are left out. */
  readonly without: readonly EventType[];
}

export interface StreamsOptions {
  /** Only those of this tenant. */
  readonly tenant?: string;
  /** Only the one of this name. */
  readonly stream?: string;
  readonly prefix?: string;
  readonly limit?: number;
  /** Only those that come after this one in the list. */
  readonly before?: Pick<StreamListing, 'stream' | 'firstMs'>;
}

/** What a journal knows of a stream without reading it. */
export interface StreamListing {
  readonly stream: string;
  readonly tenant: string;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly events: number;
}

/** Where blobs are kept, each tenant's apart: what one has put, no other gets. */
export interface BlobStore {
  of(tenant: string): Blobs;
}

/** Content-addressed bytes: patches, outputs, trees. */
export interface Blobs {
  /** `sha256:…`. Durable when it resolves. */
  put(bytes: Buffer): Promise<string>;
  /** Errors: `not_found`; `erased`; `journal_tampered` when the content does not fit its name. */
  get(hash: string): Promise<Buffer>;
  /** `put` for what need not fit into memory. A source that fails leaves nothing, and its error is passed on. */
  putStream(chunks: AsyncIterable<Uint8Array>): Promise<{ readonly hash: string; readonly bytes: number }>;
  /** `get` likewise. An altered blob is found out before its last piece is handed out, so nobody takes it for whole. */
  getStream(hash: string): AsyncIterable<Buffer>;
}
