import { describeError } from '../../contracts/index.ts';
import type { WarmStock } from '../../contracts/index.ts';

const FIRST_MS = 500;
const MOST_MS = 60_000;

/** When to try again what failed: later each time, until it has been seen to work. */
export class Backoff {
  #failure: WarmStock['failure'];

  /** The last failure, until something works again. */
  get failure(): WarmStock['failure'] {
    return this.#failure;
  }

  mayTry(nowMs: number): boolean {
    return this.#failure === undefined || nowMs >= this.#failure.retryAtMs;
  }

  failed(error: unknown, nowMs: number): void {
    const attempts = (this.#failure?.attempts ?? 0) + 1;
    const waitMs = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempts - 1, 16));
    this.#failure = { message: describeError(error), attempts, retryAtMs: nowMs + waitMs };
  }

  succeeded(): void {
    this.#failure = undefined;
  }
}
