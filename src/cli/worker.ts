import { hostname } from 'node:os';
import { keepHouse } from './retention.ts';
import type { Services } from './services.ts';
import { telemetryAt, type WatchOptions } from './telemetry-options.ts';
import type { Terminal } from './terminal.ts';

export interface WorkerCommandOptions extends WatchOptions {
  readonly concurrency: number;
  readonly name?: string;
  readonly parkAfter: number;
  readonly grace: number;
  readonly drain?: boolean;
  readonly memory?: number;
}

/** How long a run may hold its sandbox while it waits for a person, and how long steps may take at the end, where nothing is said. */
export const PARK_AFTER_MS = 60_000;
export const GRACE_MS = 30_000;

/** `glovebox worker`: takes runs from the queue until it is told to stop; with `drain`, until there is nothing to begin. */
export async function work(services: Services, terminal: Terminal, options: WorkerCommandOptions, signal: AbortSignal): Promise<number> {
  services.require('start');
  const name = options.name ?? `${hostname()}:${process.pid}`;
  await using telemetry = await services.telemetry(telemetryAt(terminal, options));
  const log = telemetry.log.with({ worker: name });
  await using _notifier = await services.notifier();
  const worker = services.worker({
    ...(options.memory === undefined ? {} : { stock: { memoryBytes: options.memory } }),
    name,
    concurrency: options.concurrency,
    parkAfterMs: options.parkAfter,
    graceMs: options.grace,
    untilEmpty: options.drain === true,
    onNote: (text) => log.write('info', text),
  });
  log.write('info', `${name} takes up to ${options.concurrency} at a time`);
  const over = new AbortController();
  const housekeeping = keepHouse(services, log, AbortSignal.any([signal, over.signal]));
  try {
    await worker.run(signal);
  } finally {
    over.abort();
    await housekeeping;
  }
  log.write('info', `${name} is done`);
  return 0;
}
