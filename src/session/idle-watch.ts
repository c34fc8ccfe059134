import type { Clock } from '../contracts/index.ts';

/** Tells when a session has been idle for too long: nobody touched it, and nothing is under way. One timer; a touch costs an assignment. */
export class IdleWatch {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #isBusy: () => boolean;
  readonly #expired: () => void;
  #lastTouchMs: number;
  #timer: NodeJS.Timeout;

  constructor(options: { readonly clock: Clock; readonly idleMs: number; readonly isBusy: () => boolean; readonly expired: () => void }) {
    this.#clock = options.clock;
    this.#idleMs = options.idleMs;
    this.#isBusy = options.isBusy;
    this.#expired = options.expired;
    this.#lastTouchMs = this.#clock.now();
    this.#timer = this.#lookAgain(this.#idleMs);
  }

  touch(): void {
    this.#lastTouchMs = this.#clock.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    if (this.#isBusy()) this.touch();
    const leftMs = this.#lastTouchMs + this.#idleMs - this.#clock.now();
    if (leftMs <= 0) this.#expired();
    // A clock that was set back must not make it longer than it is.
    else this.#timer = this.#lookAgain(Math.min(leftMs, this.#idleMs));
  }

  #lookAgain(inMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#look(), inMs).unref();
  }
}
