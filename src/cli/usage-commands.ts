import type { Command } from 'commander';
import { MICRO_USD } from '../contracts/index.ts';
import type { Usage } from '../runs/index.ts';
import { monthOption } from './options.ts';
import type { Place } from './place.ts';
import type { Run } from './run-action.ts';
import type { Terminal } from './terminal.ts';

interface UsageOptions {
  readonly month?: string;
  readonly tenant?: string;
  readonly json?: boolean;
}

/** `glovebox usage`. */
export function addUsage(root: Command, run: Run, terminal: Terminal): void {
  root
    .command('usage')
    .description('what a tenant and its users have used in a month: models, commands, sandboxes')
    .option('--month <yyyy-mm>', 'another than this one', monthOption)
    .option('--tenant <name>', 'of another tenant')
    .option('--json', 'as JSON; money in millionths of a US dollar')
    .action((options: UsageOptions) => run.anywhere((place) => showUsage(place, terminal, options)));
}

async function showUsage(place: Place, terminal: Terminal, { json, ...asked }: UsageOptions): Promise<number> {
  const report = await place.accounts.usage(asked);
  if (json === true) await terminal.json(report);
  else {
    const rows = report.users.map(({ user, ...each }) => line(user, each));
    await terminal.data(`${columns('user', ['usd', 'tokens', 'commands', 'programs', 'sandboxes', 'sandbox time'])}${rows.join('')}${line(`${report.tenant}, ${report.month}`, report.total)}`);
  }
  return 0;
}

function line(name: string, { microUsd, tokens, commands, programs, sandboxes, sandboxSeconds }: Usage): string {
  return columns(name, [`$${(microUsd / MICRO_USD).toFixed(4)}`, ...[tokens, commands, programs, sandboxes].map(String), clock(sandboxSeconds)]);
}

function columns(name: string, values: readonly string[]): string {
  return `${name.padEnd(24)}${values.map((value) => value.padStart(13)).join('')}\n`;
}

/** `1:02:03`: hours, minutes, seconds. */
function clock(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
