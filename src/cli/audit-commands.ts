import { type Command, Option } from 'commander';
import type { AuditExportCommand, AuditVerifyCommand } from './audit.ts';
import { momentOption } from './options.ts';
import type { Run } from './run-action.ts';
import type { Terminal } from './terminal.ts';

const audits = () => import('./audit.ts');

/** `glovebox audit …`. */
export function addAudit(root: Command, run: Run, terminal: Terminal): void {
  const audit = root.command('audit').description('whether the journal is what was written');
  audit
    .command('verify')
    .description('reads all of the journal, and says what was altered, removed or put back; 1 where anything was')
    .option('--journal <file>', 'another journal, or a copy; it is only read')
    .addOption(new Option('--export <file>', 'a file that `audit export` wrote; nothing else is needed').conflicts('journal'))
    .option('--key <key...>', 'whose signatures count, as `audit key` prints them (default: ours)')
    .option('--checkpoint <file...>', 'checkpoints that were kept elsewhere: what they say must still be so')
    .option('--json', 'as JSON')
    .action((options: AuditVerifyCommand) => run.anywhere(async (place) => (await audits()).verifyAudit(place, terminal, options)));
  audit
    .command('checkpoint')
    .description('sign what the journal holds now; prints the signed note, to be kept elsewhere')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => run.anywhere(async (place) => (await audits()).signCheckpoint(place, terminal, options)));
  audit
    .command('key')
    .description('what verifies our checkpoints')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => run.anywhere(async (place) => (await audits()).showKey(place, terminal, options)));
  audit
    .command('export')
    .description('events, with what proves that they are what was written')
    .option('--run <ids...>', 'only these runs or sessions')
    .option('--since <time>', 'only where something happened so long ago or later (12h, 7d), or since a date', momentOption)
    .option('--checkpoint <file...>', 'show that these checkpoints, which were kept elsewhere, still hold')
    .addOption(new Option('--format <format>', 'jsonl proves itself, ocsf is for a SIEM').choices(['jsonl', 'ocsf']).default('jsonl'))
    .option('-o, --output <file>', 'a new file instead of stdout')
    .action((options: AuditExportCommand) => run.anywhere(async (place) => (await audits()).exportAudit(place, terminal, options)));
}
