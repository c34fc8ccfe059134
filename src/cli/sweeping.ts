import { describeError, type Log } from '../contracts/index.ts';
import { again } from './again.ts';
import type { Services } from './services.ts';

/** How often somebody who runs for long looks for what dead processes left: what still ran the last time has ended by itself by then. */
const EVERY_MS = 3 * 60_000;

type Swept = Pick<Services, 'sandboxes' | 'credentials'>;

/**
 * Removes what dead processes left, at once and every few minutes until the signal fires. What still runs is spared: a run that is resumed may take it back. What goes wrong is
 * told, and tried again the next time.
 */
export async function keepSwept(services: Swept, log: Log, signal: AbortSignal, everyMs = EVERY_MS): Promise<void> {
  await again(everyMs, signal, () => sweepOnce(services, log, signal));
}

/** One failing keeps the other from nothing. */
async function sweepOnce({ sandboxes, credentials }: Swept, log: Log, signal: AbortSignal): Promise<void> {
  const [removed, leases] = await Promise.allSettled([sandboxes.sweep({ sparesLiving: true, signal }), credentials.sweep(signal)]);
  if (removed.status === 'fulfilled' && removed.value.length > 0) log.write('info', 'swept what a dead process left', { removed: removed.value.join('; ') });
  if (leases.status === 'fulfilled' && leases.value.failed.length > 0) log.write('warn', 'credentials that dead processes were lent could not be revoked', { failed: leases.value.failed.join('; ') });
  for (const done of [removed, leases]) if (done.status === 'rejected' && !signal.aborted) log.write('warn', `what dead processes left could not be swept: ${describeError(done.reason)}`);
}
