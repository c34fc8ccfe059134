/** Something has to happen in time. */
export class Deadline {
  readonly #expired: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(expired: () => void) {
    this.#expired = expired;
  }

  /** From now on. */
  start(ms: number): void {
    this.stop();
    this.#timer = setTimeout(this.#expired, ms);
    this.#timer.unref();
  }

  /** It happened; the same time from now on. */
  refresh(): void {
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
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
