import type { JournalEvent, NewEvent } from './events.ts';

/** The only truth. Everything else is a reading of it. */
export interface Journal extends Disposable {
  /**
   * Appends in one transaction, in order. When it returns the events survive our own death; with `durable`, and only then,
   * a power cut too, together with everything appended before in any stream.
   */
  append(stream: string, events: readonly NewEvent[], options?: { durable?: boolean }): readonly JournalEvent[];
  /** Events of a stream in order, after `afterSeq`. */
  read(stream: string, afterSeq?: number): JournalEvent[];
  /** The same, and then what is appended later, by this process or another, until the signal fires. */
  follow(stream: string, options: { afterSeq?: number; signal: AbortSignal }): AsyncIterable<JournalEvent>;
  /** Streams by their first event, newest first. */
  streams(options?: { prefix?: string; limit?: number }): readonly { stream: string; firstMs: number; lastMs: number; events: number }[];
  /** Recomputes the chain. Errors: `journal_tampered` with stream and seq of the first event that does not fit. */
  verify(stream?: string): { streams: number; events: number };
}

/** Content-addressed bytes: patches, outputs, trees. */
export interface Blobs {
  /** `sha256:…`. Durable when it resolves. */
  put(bytes: Buffer): Promise<string>;
  /** Errors: `not_found`; `journal_tampered` when the content does not fit its name. */
  get(hash: string): Promise<Buffer>;
}
