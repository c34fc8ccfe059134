import type { Command } from 'commander';
import { rekey } from './rekey.ts';
import type { Run } from './run-action.ts';
import { listSecrets, removeSecret, setSecret } from './secrets.ts';
import type { Terminal } from './terminal.ts';

/** `glovebox secrets`. */
export function addSecrets(root: Command, run: Run, terminal: Terminal): void {
  const secrets = root.command('secrets').description('what sessions may be lent and never see');
  secrets
    .command('set <name>')
    .description('keep a secret, or a new value of one: typed unseen, or from stdin')
    .option('--json', 'as JSON')
    .action((name: string, options: { json?: boolean }) => run.anywhere((place) => setSecret(place, terminal, name, options)));
  secrets
    .command('list')
    .description('their names, and when they were set; a value is never shown')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => run.anywhere((place) => listSecrets(place, terminal, options)));
  secrets
    .command('remove <name>')
    .description('forget a secret')
    .option('--json', 'as JSON')
    .action((name: string, options: { json?: boolean }) => run.anywhere((place) => removeSecret(place, terminal, name, options)));
  secrets
    .command('rekey')
    .description('change the master key: put secrets, leases and payload keys under the new one')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => run((services, signal) => rekey(services, terminal, options, signal)));
}
