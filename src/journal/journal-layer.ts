import type { AppendOptions, Journal, JournalEvent, NewEvent } from '../contracts/index.ts';

/** A journal before another one, which does all that it does not do itself. */
export abstract class JournalLayer implements Journal {
  protected readonly journal: Journal;

  constructor(journal: Journal) {
    this.journal = journal;
  }

  abstract append(stream: string, events: readonly NewEvent[], options?: AppendOptions): Promise<readonly JournalEvent[]>;

  read(...args: Parameters<Journal['read']>): Promise<JournalEvent[]> {
    return this.journal.read(...args);
  }

  skim(...args: Parameters<Journal['skim']>): Promise<JournalEvent[]> {
    return this.journal.skim(...args);
  }

  follow(...args: Parameters<Journal['follow']>): AsyncIterable<JournalEvent> {
    return this.journal.follow(...args);
  }

  scan: Journal['scan'] = (...args) => this.journal.scan(...args);

  streams(...args: Parameters<Journal['streams']>): ReturnType<Journal['streams']> {
    return this.journal.streams(...args);
  }

  verify(stream?: string): ReturnType<Journal['verify']> {
    return this.journal.verify(stream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.journal[Symbol.asyncDispose]();
  }
}
