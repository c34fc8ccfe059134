import { type EgressGate, type EventData, GloveboxError, type NewEvent } from '../../contracts/index.ts';
import type { Destination } from './names.ts';
import type { EgressRefusal } from './refusal.ts';

/** What egress writes down. Where that fails, egress is over: `unwritten` hears of it. */
export class Chronicle {
  readonly #gate: EgressGate;
  readonly #unwritten: (error: unknown) => void;
  /** A program that runs into a limit does so again and again. */
  readonly #limitsTold = new Set<string>();
  readonly #writing = new Set<Promise<void>>();

  constructor(gate: EgressGate, unwritten: (error: unknown) => void) {
    this.#gate = gate;
    this.#unwritten = unwritten;
  }

  /** A denial is written already, by whoever decided. */
  refused(via: 'name' | 'proxy', destination: Partial<Destination> | undefined, { code, message }: EgressRefusal): void {
    if (code === 'denied') return;
    if (code === 'limit') {
      if (this.#limitsTold.has(message)) return;
      this.#limitsTold.add(message);
    }
    const { host, port } = destination ?? {};
    this.#write({ type: 'egress.refused', data: { via, ...(host === undefined ? {} : { host }), ...(port === undefined ? {} : { port }), code, text: message } });
  }

  ended(data: EventData['egress.ended']): void {
    this.#write({ type: 'egress.ended', data });
  }

  /** Resolves when everything that was told up to now is. */
  async written(): Promise<void> {
    await Promise.allSettled(this.#writing);
  }

  #write(event: NewEvent<'egress.refused' | 'egress.ended'>): void {
    const writing = this.#gate
      .record(event)
      .catch((error: unknown) => this.#unwritten(error))
      .finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }
}

/** What a program is told when nothing can be decided or written any more. */
export const UNWRITABLE = new GloveboxError('journal_failed', 'what happens here cannot be written down, so nothing may happen');
