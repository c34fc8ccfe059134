import type { PlacedKey } from '../contracts/index.ts';
import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';

/** `glovebox secrets rekey`. Cut off anywhere, it goes on when it is asked for again. */
export async function rekey(services: Services, terminal: Terminal, { json }: { json?: boolean }, signal: AbortSignal): Promise<number> {
  services.require('administer');
  const { to, from, rewrapped } = await services.masterKey.change(services.principal, signal);
  if (json === true) {
    await terminal.json({ to, from, rewrapped });
    return 0;
  }
  const counts = Object.entries(rewrapped).map(([what, count]) => `${what} ${count}`);
  await terminal.data(`put under the master key ${named(to)}: ${counts.join(', ')}\n${from.map((key) => `nothing is left under ${named(key)}\n`).join('')}`);
  terminal.note('what is left of it can be destroyed, unless copies of keys, leases or secrets are to be put back that were made before');
  return 0;
}

function named({ id, where }: PlacedKey): string {
  return `${id} (${where})`;
}
