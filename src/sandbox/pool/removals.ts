import { describeError, GloveboxError } from '../../contracts/index.ts';
import type { Sandbox } from '../../contracts/index.ts';

/** Attempts for one sandbox. After them it is left to the sweeper, which finds it by its state once we are gone. */
const ATTEMPTS = 10;

/** Sandboxes that are on their way out, and those that would not go at the first attempt. */
export class Removals {
  readonly #done: () => void;
  readonly #underWay = new Set<Promise<void>>();
  readonly #failed = new Map<Sandbox, { readonly attempts: number; readonly error: unknown }>();

  /** `done` is called after each, whether it went or not. */
  constructor(done: () => void) {
    this.#done = done;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  remove(sandbox: Sandbox, attempt = 1): void {
    const removing = sandbox.destroy().then(
      () => void this.#failed.delete(sandbox),
      (error: unknown) => void this.#failed.set(sandbox, { attempts: attempt, error }),
    );
    this.#underWay.add(removing);
    void removing.then(() => {
      this.#underWay.delete(removing);
      this.#done();
    });
  }

  /** Once more for each that failed. */
  tryAgain(): void {
    if (this.#underWay.size > 0) return;
    for (const [sandbox, { attempts }] of this.#failed) if (attempts < ATTEMPTS) this.remove(sandbox, attempts + 1);
  }

  /** Waits for all, and tries once more what failed. Errors: `engine_failed` with what is left. */
  async finish(): Promise<void> {
    await Promise.all(this.#underWay);
    this.tryAgain();
    await Promise.all(this.#underWay);
    if (this.#failed.size === 0) return;
    const left = [...this.#failed].map(([{ id }, { error }]) => `${id}: ${describeError(error)}`);
    throw new GloveboxError('engine_failed', `sandboxes that stood ready could not be removed (the next start sweeps them): ${left.join('; ')}`);
  }
}
