import { randomBytes } from 'node:crypto';
import { type Clock, GloveboxError, type Principal } from '../../contracts/index.ts';

/** A browser asks for one and connects at once. */
const LIFE_MS = 30_000;
/** More than any honest use leaves open within their life. */
const MOST_OPEN = 10_000;

interface Ticket {
  readonly principal: Principal;
  readonly sandbox: string;
  readonly expiresMs: number;
}

/** For browsers, which cannot set a header on a WebSocket: each opens one terminal of one sandbox, once, soon. Kept in memory alone. */
export class Tickets {
  readonly #clock: Clock;
  readonly #open = new Map<string, Ticket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Errors: `admission_full`. */
  issue(principal: Principal, sandbox: string): { readonly ticket: string; readonly expiresMs: number } {
    const now = this.#clock.now();
    // They are in the order in which they end.
    for (const [text, { expiresMs }] of this.#open) {
      if (expiresMs > now) break;
      this.#open.delete(text);
    }
    if (this.#open.size >= MOST_OPEN) throw new GloveboxError('admission_full', 'too many tickets are open: use those', { details: { retryAfterSeconds: LIFE_MS / 1000 } });
    const ticket = `gbt_${randomBytes(24).toString('base64url')}`;
    const expiresMs = now + LIFE_MS;
    this.#open.set(ticket, { principal, sandbox, expiresMs });
    return { ticket, expiresMs };
  }

  /** Who comes with it; from now on it is none. Undefined for one that is none, no more, or for another sandbox. */
  redeem(text: string, sandbox: string): Principal | undefined {
    const ticket = this.#open.get(text);
    this.#open.delete(text);
    return ticket === undefined || ticket.sandbox !== sandbox || ticket.expiresMs <= this.#clock.now() ? undefined : ticket.principal;
  }
}
