import type { Amounts, BudgetLimit, BudgetScope, BudgetWarning, EventData, JournalEvent } from '../../contracts/index.ts';

/** A reservation that nobody has settled. */
export type OpenReservation = EventData['budget.reserved'] & { readonly timeMs: number };

/** A warning and when it was written. */
export type WrittenWarning = BudgetWarning & { readonly timeMs: number };

export interface Balance {
  readonly used: Amounts;
  readonly reserved: Amounts;
}

const NOTHING: Amounts = { microUsd: 0, tokens: 0 };

/** The books of a tenant for one month, read from its events. A reservation counts for the day on which it was made, whenever it is settled. */
export class AccountBook {
  readonly #open = new Map<string, OpenReservation>();
  readonly #used = new Map<string, Amounts>();
  readonly #reserved = new Map<string, Amounts>();
  readonly #users = new Set<string>();
  readonly #warnings = new Map<string, WrittenWarning>();
  /** Calls whose cost nobody could tell. */
  #unknown = 0;
  #seq = 0;

  /** The last event that is in it. */
  get seq(): number {
    return this.#seq;
  }

  get open(): readonly OpenReservation[] {
    return [...this.#open.values()];
  }

  get users(): readonly string[] {
    return [...this.#users].sort();
  }

  get unknown(): number {
    return this.#unknown;
  }

  /** What was said of budgets that are nearly used, oldest first. */
  get warnings(): readonly WrittenWarning[] {
    return [...this.#warnings.values()];
  }

  /** Whether it was said of this budget, of these amounts, and its month or day. */
  isWarned(limit: BudgetLimit, period: string): boolean {
    return this.#warnings.has(warningKey({ ...limit, period }));
  }

  /** One that is in it already changes nothing. */
  apply(event: JournalEvent): void {
    if (event.seq <= this.#seq) return;
    this.#seq = event.seq;
    if (event.type === 'budget.reserved') this.#reserve({ ...event.data, timeMs: event.timeMs });
    else if (event.type === 'budget.settled') this.#settle(event.data);
    else if (event.type === 'budget.warned') this.#warnings.set(warningKey(event.data), { ...event.data, timeMs: event.timeMs });
  }

  /** Of the tenant, or of one of its users; `day` is such as 2026-11-21, and only for scopes of a day. */
  balance(scope: BudgetScope, user: string, day: string): Balance {
    const key = keyOf(scope, user, day);
    return { used: this.#used.get(key) ?? NOTHING, reserved: this.#reserved.get(key) ?? NOTHING };
  }

  #reserve(made: OpenReservation): void {
    this.#users.add(made.user);
    this.#open.set(made.reservation, made);
    for (const key of keysOf(made)) add(this.#reserved, key, made, 1);
  }

  /** Of two who settle the same, the first is right: it was the owner, or it knew that the owner is dead. */
  #settle(settled: EventData['budget.settled']): void {
    const made = this.#open.get(settled.reservation);
    if (made === undefined) return;
    this.#open.delete(made.reservation);
    if (settled.how === 'unknown') this.#unknown += 1;
    for (const key of keysOf(made)) {
      add(this.#reserved, key, made, -1);
      add(this.#used, key, settled, 1);
    }
  }
}

function warningKey({ scope, name, limit: { microUsd, tokens }, period }: BudgetLimit & Pick<BudgetWarning, 'period'>): string {
  return `${scope} ${period} ${microUsd ?? ''} ${tokens ?? ''} ${name}`;
}

/** The day of UTC. */
export function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

function keysOf({ user, timeMs }: OpenReservation): readonly string[] {
  const day = dayOf(timeMs);
  return (['tenant.month', 'tenant.day', 'user.month', 'user.day'] as const).map((scope) => keyOf(scope, user, day));
}

function keyOf(scope: BudgetScope, user: string, day: string): string {
  return `${scope} ${scope.endsWith('.day') ? day : ''} ${scope.startsWith('user.') ? user : ''}`;
}

function add(sums: Map<string, Amounts>, key: string, { microUsd, tokens }: Amounts, sign: 1 | -1): void {
  const sum = sums.get(key) ?? NOTHING;
  sums.set(key, { microUsd: sum.microUsd + sign * microUsd, tokens: sum.tokens + sign * tokens });
}
