import type { AppendOptions, Journal, JournalEvent, NewEvent, Redactor } from '../contracts/index.ts';
import { InTurn } from './in-turn.ts';
import { JournalLayer } from './journal-layer.ts';

/** A journal in which no secret is ever written: what is read, followed and folded is what was masked before it was appended. Whoever uses on what he wrote takes it from what `append` gives. */
export class RedactedJournal extends JournalLayer {
  readonly #redactor: Redactor;
  /** By stream: one may take its time to be looked through. */
  readonly #turns = new InTurn();

  constructor(journal: Journal, redactor: Redactor) {
    super(journal);
    this.#redactor = redactor;
  }

  append(stream: string, events: readonly NewEvent[], options?: AppendOptions): Promise<readonly JournalEvent[]> {
    return this.#turns.run(stream, this.#redactor.all(events), (masked) => this.journal.append(stream, masked, options));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#turns.idle();
    await super[Symbol.asyncDispose]();
  }
}
