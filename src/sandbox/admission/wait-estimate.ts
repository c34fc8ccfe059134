/** How much the last interval counts in the mean. */
const WEIGHT = 0.2;
/** Before anything was seen: a start under load. */
const UNKNOWN_MS = 1000;
const MOST_SECONDS = 600;

/** How long somebody who comes now would wait, by how quickly those before him had their turn. */
export class WaitEstimate {
  #meanMs = UNKNOWN_MS;
  #lastMs: number | undefined;

  /** Somebody had to wait, and nobody did before. */
  began(nowMs: number): void {
    this.#lastMs = nowMs;
  }

  /** Somebody who waited had his turn. */
  turn(nowMs: number): void {
    if (this.#lastMs !== undefined) this.#meanMs += WEIGHT * (nowMs - this.#lastMs - this.#meanMs);
    this.#lastMs = nowMs;
  }

  /** Nobody waits: what passes until the next turn says nothing about turns. */
  ended(): void {
    this.#lastMs = undefined;
  }

  /** At least 1. A queue that stands still counts for as long as it has stood. */
  seconds(ahead: number, nowMs: number): number {
    const stoodMs = this.#lastMs === undefined ? 0 : nowMs - this.#lastMs;
    return Math.min(MOST_SECONDS, Math.max(1, Math.ceil(((ahead + 1) * Math.max(this.#meanMs, stoodMs)) / 1000)));
  }
}
