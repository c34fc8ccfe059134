import { hash, randomUUID } from 'node:crypto';
import { type Amounts, BUDGET_SCOPES, type BudgetAccount, type BudgetLimits, type BudgetReading, type Budgets, type BudgetScope, type Clock, GloveboxError, type Journal, type NewEvent, type Ownership, type Principal, type Reservation } from '../../contracts/index.ts';
import { AccountBook, dayOf, type OpenReservation, type WrittenWarning } from './account-book.ts';
import { fateOf } from './fate.ts';
import { dueWarnings } from './warnings.ts';

interface BudgetsOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly limits: BudgetLimits;
  /** Whose what is put aside is, and what is left. */
  readonly ownership: Ownership;
}

/** The accounts of a tenant's month. */
export interface BudgetStatement {
  readonly tenant: string;
  readonly month: string;
  readonly accounts: readonly BudgetAccount[];
  /** Calls that are under way. */
  readonly open: number;
  /** Calls that are counted at the worst case, because nobody can tell what became of them. */
  readonly unknown: number;
  /** Oldest first. */
  readonly warnings: readonly WrittenWarning[];
}

/**
 * The books: one stream for each tenant and month. What is put aside and what it came to are events there, so a balance is a reading of it, and whoever decides by a
 * balance appends only where the stream still ends with what he read.
 */
export class JournalBudgets implements Budgets {
  readonly #options: BudgetsOptions;
  readonly #books = new Map<string, AccountBook>();

  constructor(options: BudgetsOptions) {
    this.#options = options;
  }

