import { GloveboxError } from '../../contracts/index.ts';

/** More than this wait for nothing good. */
const MAX_WAITING = 256;

interface Waiter {
  readonly begin: () => void;
  readonly refuse: (error: unknown) => void;
}

/** Lets one go on at a time, in the order of asking. */
export class Turns {
  #isTaken = false;
  #waiting: Waiter[] = [];
  #over: GloveboxError | undefined;

  /** Resolves when it is our turn, with what ends it. Errors: `admission_full`, the signal's reason, and why there will be none. */
  take(signal?: AbortSignal): Promise<() => void> {
    return this.#take(signal, (waiter) => this.#waiting.push(waiter));
  }

  /** Before all who wait. */
  takeFirst(): Promise<() => void> {
    return this.#take(undefined, (waiter) => this.#waiting.unshift(waiter));
  }

  /** Whoever waits is refused, and whoever comes. */
  close(error: GloveboxError): void {
    this.#over ??= error;
    for (const { refuse } of this.#waiting.splice(0)) refuse(error);
  }

  async #take(signal: AbortSignal | undefined, enqueue: (waiter: Waiter) => void): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#over !== undefined) throw this.#over;
    if (this.#isTaken) {
      if (this.#waiting.length >= MAX_WAITING) throw new GloveboxError('admission_full', `${MAX_WAITING} calls wait for this context already`);
      const turn = Promise.withResolvers<void>();
      const waiter = { begin: turn.resolve, refuse: turn.reject };
      const leave = (): void => {
        this.#waiting = this.#waiting.filter((each) => each !== waiter);
        turn.reject(signal?.reason);
      };
      enqueue(waiter);
      signal?.addEventListener('abort', leave, { once: true });
      // The turn is passed on: it stays taken.
      await turn.promise.finally(() => signal?.removeEventListener('abort', leave));
    }
    this.#isTaken = true;
    return this.#once(() => this.#pass());
  }

  #once(action: () => void): () => void {
    let isDone = false;
    return () => {
      if (!isDone) action();
      isDone = true;
    };
  }

  #pass(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isTaken = false;
    else next.begin();
  }
}
