import type { ContextId, ContextSpec } from '../../contracts/index.ts';
import { PausableClock } from '../pausable-clock.ts';
import { Context, type ContextPorts } from './context.ts';
import { kernelOf } from './kernels.ts';

/** The contexts of one sandbox. They go with it, and with us: nobody else can take one over. */
export class Contexts {
  readonly #ports: ContextPorts;
  readonly #open = new Map<ContextId, Context>();

  constructor(ports: Omit<ContextPorts, 'clock'>) {
    this.#ports = { ...ports, clock: new PausableClock() };
  }

  /** A fresh interpreter. Errors: `denied`, `context_failed`, `journal_failed`. */
  async open(spec: ContextSpec): Promise<Context> {
    const kernel = await kernelOf(spec.language);
    const context: Context = await Context.open(this.#ports, spec, kernel, () => this.#open.delete(context.id));
    this.#open.set(context.id, context);
    return context;
  }

  /** One that is open. */
  get(id: ContextId): Context | undefined {
    return this.#open.get(id);
  }

  /** Whether a call is under way. An interpreter that waits for one is not busy, whatever it started. */
  get isBusy(): boolean {
    return [...this.#open.values()].some((context) => context.isBusy);
  }

  /** The sandbox was paused: no call's time goes on. */
  pause(): void {
    this.#ports.clock.pause();
  }

  resume(): void {
    this.#ports.clock.resume();
  }

  /** The sandbox is going away, and the interpreters with it: calls that run are lost, and those that wait never run. */
  abandon(): void {
    for (const context of this.#open.values()) context.abandon();
  }
}
