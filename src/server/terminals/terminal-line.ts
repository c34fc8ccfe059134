/** So long it waits for somebody, where nothing else is said. */
export const KEEP_MS = 60_000;

/** What of a terminal is the service's: who is at it, and how much was typed. Where nobody is for as long as it is kept, it is hung up. */
export class TerminalLine implements Disposable {
  readonly #keepMs: number | undefined;
  readonly #hangUp: () => void;
  #attached = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Bytes that the program was given, from its start: what a client typed beyond that got lost with its connection. */
  typedBytes = 0;

  /** Without `keepMs` it stays, whoever is there. */
  constructor({ keepMs, hangUp }: { readonly keepMs: number | undefined; readonly hangUp: () => void }) {
    this.#keepMs = keepMs;
    this.#hangUp = hangUp;
    this.#wait();
  }

  /** Somebody is at it, until that is disposed of. */
  attach(): Disposable {
    clearTimeout(this.#timer);
    this.#attached += 1;
    return {
      [Symbol.dispose]: () => {
        this.#attached -= 1;
        if (this.#attached === 0) this.#wait();
      },
    };
  }

  /** The program has ended. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    if (this.#keepMs !== undefined) this.#timer = setTimeout(this.#hangUp, this.#keepMs).unref();
  }
}
