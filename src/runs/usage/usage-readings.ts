import type { Journal } from '../../contracts/index.ts';
import type { WrittenWarning } from '../budget/account-book.ts';
import type { JournalBudgets } from '../budget/journal-budgets.ts';
import { type Activity, USAGE_EVENTS, UsageFold } from './usage-fold.ts';

/** What models and sandboxes were used. Money in millionths of a US dollar; tokens of every class; seconds of sandboxes by the clock on the wall. */
export interface Usage extends Activity {
  readonly microUsd: number;
  readonly tokens: number;
}

/** A tenant's month (UTC, such as 2026-11): in all, and by the users who used anything, by name. */
export interface UsageReport {
  readonly tenant: string;
  readonly month: string;
  readonly total: Usage;
  readonly users: readonly (Usage & { readonly user: string })[];
  /** Of budgets of which most was used, oldest first. */
  readonly warnings: readonly WrittenWarning[];
}

const NOTHING: Usage = { microUsd: 0, tokens: 0, commands: 0, programs: 0, sandboxes: 0, sandboxSeconds: 0 };
/** Streams in which sessions are written down. */
const OF_SESSIONS = /^(?:run|ses)_/;
/** Streams that are scanned at a time. */
const PAGE = 500;

/** What tenants and their users have used, read from the journal: what models cost from the books of budgets, and all else from the sessions themselves. */
export class UsageReadings {
  readonly #journal: Journal;
  readonly #budgets: Pick<JournalBudgets, 'statement'>;

  constructor({ journal, budgets }: { readonly journal: Journal; readonly budgets: Pick<JournalBudgets, 'statement'> }) {
    this.#journal = journal;
    this.#budgets = budgets;
  }

  /** Errors: `journal_failed`. */
  async of(tenant: string, month: string): Promise<UsageReport> {
    const book = await this.#budgets.statement(tenant, month);
    const activity = await this.#activity(tenant, month);
    const names = [...new Set([...book.users, ...activity.keys()])].sort();
    const users = names.map((user) => ({ user, ...NOTHING, ...activity.get(user), ...book.balance('user.month', user, '').used }));
    return { tenant, month, users, total: users.reduce<Usage>(plus, NOTHING), warnings: book.warnings };
  }

  async #activity(tenant: string, month: string): Promise<ReturnType<UsageFold['result']>> {
    const [year = 0, number = 1] = month.split('-').map(Number);
    const bounds = { fromMs: Date.UTC(year, number - 1, 1), untilMs: Date.UTC(year, number, 1) };
    const fold = new UsageFold(bounds);
    const streams = (await this.#journal.streams({ tenant })).filter(({ stream, firstMs, lastMs }) => OF_SESSIONS.test(stream) && firstMs < bounds.untilMs && lastMs >= bounds.fromMs);
    for (let at = 0; at < streams.length; at += PAGE) {
      for await (const event of this.#journal.scan(USAGE_EVENTS, { streams: streams.slice(at, at + PAGE).map(({ stream }) => stream) })) fold.apply(event);
    }
    return fold.result();
  }
}

function plus(a: Usage, b: Usage): Usage {
  return {
    microUsd: a.microUsd + b.microUsd,
    tokens: a.tokens + b.tokens,
    commands: a.commands + b.commands,
    programs: a.programs + b.programs,
    sandboxes: a.sandboxes + b.sandboxes,
    sandboxSeconds: a.sandboxSeconds + b.sandboxSeconds,
  };
}
