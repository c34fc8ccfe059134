import { describeError, type Log } from '../contracts/index.ts';
import { again } from './again.ts';
import type { Services } from './services.ts';
import { keepSwept } from './sweeping.ts';

/** How often somebody who runs for long looks for what is too old. */
const EVERY_MS = 3600_000;
const AGAIN_MS = 60_000;

/** What whoever runs for long sees to until the signal fires: that nothing is left of dead processes, retention, and that erased tenants are forgotten here. */
export async function keepHouse(services: Services, log: Log, signal: AbortSignal): Promise<void> {
  await Promise.all([keepSwept(services, log, signal), keepRetention(services, log, signal), forgetErased(services, log, signal)]);
}

/** What goes wrong is told, and tried again a minute later. */
async function forgetErased({ tenants }: Services, log: Log, signal: AbortSignal): Promise<void> {
  await again(AGAIN_MS, signal, async () => {
    try {
      await tenants.forgetErased(signal);
    } catch (error) {
      if (!signal.aborted) log.write('warn', describeError(error));
    }
  });
}

/** Holds to the operator's retention until the signal fires, where who runs this may. What goes wrong is told, and tried again an hour later. */
async function keepRetention({ tenants, principal, authority }: Services, log: Log, signal: AbortSignal): Promise<void> {
  if (!authority.may(principal, 'administer', principal.tenant)) return;
  await again(EVERY_MS, signal, async () => {
    try {
      const { keys, blobs, answers } = await tenants.retain(principal);
      if (keys.length + answers > 0) log.write('info', 'retention was applied', { keys: keys.length, blobs, answers });
    } catch (error) {
      log.write('warn', `retention could not be applied: ${describeError(error)}`);
    }
  });
}
