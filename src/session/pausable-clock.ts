/** The longest that Node waits for. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** A deadline that can be taken back. */
export interface Timer {
  stop(): void;
}

interface Pending {
  leftMs: number;
  readonly fire: () => void;
  readonly unref: boolean;
  handle: NodeJS.Timeout | undefined;
  sinceMs: number;
}

/** Time as somebody has it who stands still now and then: a sandbox that is paused, a session that waits for a person. */
export class PausableClock {
  readonly #pending = new Set<Pending>();
  #pausedSinceMs: number | undefined;
  #pausedMs = 0;

  /** Milliseconds, from anywhere. */
  now(): number {
    return (this.#pausedSinceMs ?? performance.now()) - this.#pausedMs;
  }

  /** `unref`: it keeps no process from ending. */
  timer(milliseconds: number, fire: () => void, { unref = false }: { unref?: boolean } = {}): Timer {
    const pending: Pending = { leftMs: milliseconds, fire, unref, handle: undefined, sinceMs: 0 };
    this.#pending.add(pending);
    if (this.#pausedSinceMs === undefined) this.#run(pending);
    return {
      stop: () => {
        clearTimeout(pending.handle);
        this.#pending.delete(pending);
      },
    };
  }

  /** Idempotent. */
  pause(): void {
    if (this.#pausedSinceMs !== undefined) return;
    for (const pending of this.#pending) {
      clearTimeout(pending.handle);
      pending.leftMs -= this.now() - pending.sinceMs;
    }
    this.#pausedSinceMs = performance.now();
  }

  /** Idempotent. */
  resume(): void {
    if (this.#pausedSinceMs === undefined) return;
    this.#pausedMs += performance.now() - this.#pausedSinceMs;
    this.#pausedSinceMs = undefined;
    for (const pending of this.#pending) this.#run(pending);
  }

  #run(pending: Pending): void {
    pending.sinceMs = this.now();
    pending.handle = setTimeout(() => {
      this.#pending.delete(pending);
      pending.fire();
    }, Math.min(MAX_TIMEOUT_MS, Math.max(0, pending.leftMs)));
    if (pending.unref) pending.handle.unref();
  }
}
