import type { Command } from 'commander';
import { type BudgetAccount, MICRO_USD } from '../contracts/index.ts';
import { monthOption } from './options.ts';
import type { Place } from './place.ts';
import type { Run } from './run-action.ts';
import type { Terminal } from './terminal.ts';
import { sayWarnings } from './usage-commands.ts';

interface BudgetsOptions {
  readonly month?: string;
  readonly tenant?: string;
  readonly json?: boolean;
}

/** `glovebox budgets`. */
export function addBudgets(root: Command, run: Run, terminal: Terminal): void {
  root
    .command('budgets')
    .description('what a tenant and its users have spent on models, what is put aside, and what is left')
    .option('--month <yyyy-mm>', 'of another month', monthOption)
    .option('--tenant <name>', 'of another tenant')
    .option('--json', 'as JSON; money in millionths of a US dollar')
    .action((options: BudgetsOptions) => run.anywhere((place) => showBudgets(place, terminal, options)));
}

async function showBudgets(place: Place, terminal: Terminal, { json, ...asked }: BudgetsOptions): Promise<number> {
  const { warnings, ...statement } = await place.accounts.budgets(asked);
  if (json === true) await terminal.json({ ...statement, warnings });
  else {
    const { accounts, unknown } = statement;
    await terminal.data(`${line('account', ['used', 'put aside', 'limit', 'left'])}${accounts.map(describe).join('')}`);
    sayWarnings(terminal, warnings);
    if (unknown > 0) terminal.note(`${unknown} ${unknown === 1 ? 'call is' : 'calls are'} counted at the worst case, because nobody can tell what became of ${unknown === 1 ? 'it' : 'them'}`, 'yellow');
  }
  return 0;
}

function describe({ scope, name, used, reserved, limit }: BudgetAccount): string {
  const account = `${name}, ${scope.endsWith('.day') ? 'day' : 'month'}`;
  const left = (most: number | undefined, held: number): number | undefined => (most === undefined ? undefined : Math.max(0, most - held));
  const dollars = [used.microUsd, reserved.microUsd, limit.microUsd, left(limit.microUsd, used.microUsd + reserved.microUsd)];
  const tokens = [used.tokens, reserved.tokens, limit.tokens, left(limit.tokens, used.tokens + reserved.tokens)];
  return line(account, dollars.map((amount) => (amount === undefined ? '-' : `$${(amount / MICRO_USD).toFixed(4)}`))) + line('  tokens', tokens.map((amount) => (amount === undefined ? '-' : String(amount))));
}

function line(account: string, columns: readonly string[]): string {
  return `${account.padEnd(28)}${columns.map((column) => column.padStart(14)).join('')}\n`;
}
