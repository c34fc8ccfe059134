/** After so long half of a peak is forgotten. */
const HALF_LIFE_MS = 120_000;
/** A spec that nobody asked for in so long is a new one. */
const MEMORY_MS = 300_000;

/**
 * How deep the stock would have had to be of late: with each acquisition, that one and all before it whose replacements stood not ready yet. The
 * peak decays, so that a burst is remembered for minutes and not for ever. The first acquisition does not count: what was asked for once may
 * never be again.
 */
export class Demand {
  #sightings = 0;
  #peak = 0;
  #peakMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** When somebody last asked. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** `missing`: how many fewer stand ready than there were to be. */
  taken(nowMs: number, missing: number): void {
    if (this.isForgotten(nowMs)) this.#sightings = 0;
    this.#lastMs = nowMs;
    this.#sightings += 1;
    if (this.#sightings === 1) return;
    this.#peak = Math.max(missing + 1, this.#decayed(nowMs));
    this.#peakMs = nowMs;
  }

  target(nowMs: number): number {
    return Math.round(this.#decayed(nowMs));
  }

  isForgotten(nowMs: number): boolean {
    return nowMs - this.#lastMs > MEMORY_MS;
  }

  #decayed(nowMs: number): number {
    return this.#peak * 0.5 ** ((nowMs - this.#peakMs) / HALF_LIFE_MS);
  }
}
