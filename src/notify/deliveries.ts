import { hash } from 'node:crypto';
import { type Clock, describeError, GloveboxError, type Journal, type Ownership } from '../contracts/index.ts';
import { DeliveryBook, MOST_ATTEMPTS } from './book.ts';
import { Refused, type Way } from './channels/way.ts';
import type { Notice } from './notice.ts';

/** An attempt takes no longer; whoever claimed it and says nothing for twice as long is believed dead. */
const ATTEMPT_MS = 20_000;
const DAY_MS = 86_400_000;

export interface DeliveriesOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  /** This process, and whether the one that a text names is no more. */
  readonly ownership: Ownership;
  /** The service's own address, for links. */
  readonly baseUrl: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Tells one notice in one channel, once: whoever does it claims it in the journal first, only where nobody else has, and writes down what came of it. A process that dies in between leaves a claim that
 * runs out, and the next one tries again with the same id.
 */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #books = new Map<string, DeliveryBook>();

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  /** Gives when it may be tried (again), in milliseconds since 1970; undefined where it is over. Errors: `journal_failed`. */
  async tell(notice: Notice, channel: string, way: Way): Promise<number | undefined> {
    for (;;) {
      const { journal, clock, ownership } = this.#options;
      const stream = streamOf(notice);
      const book = await this.#book(stream);
      const { isOver, claim, notBeforeMs } = book.of(notice.id, channel);
      if (isOver) return undefined;
      const now = clock.now();
      if (claim !== undefined && claim.untilMs > now && !ownership.isDead(claim.owner)) return claim.untilMs;
      if (notBeforeMs > now) return notBeforeMs;
      try {
        await journal.append(stream, [{ type: 'notification.claimed', data: { notice: notice.id, channel, owner: ownership.name, untilMs: now + 2 * ATTEMPT_MS } }], { expect: book.seq });
      } catch (error) {
        if (error instanceof GloveboxError && error.code === 'journal_moved') continue;
        throw error;
      }
      return this.#attempt(notice, channel, way, stream);
    }
  }

  async #attempt(notice: Notice, channel: string, way: Way, stream: string): Promise<number | undefined> {
    const { journal, signal } = this.#options;
    const { attempts } = (await this.#book(stream)).of(notice.id, channel);
    const failure = await this.#send(notice, channel, way);
    const link = { notice: notice.id, channel, attempts };
    if (failure === undefined) {
      await journal.append(stream, [{ type: 'notification.sent', data: link }]);
      return undefined;
    }
    // Whoever stops leaves it to the next, who finds it with the claim.
    const final = failure instanceof Refused || attempts >= MOST_ATTEMPTS;
    await journal.append(stream, [{ type: 'notification.failed', data: { ...link, why: signal.aborted ? 'the service stops' : describeError(failure), final } }]);
    return final ? undefined : (await this.#book(stream)).of(notice.id, channel).notBeforeMs;
  }

  async #send(notice: Notice, channel: string, way: Way): Promise<unknown> {
    const { baseUrl, signal } = this.#options;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]);
    try {
      await way.send(notice, { id: messageId(notice, channel), link: baseUrl === undefined ? undefined : `${baseUrl.replace(/\/$/, '')}${notice.path}`, signal: deadline });
      return undefined;
    } catch (error) {
      return error ?? new Error('it failed');
    }
  }

  /** Read as far as it goes; books of days that are long over are let go. */
  async #book(stream: string): Promise<DeliveryBook> {
    const book = this.#books.get(stream) ?? new DeliveryBook();
    this.#books.set(stream, book);
    for (const event of await this.#options.journal.read(stream, book.seq)) book.apply(event);
    const oldest = `notifications:${dayOf(this.#options.clock.now() - 3 * DAY_MS)}`;
    for (const known of this.#books.keys()) if (known < oldest) this.#books.delete(known);
    return book;
  }
}

function streamOf({ timeMs }: Notice): string {
  return `notifications:${dayOf(timeMs)}`;
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

function messageId(notice: Notice, channel: string): string {
  return `msg_${hash('sha256', `${channel} ${notice.id}`).slice(0, 32)}`;
}