  async read(principal: Principal): Promise<BudgetReading> {
    const day = dayOf(this.#options.clock.now());
    const stream = streamOf(principal.tenant, day.slice(0, 7));
    const book = await this.#book(principal.tenant, day.slice(0, 7));
    const accounts = this.#options.limits.of(principal).map((limit) => ({ ...limit, ...book.balance(limit.scope, principal.name, day) }));
    return { accounts, at: { stream, seq: book.seq } };
  }

  async reserve({ at }: BudgetReading, principal: Principal, worst: Amounts, { stream, call }: { stream: string; call: string }): Promise<Reservation | undefined> {
    const id = `rsv_${randomUUID()}`;
    const data = { reservation: id, user: principal.name, stream, call, owner: this.#options.ownership.name, microUsd: worst.microUsd, tokens: worst.tokens };
    try {
      await this.#options.journal.append(at.stream, [{ type: 'budget.reserved', data }], { expect: at.seq, tenant: principal.tenant });
    } catch (error) {
      if (error instanceof GloveboxError && error.code === 'journal_moved') return undefined;
      throw error;
    }
    const settle = async (cost: Amounts | 'unused' | 'unknown'): Promise<void> => {
      await this.#settle(at.stream, [settled(data, cost)]);
      if (cost !== 'unused') await this.#warn(principal.tenant, monthOfBooks(at.stream), principal.name);
    };
    return { id, settle };
  }

  async reconcile({ tenant }: Principal, stream: string): Promise<void> {
    for (const month of this.#months()) await this.#settleLeft(tenant, month, (left) => left.stream === stream);
  }

  /** What a tenant and its users have used, and put aside, in a month; days only of the month that is now. Errors: `journal_failed`. */
  async accounts(tenant: string, month: string): Promise<BudgetStatement> {
    const book = await this.statement(tenant, month);
    const today = dayOf(this.#options.clock.now());
    const scopes = BUDGET_SCOPES.filter((scope) => today.startsWith(month) || scope.endsWith('.month'));
    const account = (scope: BudgetScope, name: string, user: string): BudgetAccount => {
      const limit = this.#options.limits.of({ tenant, name: user }).find((each) => each.scope === scope && each.name === name)?.limit ?? {};
      return { scope, name, limit, ...book.balance(scope, user, today) };
    };
    const accounts = scopes.flatMap((scope) => (scope.startsWith('tenant.') ? [account(scope, tenant, '')] : book.users.map((user) => account(scope, user, user))));
    return { tenant, month, accounts, open: book.open.length, unknown: book.unknown, warnings: book.warnings };
  }

  /** The books of a month, such as 2026-11, with what dead processes left settled. Errors: `journal_failed`. */
  async statement(tenant: string, month: string): Promise<AccountBook> {
    await this.#settleLeft(tenant, month, ({ owner }) => this.#options.ownership.isDead(owner));
    return this.#book(tenant, month);
  }

  /** Read as far as it goes: what was read before is kept. */
  async #book(tenant: string, month: string): Promise<AccountBook> {
    const stream = streamOf(tenant, month);
    const known = this.#books.get(stream);
    const book = known ?? new AccountBook();
    this.#books.set(stream, book);
    for (const event of await this.#options.journal.read(stream, book.seq)) book.apply(event);
    // Those who are gone would be counted at their worst for the rest of the month.
    if (known === undefined) await this.#settleLeft(tenant, month, ({ owner }) => this.#options.ownership.isDead(owner));
    return book;
  }

  async #settleLeft(tenant: string, month: string, isLeft: (left: OpenReservation) => boolean): Promise<void> {
    const book = await this.#book(tenant, month);
    const left = book.open.filter(isLeft);
    const events: NewEvent[] = [];
    for (const one of left) {
      const fate = fateOf(one, await this.#options.journal.read(one.stream));
      events.push(settled(one, fate));
    }
    if (events.length === 0) return;
    await this.#settle(streamOf(tenant, month), events);
    for (const user of new Set(left.map((one) => one.user))) await this.#warn(tenant, month, user);
  }

  /** Says once of each of his budgets that most of it is used: who is overtaken looks again whether another process has said it. */
  async #warn(tenant: string, month: string, user: string): Promise<void> {
    const limits = this.#options.limits.of({ tenant, name: user });
    if (limits.length === 0) return;
    const today = dayOf(this.#options.clock.now());
    for (;;) {
      const book = await this.#book(tenant, month);
      const due = dueWarnings(book, limits, { user, month, ...(today.startsWith(month) ? { day: today } : {}) });
      if (due.length === 0) return;
      try {
        await this.#options.journal.append(streamOf(tenant, month), due.map((data) => ({ type: 'budget.warned' as const, data })), { expect: book.seq, tenant });
        return;
      } catch (error) {
        if (!(error instanceof GloveboxError) || error.code !== 'journal_moved') throw error;
      }
    }
  }

  async #settle(stream: string, events: readonly NewEvent[]): Promise<void> {
    await this.#options.journal.append(stream, events);
  }

  /** This month and the one before: no call takes longer. */
  #months(): readonly string[] {
    const now = new Date(this.#options.clock.now());
    const before = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1));
    return [dayOf(before.getTime()).slice(0, 7), dayOf(now.getTime()).slice(0, 7)];
  }
}

function settled({ reservation, microUsd, tokens }: Pick<OpenReservation, 'reservation' | 'microUsd' | 'tokens'>, cost: Amounts | 'unused' | 'unknown'): NewEvent {
  const at: Amounts = cost === 'unknown' ? { microUsd, tokens } : cost === 'unused' ? { microUsd: 0, tokens: 0 } : cost;
  const how = typeof cost === 'string' ? cost : 'used';
  return { type: 'budget.settled', data: { reservation, microUsd: at.microUsd, tokens: at.tokens, how } };
}

function monthOfBooks(stream: string): string {
  return stream.slice('budget:'.length, 'budget:2026-11'.length);
}

/** Names of tenants may have in them what names of streams may not. */
function streamOf(tenant: string, month: string): string {
  const name = /^[\w.-]{1,64}$/.test(tenant) ? tenant : `sha256:${hash('sha256', tenant)}`;
  return `budget:${month}:${name}`;
}
