import { AsyncLocalStorage } from 'node:async_hooks';
import type { LogFields } from '../../contracts/index.ts';

/** What goes on now: ids that stand in each line that is written meanwhile, however deep. */
export class Correlation {
  readonly #storage = new AsyncLocalStorage<LogFields>();

  get now(): LogFields {
    return this.#storage.getStore() ?? NOTHING;
  }

  /** Whatever `work` does, at once or later, is known by these. */
  within(fields: LogFields, work: () => void): void {
    this.#storage.run({ ...this.now, ...fields }, work);
  }
}

const NOTHING: LogFields = {};
