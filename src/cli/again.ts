import { setTimeout as pause } from 'node:timers/promises';

/** Does it at once, and each time so long after it was done, until the signal fires. It keeps no process alive. Errors: those of `work`, which end it. */
export async function again(everyMs: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await work();
    await pause(everyMs, undefined, { signal, ref: false }).catch(() => {});
  }
}
