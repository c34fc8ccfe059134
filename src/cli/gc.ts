import type { Retained } from '../contracts/index.ts';
import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';

const NOTHING_OLD: Retained = { keys: [], blobs: 0, answers: 0, kept: [] };

/** `glovebox gc`: removes what dead processes of ours left behind, at once, and what is older than retention lets it be; with `all`, what living ones hold, too. */
export async function gc(services: Services, terminal: Terminal, options: { all?: boolean; json?: boolean }, signal: AbortSignal): Promise<number> {
  if (options.all === true) services.require('administer');
  const removed = await services.sandboxes.sweep({ all: options.all === true, signal });
  const { revoked, failed } = await services.credentials.sweep(signal);
  const isAdministrator = services.authority.may(services.principal, 'administer', services.principal.tenant);
  const retained = isAdministrator ? await services.tenants.retain(services.principal) : NOTHING_OLD;
  if (options.json === true) await terminal.json({ removed, revoked, failed, retention: retained });
  else if (removed.length + revoked.length + failed.length + retained.keys.length + retained.answers + retained.kept.length === 0) terminal.note('nothing was left behind');
  else await terminal.data([...removed.map((name) => `removed ${name}\n`), ...revoked.map((name) => `revoked ${name}\n`), ...failed.map((why) => `not revoked: ${why}\n`), ...sayRetention(retained)].join(''));
  return failed.length === 0 ? 0 : 5;
}

function sayRetention({ keys, blobs, answers, kept }: Retained): string[] {
  return [...keys.map((key) => `destroyed the key ${key}\n`), ...(blobs === 0 ? [] : [`removed ${blobs} blobs that nobody can read any more\n`]), ...(answers === 0 ? [] : [`removed ${answers} answers that nobody can ask for again\n`]), ...kept.map(({ tenant, living }) => `kept what is too old of ${tenant}: ${living.join(', ')} have not ended\n`)];
}
