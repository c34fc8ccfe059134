import type { AppendOptions, EventType, Journal, JournalEvent, NewEvent, StreamListing, StreamsOptions } from '../contracts/index.ts';

/** A journal in the hand of a run's owner: what he appends to the run's stream is refused once somebody else owns it. It is not his to close. */
export class FencedJournal implements Journal {
  readonly #journal: Journal;
  readonly #run: string;
  readonly #fence: number;

  constructor(journal: Journal, run: string, fence: number) {
    this.#journal = journal;
    this.#run = run;
    this.#fence = fence;
  }

  append(stream: string, events: readonly NewEvent[], options: AppendOptions = {}): Promise<readonly JournalEvent[]> {
    return this.#journal.append(stream, events, stream === this.#run ? { ...options, fence: this.#fence } : options);
  }

  read(...args: Parameters<Journal['read']>): Promise<JournalEvent[]> {
    return this.#journal.read(...args);
  }

  skim(...args: Parameters<Journal['skim']>): Promise<JournalEvent[]> {
    return this.#journal.skim(...args);
  }

  follow(stream: string, options: { afterSeq?: number; signal: AbortSignal }): AsyncIterable<JournalEvent> {
    return this.#journal.follow(stream, options);
  }

  scan<T extends EventType>(types: readonly T[], options?: { streams?: readonly string[]; fromMs?: number }): AsyncIterable<JournalEvent<T>> {
    return this.#journal.scan(types, options);
  }

  streams(options?: StreamsOptions): Promise<readonly StreamListing[]> {
    return this.#journal.streams(options);
  }

  verify(stream?: string): Promise<{ streams: number; events: number }> {
    return this.#journal.verify(stream);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
