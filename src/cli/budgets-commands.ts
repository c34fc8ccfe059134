import type { Command } from 'commander';
import { BUDGET_SCOPES, type BudgetLimit, type BudgetScope, GloveboxError, MICRO_USD } from '../contracts/index.ts';
import type { AccountBook, Balance } from '../runs/index.ts';
import { monthOption } from './options.ts';
import type { Run } from './run-action.ts';
import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';

interface BudgetsOptions {
  readonly month?: string;
  readonly tenant?: string;
  readonly json?: boolean;
}

interface Row extends Balance {
  readonly scope: BudgetScope;
  readonly name: string;
  readonly limit: BudgetLimit['limit'];
}

/** `glovebox budgets`. */
export function addBudgets(root: Command, run: Run, terminal: Terminal): void {
  root
    .command('budgets')
    .description('what a tenant and its users have spent on models, what is put aside, and what is left')
    .option('--month <yyyy-mm>', 'of another month', monthOption)
    .option('--tenant <name>', 'of another tenant')
    .option('--json', 'as JSON; money in millionths of a US dollar')
    .action((options: BudgetsOptions) => run((services) => showBudgets(services, terminal, options)));
}

async function showBudgets(services: Services, terminal: Terminal, options: BudgetsOptions): Promise<number> {
  const { tenant: own } = services.principal;
  const { tenant = own } = options;
  if (!services.authority.may(services.principal, 'read', tenant)) throw new GloveboxError('denied', `no role of ${services.principal.name} lets him read the budgets of ${tenant}`);
  const today = new Date().toISOString().slice(0, 10);
  const month = options.month ?? today.slice(0, 7);
  const book = await services.budgets.statement(tenant, month);
  const rows = rowsOf(services, book, tenant, today.startsWith(month) ? today : undefined);
  const { unknown, open } = book;
  if (options.json === true) await terminal.json({ tenant, month, accounts: rows, open: open.length, unknown });
  else {
    await terminal.data(`${line('account', ['used', 'put aside', 'limit', 'left'])}${rows.map(describe).join('')}`);
    if (unknown > 0) terminal.note(`${unknown} ${unknown === 1 ? 'call is' : 'calls are'} counted at the worst case, because nobody can tell what became of ${unknown === 1 ? 'it' : 'them'}`, 'yellow');
  }
  return 0;
}

/** Days only of the month that is now. */
function rowsOf({ budgets: { limits } }: Services, book: AccountBook, tenant: string, today: string | undefined): readonly Row[] {
  const scopes = BUDGET_SCOPES.filter((scope) => today !== undefined || scope.endsWith('.month'));
  const row = (scope: BudgetScope, name: string, user: string): Row => {
    const limit = limits.of({ tenant, name: user }).find((each) => each.scope === scope && each.name === name)?.limit ?? {};
    return { scope, name, limit, ...book.balance(scope, user, today ?? '') };
  };
  return scopes.flatMap((scope) => (scope.startsWith('tenant.') ? [row(scope, tenant, '')] : book.users.map((user) => row(scope, user, user))));
}

function describe({ scope, name, used, reserved, limit }: Row): string {
  const account = `${name}, ${scope.endsWith('.day') ? 'day' : 'month'}`;
  const left = (most: number | undefined, held: number): number | undefined => (most === undefined ? undefined : Math.max(0, most - held));
  const dollars = [used.microUsd, reserved.microUsd, limit.microUsd, left(limit.microUsd, used.microUsd + reserved.microUsd)];
  const tokens = [used.tokens, reserved.tokens, limit.tokens, left(limit.tokens, used.tokens + reserved.tokens)];
  return line(account, dollars.map((amount) => (amount === undefined ? '-' : `$${(amount / MICRO_USD).toFixed(4)}`))) + line('  tokens', tokens.map((amount) => (amount === undefined ? '-' : String(amount))));
}

function line(account: string, columns: readonly string[]): string {
  return `${account.padEnd(28)}${columns.map((column) => column.padStart(14)).join('')}\n`;
}
