import type { ModelReply } from './model.ts';
import type { Principal } from './principal.ts';

/** Money in millionths of a US dollar, so that sums are exact, and tokens of every class. Whole numbers. */
export interface Amounts {
  readonly microUsd: number;
  readonly tokens: number;
}

export const MICRO_USD = 1e6;

/** What an answer cost: tokens of every class, but reasoning, which is a part of output. */
export function costOf({ usage, usd = 0 }: Pick<ModelReply, 'usage' | 'usd'>): Amounts {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = usage;
  // Rounded up, with room for what a sum of prices is off by.
  return { microUsd: Math.max(0, Math.ceil(usd * MICRO_USD - 0.01)), tokens: inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens };
}

/** Whose and for how long: days and months are those of UTC. */
export const BUDGET_SCOPES = ['tenant.month', 'tenant.day', 'user.month', 'user.day'] as const;
export type BudgetScope = (typeof BUDGET_SCOPES)[number];

/** What an operator lets somebody use. A run's own budget is its policy's. */
export interface BudgetLimit {
  readonly scope: BudgetScope;
  /** The tenant's name, or the user's. */
  readonly name: string;
  /** Without a bound on what is not in it. */
  readonly limit: Partial<Amounts>;
}

/** That so much of a budget is used that somebody should know: of money, of tokens, or of both. */
export interface BudgetWarning extends BudgetLimit {
  /** The month or the day, of UTC: 2026-11, 2026-11-21. */
  readonly period: string;
  readonly used: Amounts;
}

/** Finds the limits that hold for somebody. */
export interface BudgetLimits {
  of(principal: Pick<Principal, 'tenant' | 'name'>): readonly BudgetLimit[];
}

/** A limit, and what counts against it now: what was used, and what calls that are under way may use at worst. */
export interface BudgetAccount extends BudgetLimit {
  readonly used: Amounts;
  readonly reserved: Amounts;
}

/** Accounts as they were at one moment. */
export interface BudgetReading {
  readonly accounts: readonly BudgetAccount[];
  /** Which moment: `reserve` compares it. */
  readonly at: { readonly stream: string; readonly seq: number };
}

/** What a call was let have. Whoever dies with it leaves it counted at its worst, until it is reconciled. */
export interface Reservation {
  readonly id: string;
  /** Once, and of no effect after that. `unused`: it cost nothing; `unknown`: nobody can tell what it cost, and it stays at its worst. Errors: `journal_failed`. */
  settle(cost: Amounts | 'unused' | 'unknown'): Promise<void>;
}

/** The books of a tenant's users. */
export interface Budgets {
  /** Errors: `journal_failed`. */
  read(principal: Principal): Promise<BudgetReading>;
  /** Puts `worst` aside where nothing has changed since the reading; undefined where something has: it is to be read, and decided, again. Errors: `journal_failed`. */
  reserve(reading: BudgetReading, principal: Principal, worst: Amounts, call: { readonly stream: string; readonly call: string }): Promise<Reservation | undefined>;
  /** Settles what calls of this stream left, whose processes are no more: by what the stream says became of them. For whoever owns the stream. Errors: `journal_failed`. */
  reconcile(principal: Principal, stream: string): Promise<void>;
}
