/**
 * Lets what has to be made ready first go on in the order of the calls, each name for itself: at once where nothing is waited for, else when it is ready and all before it have gone.
 */
export class InTurn {
  /** The last of each name that has not gone on; those that come after wait for it. */
  readonly #waiting = new Map<string, Promise<unknown>>();

  run<T, R>(name: string, making: T | Promise<T>, go: (ready: T) => Promise<R>): Promise<R> {
    const before = this.#waiting.get(name);
    if (before === undefined && !(making instanceof Promise)) return go(making);
    const { promise: turn, resolve: passed } = Promise.withResolvers<void>();
    this.#waiting.set(name, turn);
    const pass = (): void => {
      if (this.#waiting.get(name) === turn) this.#waiting.delete(name);
      passed();
    };
    // What cannot be made ready is an error of this call, and of none that waits for its turn.
    return Promise.all([making, before]).then(
      ([ready]) => {
        const gone = go(ready);
        pass();
        return gone;
      },
      (error: unknown) => {
        pass();
        throw error;
      },
    );
  }

  /** Resolves when nobody waits any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#waiting.values());
  }
}
