import type { Command } from 'commander';
import type { Run } from './run-action.ts';
import type { TenantEraseCommand, TenantExportCommand } from './tenants.ts';
import type { Terminal } from './terminal.ts';

const tenants = () => import('./tenants.ts');

/** `glovebox tenants …`. */
export function addTenants(root: Command, run: Run, terminal: Terminal): void {
  const group = root.command('tenants').description("all of a tenant's data: given out, or erased for good");
  group
    .command('export <tenant>')
    .description('everything that can be read of a tenant, in a new folder: events by stream, blobs, what was done with it')
    .requiredOption('-o, --output <folder>', 'a folder that is not there yet')
    .option('--json', 'as JSON')
    .action((tenant: string, options: TenantExportCommand) => run(async (services) => (await tenants()).exportTenant(services, terminal, tenant, options)));
  group
    .command('erase <tenant>')
    .description('destroy the keys of all that a tenant has in the journal and in blobs: nobody can read it any more, in any copy; the audit still verifies')
    .option('--cancel', 'end what of it still runs, first')
    .option('--why <text>', 'for the journal')
    .option('--yes', 'do not ask')
    .option('--json', 'as JSON')
    .action((tenant: string, options: TenantEraseCommand) => run(async (services, signal) => (await tenants()).eraseTenant(services, terminal, tenant, options, signal)));
}
