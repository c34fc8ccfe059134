import type { AppendOptions, Journal, JournalEvent, NewEvent, Redactor } from '../contracts/index.ts';
import { JournalLayer } from './journal-layer.ts';

/** A journal in which no secret is ever written: what is read, followed and folded is what was masked before it was appended. Whoever uses on what he wrote takes it from what `append` gives. */
export class RedactedJournal extends JournalLayer {
  readonly #redactor: Redactor;
  /** Streams whose last append is still being looked through; those that come after wait for their turn. */
  readonly #waiting = new Map<string, Promise<unknown>>();

  constructor(journal: Journal, redactor: Redactor) {
    super(journal);
    this.#redactor = redactor;
  }

  append(stream: string, events: readonly NewEvent[], options?: AppendOptions): Promise<readonly JournalEvent[]> {
    const masked = this.#redactor.all(events);
    const before = this.#waiting.get(stream);
    if (before === undefined && !(masked instanceof Promise)) return this.journal.append(stream, masked, options);
    const { promise: turn, resolve: passed } = Promise.withResolvers<void>();
    this.#waiting.set(stream, turn);
    const pass = (): void => {
      if (this.#waiting.get(stream) === turn) this.#waiting.delete(stream);
      passed();
    };
    // What cannot be looked through is an error of this append, and of none that waits for its turn.
    return Promise.all([masked, before]).then(
      ([clean]) => {
        const appending = this.journal.append(stream, clean, options);
        pass();
        return appending;
      },
      (error: unknown) => {
        pass();
        throw error;
      },
    );
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#waiting.values());
    await super[Symbol.asyncDispose]();
  }
}
