/** Something has to happen in time. Begun, it costs no timer but the first: one that fires early looks how much time is left. */
export class Deadline {
  readonly #expired: () => void;
  #timer: NodeJS.Timeout | undefined;
  #firesMs = 0;
  #ms = 0;
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(expired: () => void) {
    this.#expired = expired;
  }

  /** From now on. */
  start(ms: number): void {
    this.#ms = ms;
    this.#dueMs = performance.now() + ms;
    if (this.#timer === undefined || this.#firesMs > this.#dueMs) this.#arm(ms);
  }

  /** It happened; the same time from now on. */
  refresh(): void {
    if (this.#dueMs !== Number.POSITIVE_INFINITY) this.#dueMs = performance.now() + this.#ms;
  }

  /** It happened, and is soon to begin again: the timer stays. */
  suspend(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  stop(): void {
    this.suspend();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    this.#firesMs = performance.now() + ms;
    this.#timer = setTimeout(() => this.#fired(), ms);
    this.#timer.unref();
  }

  #fired(): void {
    this.#timer = undefined;
    if (this.#dueMs === Number.POSITIVE_INFINITY) return;
    const leftMs = this.#dueMs - performance.now();
    if (leftMs > 0) {
      this.#arm(Math.ceil(leftMs));
      return;
    }
    this.suspend();
    this.#expired();
  }
}

/** How long egress waits for what. */
export interface EgressDeadlines {
  /** For the first byte of a connection, a whole TLS handshake, or all headers of the next request. */
  readonly headMs: number;
  readonly connectMs: number;
  /** For the headers of an answer. */
  readonly answerMs: number;
  /** Without a byte either way. */
  readonly idleMs: number;
}

export const DEADLINES: EgressDeadlines = { headMs: 60_000, connectMs: 10_000, answerMs: 300_000, idleMs: 300_000 };
