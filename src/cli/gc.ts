import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';

/** `glovebox gc`: removes what dead processes of ours left behind, at once; with `all`, what living ones hold, too. */
export async function gc(services: Services, terminal: Terminal, options: { all?: boolean; json?: boolean }, signal: AbortSignal): Promise<number> {
  if (options.all === true) services.require('administer');
  const removed = await services.sandboxes.sweep({ all: options.all === true, signal });
  const { revoked, failed } = await services.credentials.sweep(signal);
  if (options.json === true) await terminal.json({ removed, revoked, failed });
  else if (removed.length + revoked.length + failed.length === 0) terminal.note('nothing was left behind');
  else await terminal.data([...removed.map((name) => `removed ${name}\n`), ...revoked.map((name) => `revoked ${name}\n`), ...failed.map((why) => `not revoked: ${why}\n`)].join(''));
  return failed.length === 0 ? 0 : 5;
}
