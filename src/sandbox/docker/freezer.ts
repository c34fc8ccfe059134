import { GloveboxError } from '../../contracts/index.ts';
import type { Freezer } from '../pause.ts';
import type { Engine } from './engine.ts';

/** Lets the engine freeze a container and thaw it. The engine refuses what is so already, so it is asked first. */
export class ContainerFreezer implements Freezer {
  readonly #engine: Engine;
  readonly #name: string;

  constructor(engine: Engine, name: string) {
    this.#engine = engine;
    this.#name = name;
  }

  async freeze(signal?: AbortSignal): Promise<void> {
    if (!(await this.#isPaused(signal))) await this.#engine.pause(this.#name);
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
