import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4_096;

/** Random bytes, asked for in portions: one call for each event would take as long as its cipher. */
export class RandomPool {
  readonly #pool = Buffer.allocUnsafe(POOL_BYTES);
  #used = POOL_BYTES;

  /** Each byte is handed out once. At most 4,096 at a time. */
  take(count: number): Buffer {
    if (this.#used + count > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const bytes = Buffer.from(this.#pool.subarray(this.#used, this.#used + count));
    this.#used += count;
    return bytes;
  }
}
