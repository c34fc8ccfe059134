import type { JournalEvent } from '../contracts/index.ts';

/** After so many attempts, over half a day, nobody tries again. */
export const MOST_ATTEMPTS = 12;
const FIRST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 2 * 3600_000;

/** How it stands with one notice in one channel. */
export interface Delivery {
  readonly attempts: number;
  readonly isOver: boolean;
  /** Who tries, until when he is believed to. */
  readonly claim?: { readonly owner: string; readonly untilMs: number };
  /** Not to be tried before. */
  readonly notBeforeMs: number;
}

const NEW: Delivery = { attempts: 0, isOver: false, notBeforeMs: 0 };

/** What was told of one day, and who tells what: a fold over the stream of that day. */
export class DeliveryBook {
  readonly #deliveries = new Map<string, Delivery>();
  #seq = 0;

  /** The last event that is in it. */
  get seq(): number {
    return this.#seq;
  }

  /** One that is in it already changes nothing. */
  apply(event: JournalEvent): void {
    if (event.seq <= this.#seq) return;
    this.#seq = event.seq;
    if (event.type !== 'notification.claimed' && event.type !== 'notification.sent' && event.type !== 'notification.failed') return;
    const key = keyOf(event.data.notice, event.data.channel);
    const { attempts, isOver } = this.#deliveries.get(key) ?? NEW;
    // What came after it was over was told twice: it stays over.
    if (isOver) return;
    if (event.type === 'notification.claimed') this.#deliveries.set(key, { attempts: attempts + 1, isOver, claim: event.data, notBeforeMs: 0 });
    else if (event.type === 'notification.sent') this.#deliveries.set(key, { attempts, isOver: true, notBeforeMs: 0 });
    else this.#deliveries.set(key, { attempts, isOver: event.data.final, notBeforeMs: event.timeMs + waitMs(attempts) });
  }

  of(notice: string, channel: string): Delivery {
    return this.#deliveries.get(keyOf(notice, channel)) ?? NEW;
  }
}

/** 2 s, 4 s, 8 s … 2 h. */
function waitMs(attempts: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.max(0, attempts - 1));
}

function keyOf(notice: string, channel: string): string {
  return `${channel} ${notice}`;
}
