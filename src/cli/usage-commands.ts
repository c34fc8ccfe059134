import type { Command } from 'commander';
import { MICRO_USD } from '../contracts/index.ts';
import type { Usage, UsageReport } from '../runs/index.ts';
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
    sayWarnings(terminal, report.warnings);
  }
  return 0;
}

/** Of budgets of which most was used. */
export function sayWarnings(terminal: Terminal, warnings: UsageReport['warnings']): void {
  for (const { scope, name, period, limit, used, timeMs } of warnings) {
    const amounts = [
      ...(limit.microUsd === undefined ? [] : [`${dollars(used.microUsd)} of ${dollars(limit.microUsd)}`]),
      ...(limit.tokens === undefined ? [] : [`${used.tokens} of ${limit.tokens} tokens`]),
    ];
    terminal.note(`most of the budget ${scope} of ${name} for ${period} was used at ${new Date(timeMs).toISOString()}: ${amounts.join(', ')}`, 'yellow');
  }
}

function dollars(microUsd: number): string {
  return `$${(microUsd / MICRO_USD).toFixed(4)}`;
}

function line(name: string, { microUsd, tokens, commands, programs, sandboxes, sandboxSeconds }: Usage): string {
  return columns(name, [dollars(microUsd), ...[tokens, commands, programs, sandboxes].map(String), clock(sandboxSeconds)]);
}

function columns(name: string, values: readonly string[]): string {
  return `${name.padEnd(24)}${values.map((value) => value.padStart(13)).join('')}\n`;
}

/** `1:02:03`: hours, minutes, seconds. */
function clock(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
