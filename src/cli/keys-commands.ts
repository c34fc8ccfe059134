import type { Command } from 'commander';
import { durationOption } from './options.ts';
import type { Place } from './place.ts';
import type { Run } from './run-action.ts';
import type { Terminal } from './terminal.ts';

interface CreateOptions {
  readonly role: readonly string[];
  readonly tenant?: string;
  readonly expires?: number;
  readonly json?: boolean;
}

/** `glovebox keys`. */
export function addKeys(root: Command, run: Run, terminal: Terminal): void {
  const keys = root.command('keys').description('what clients of `glovebox serve` come with; a key itself is shown once, when it is made');
  keys
    .command('create <name>')
    .description('make one, and print it')
    .option('--role <roles...>', 'what its holder may do', ['operator'])
    .option('--tenant <name>', 'whose it is (default: yours)')
    .option('--expires <duration>', 'open nothing after so long: 12h, 30d', durationOption)
    .option('--json', 'as JSON')
    .action((name: string, options: CreateOptions) => run.anywhere((place) => createKey(place, terminal, name, options)));
  keys
    .command('list')
    .description('those of your tenant')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => run.anywhere((place) => listKeys(place, terminal, options)));
  keys
    .command('revoke <id>')
    .description('from now on it opens nothing')
    .option('--json', 'as JSON')
    .action((id: string, options: { json?: boolean }) => run.anywhere((place) => revokeKey(place, terminal, id, options)));
}

async function createKey({ keys }: Place, terminal: Terminal, name: string, { role, tenant, expires, json }: CreateOptions): Promise<number> {
  const { key, ...entry } = await keys.create({ name, tenant, roles: role, expiresInMs: expires });
  if (json === true) await terminal.json({ ...entry, key });
  else await terminal.data(`${key}\n`);
  return 0;
}

async function listKeys(place: Place, terminal: Terminal, options: { json?: boolean }): Promise<number> {
  const keys = await place.keys.list();
  if (options.json === true) await terminal.json({ keys });
  else await terminal.data(keys.map(({ id, name, roles, revokedMs, expiresMs }) => `${id}  ${name.padEnd(20)} ${roles.join(', ')}${stateOf(revokedMs, expiresMs)}\n`).join(''));
  return 0;
}

function stateOf(revokedMs: number | undefined, expiresMs: number | undefined): string {
  if (revokedMs !== undefined) return `, revoked ${new Date(revokedMs).toISOString()}`;
  return expiresMs === undefined ? '' : `, until ${new Date(expiresMs).toISOString()}`;
}

async function revokeKey({ keys }: Place, terminal: Terminal, id: string, { json }: { json?: boolean }): Promise<number> {
  const { name } = await keys.revoke(id);
  if (json === true) await terminal.json({ revoked: id, name });
  else terminal.note(`${id} (${name}) is revoked`);
  return 0;
}
