import { setTimeout as sleep } from 'node:timers/promises';
import { GloveboxError } from '../../contracts/index.ts';
import { FREEZE_DEADLINE_MS } from '../pause.ts';
import type { Freezer } from '../pause.ts';
import type { Engine } from './engine.ts';

/** runc looks a thousand times in about 0.3 s whether all tasks have stopped, thaws them, and gives up: tasks that wait for their share of a CPU are often later. */
const GAVE_UP = /unable to freeze/;
const ASK_AGAIN_MS = 50;

/** Lets the engine freeze a container and thaw it. The engine refuses what is so already, so it is asked first. */
export class ContainerFreezer implements Freezer {
  readonly #engine: Engine;
  readonly #name: string;

  constructor(engine: Engine, name: string) {
    this.#engine = engine;
    this.#name = name;
  }

  async freeze(signal?: AbortSignal): Promise<void> {
    const deadline = performance.now() + FREEZE_DEADLINE_MS;
    while (!(await this.#isPaused(signal))) {
      try {
        await this.#engine.pause(this.#name);
        return;
      } catch (error) {
        if (!(error instanceof GloveboxError && GAVE_UP.test(error.message)) || performance.now() > deadline) throw error;
      }
      await sleep(ASK_AGAIN_MS, undefined, { signal });
    }
  }

  async thaw(signal?: AbortSignal): Promise<void> {
    if (await this.#isPaused(signal)) await this.#engine.unpause(this.#name);
  }

  async #isPaused(signal?: AbortSignal): Promise<boolean> {
    const container = await this.#engine.container(this.#name, signal);
    if (container?.State.Running !== true) throw new GloveboxError('sandbox_lost', `the container ${this.#name} does not run any more`);
    return container.State.Paused;
  }
}
