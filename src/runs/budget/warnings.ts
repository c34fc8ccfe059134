import type { Amounts, BudgetLimit, BudgetWarning } from '../../contracts/index.ts';
import type { AccountBook } from './account-book.ts';

/** Of a limit: who has used so much is told, while there is still something left. */
const WARN_AT = 0.8;

/** Whose use of which day is looked at. */
interface Use {
  readonly user: string;
  readonly month: string;
  /** Today, where it is in that month. */
  readonly day?: string;
}

/** The budgets of which most is used and of which nobody was told yet. What is only put aside does not count. */
export function dueWarnings(book: AccountBook, limits: readonly BudgetLimit[], { user, month, day = '' }: Use): readonly BudgetWarning[] {
  return limits.flatMap((limit) => {
    const period = limit.scope.endsWith('.day') ? day : month;
    const { used } = book.balance(limit.scope, user, day);
    return period !== '' && isMost(used, limit.limit) && !book.isWarned(limit, period) ? [{ ...limit, period, used }] : [];
  });
}

/** Of either; nothing is most of nothing. */
function isMost(used: Amounts, { microUsd = Infinity, tokens = Infinity }: Partial<Amounts>): boolean {
  return (used.microUsd > 0 && used.microUsd >= WARN_AT * microUsd) || (used.tokens > 0 && used.tokens >= WARN_AT * tokens);
}
