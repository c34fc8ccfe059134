import type { Command } from 'commander';
import type { ApiKeys } from '../server/index.ts';
import { durationOption } from './options.ts';
import type { Run } from './run-action.ts';
import type { Services } from './services.ts';
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
    .action((name: string, options: CreateOptions) => run((services) => createKey(services, terminal, name, options)));
  keys
    .command('list')
    .description('those of your tenant')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => run((services) => listKeys(services, terminal, options)));
  keys
    .command('revoke <id>')
    .description('from now on it opens nothing')
    .option('--json', 'as JSON')
    .action((id: string, options: { json?: boolean }) => run((services) => revokeKey(services, terminal, id, options)));
}

async function createKey(services: Services, terminal: Terminal, name: string, { role, tenant = services.principal.tenant, expires, json }: CreateOptions): Promise<number> {
  const expiresMs = expires === undefined ? undefined : Date.now() + expires;
  const { key, entry } = await (await keysOf(services)).create({ name, tenant, roles: role, expiresMs }, services.principal);
  if (json === true) await terminal.json({ ...entry, key });
  else await terminal.data(`${key}\n`);
  return 0;
}

async function listKeys(services: Services, terminal: Terminal, options: { json?: boolean }): Promise<number> {
  const keys = await (await keysOf(services)).list(services.principal);
  if (options.json === true) await terminal.json({ keys });
  else await terminal.data(keys.map(({ id, name, roles, revokedMs, expiresMs }) => `${id}  ${name.padEnd(20)} ${roles.join(', ')}${stateOf(revokedMs, expiresMs)}\n`).join(''));
  return 0;
}

function stateOf(revokedMs: number | undefined, expiresMs: number | undefined): string {
  if (revokedMs !== undefined) return `, revoked ${new Date(revokedMs).toISOString()}`;
  return expiresMs === undefined ? '' : `, until ${new Date(expiresMs).toISOString()}`;
}

async function revokeKey(services: Services, terminal: Terminal, id: string, { json }: { json?: boolean }): Promise<number> {
  const { name } = await (await keysOf(services)).revoke(id, services.principal);
  if (json === true) await terminal.json({ revoked: id, name });
  else terminal.note(`${id} (${name}) is revoked`);
  return 0;
}

/** Loaded only by who asks. */
async function keysOf({ journal, authority }: Services): Promise<ApiKeys> {
  const { ApiKeys: Keys } = await import('../server/index.ts');
  return new Keys({ journal, authority, clock: { now: () => Date.now() } });
}
