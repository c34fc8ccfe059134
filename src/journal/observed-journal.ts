import type { AppendObserver, AppendOptions, JournalEvent, NewEvent } from '../contracts/index.ts';
import { JournalLayer } from './journal-layer.ts';

/** A journal whose appends by this process are seen: whoever measures, logs or tells people takes it from there. Where nobody looks it costs nothing. */
export class ObservedJournal extends JournalLayer {
  readonly #observers = new Set<AppendObserver>();

  /** From now on, until it is disposed of. */
  observe(observer: AppendObserver): Disposable {
    this.#observers.add(observer);
    return { [Symbol.dispose]: () => void this.#observers.delete(observer) };
  }

  append(stream: string, events: readonly NewEvent[], options?: AppendOptions): Promise<readonly JournalEvent[]> {
    if (this.#observers.size === 0) return this.journal.append(stream, events, options);
    const began = performance.now();
    const appending = this.journal.append(stream, events, options);
    appending.then(
      (appended) => {
        const seconds = (performance.now() - began) / 1000;
        for (const observer of this.#observers) observer.appended(appended, seconds);
      },
      (error: unknown) => {
        for (const observer of this.#observers) observer.failed(error);
      },
    );
    return appending;
  }
}
