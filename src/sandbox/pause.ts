import { setTimeout as sleep } from 'node:timers/promises';
import { GloveboxError } from '../contracts/index.ts';
import type { SandboxId } from '../contracts/index.ts';
import type { Link } from './link.ts';

/** Our word passes through an engine or a keeper before it lies where init finds it; a command that ends just after the waking should not have slept. */
const WORD_MS = 50;
/** How long freezing may take: every task must have run once more, and what has little of a CPU, or is busy in the kernel, comes to it late. */
export const FREEZE_DEADLINE_MS = 10_000;

/**
 * What stops everything in a sandbox from running, and lets it go on. Both are idempotent. Errors: `sandbox_lost` when it is gone, `engine_failed`
 * when it could not be frozen in `FREEZE_DEADLINE_MS`, and the engine's own.
 */
export interface Freezer {
  freeze(signal?: AbortSignal): Promise<void>;
  thaw(signal?: AbortSignal): Promise<void>;
}

/**
 * Freezes a sandbox and wakes it without either end taking the silence for death: we wait for no sign of life from before it is frozen, and init, which
 * notices that it did not run, waits for our word of how long it slept before it holds its commands to its clock.
 */
export class Pause {
  readonly #id: SandboxId;
  readonly #link: Pick<Link, 'rest' | 'fallSilent' | 'tellSlept' | 'wake'>;
  readonly #freezer: Freezer | undefined;
  /** When it was frozen, by a clock that no one sets. */
  #sinceMs: number | undefined;
  /** One after the other, in the order in which they were asked for. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: { readonly id: SandboxId; readonly link: Pick<Link, 'rest' | 'fallSilent' | 'tellSlept' | 'wake'>; readonly freezer: Freezer | undefined }) {
    this.#id = options.id;
    this.#link = options.link;
    this.#freezer = options.freezer;
  }

  get paused(): boolean {
    return this.#sinceMs !== undefined;
  }

  pause(signal?: AbortSignal): Promise<void> {
    return this.#next(async () => {
      if (this.#freezer === undefined) throw new GloveboxError('kind_unavailable', `sandbox ${this.#id} cannot be paused: there is no control group here that freezes it`);
      if (this.#sinceMs !== undefined) return;
      this.#link.rest();
      try {
        await this.#freezer.freeze(signal);
        this.#sinceMs = performance.now();
        this.#link.fallSilent();
      } catch (error) {
        // Whether or not the engine did it after all: what is not frozen must run, and be listened to.
        await this.#freezer.thaw().catch(() => undefined);
        this.#link.wake();
        throw error;
      }
    });
  }

  resume(signal?: AbortSignal): Promise<void> {
    return this.#next(async () => {
      if (this.#sinceMs === undefined) return;
      const nowMs = performance.now() + WORD_MS;
      this.#link.tellSlept(nowMs - this.#sinceMs);
      // Told: if it cannot be woken now, only what follows is told the next time.
      this.#sinceMs = nowMs;
      await sleep(WORD_MS);
      await this.#freezer?.thaw(signal);
      this.#sinceMs = undefined;
      this.#link.wake();
    });
  }

  #next(act: () => Promise<void>): Promise<void> {
    const acting = this.#last.then(act);
    this.#last = acting.catch(() => undefined);
    return acting;
  }
}
