import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { GloveboxError, type JournalEvent, type ModelRequest, type Principal } from '../../src/contracts/index.ts';
import { AccountBook } from '../../src/runs/budget/account-book.ts';
import { type Call, costing, openBooks, openSpender, REQUEST } from '../support/spender.ts';

const SPENDER = fileURLToPath(new URL('budgets.spender.ts', import.meta.url));
const ANN: Principal = { tenant: 'acme', name: 'user:ann', roles: ['operator'] };
const BOB: Principal = { ...ANN, name: 'user:bob' };
/** The stream of the books, and the most that the tenant ever held. */
async function booksOf({ journal }: Awaited<ReturnType<typeof openBooks>>): Promise<{ readonly events: readonly JournalEvent[]; readonly book: AccountBook; readonly mostMicroUsd: number }> {
  const [listing] = await journal.streams({ prefix: 'budget:' });
  const events = await journal.read(listing?.stream ?? '');
  const book = new AccountBook();
  let mostMicroUsd = 0;
  for (const event of events) {
    book.apply(event);
    const { used, reserved } = book.balance('tenant.month', '', '');
    mostMicroUsd = Math.max(mostMicroUsd, used.microUsd + reserved.microUsd);
  }
  return { events, book, mostMicroUsd };
}

const call = fc.record<Call>({ worst: fc.integer({ min: 0, max: 40 }).map((cents) => cents / 100), cost: fc.oneof(fc.double({ min: 0, max: 0.01, noNaN: true }), fc.constant('lost' as const), fc.constant('refused' as const)) });

/** What budgets have to keep, whatever the store. `prepare` makes a new folder one of the store's; `numRuns` of the property. */
export function testBudgets(prepare: (folder: string) => Promise<void>, numRuns: number): void {
  const folders: string[] = [];

  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  async function folderWith(budgets: string): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), 'glovebox-budgets-'));
    folders.push(folder);
    mkdirSync(join(folder, 'spend'));
    writeFileSync(join(folder, 'spend', 'policy.yaml'), 'name: spend\nbudget: { usd: 1000, tokens: 100_000_000, steps: 10_000 }\n');
    writeFileSync(join(folder, 'budgets.yaml'), budgets);
    await prepare(folder);
    return folder;
  }


  test('sessions that spend at once, each with its own view of the store, never hold more than the budget', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(call, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 4 }), async (sessions) => {
        const folder = await folderWith('tenants: { acme: { usd_month: 0.5 } }\n');
        const views = await Promise.all(sessions.map(() => openBooks(folder)));
        await Promise.all(
          sessions.map(async (calls, i) => {
            const view = views[i];
            if (view === undefined) return;
            await using session = await openSpender(folder, i % 2 === 0 ? ANN : BOB, view);
            await Promise.allSettled(calls.map((one) => session.callModel(costing(one), REQUEST)));
          }),
        );
        const [first] = views;
        if (first === undefined) return;
        const { book, mostMicroUsd } = await booksOf(first);
        expect(mostMicroUsd).toBeLessThanOrEqual(500_000);
        expect(book.open).toEqual([]);
        for (const view of views) await view.journal[Symbol.asyncDispose]();
      }),
      { numRuns },
    );
  });

  test('processes that spend at once never hold more than the budget, and leave nothing put aside', async () => {
    const folder = await folderWith('tenants: { acme: { usd_month: 0.2, tokens_month: 1000000 } }\nusers: { "*": { usd_day: 0.15 } }\n');
    const spend = (user: string) => promisify(execFile)(process.execPath, [SPENDER, folder, user, '12']);
    const ended = await Promise.all(['user:ann', 'user:bob', 'user:cy'].map(spend));
    const endings = ended.flatMap(({ stdout }) => stdout.split(' '));
    expect(new Set(endings)).toEqual(new Set(['answered', 'budget_exhausted', 'model_unavailable']));
    await using view = await openBooks(folder);
    const { book, mostMicroUsd } = await booksOf(view);
    expect(mostMicroUsd).toBeLessThanOrEqual(200_000);
    expect(book.open).toEqual([]);
  });

  test('who dies in a call leaves it at its worst, until somebody settles it by what the journal says', async () => {
    const folder = await folderWith('tenants: { acme: { usd_month: 1 } }\n');
    await expect(promisify(execFile)(process.execPath, [SPENDER, folder, 'user:ann', '1', 'die'])).rejects.toMatchObject({ code: 9 });
    await using blind = await openBooks(folder, () => false);
    const held = await blind.budgets.statement('acme', new Date().toISOString().slice(0, 7));
    expect(held.balance('user.month', 'user:ann', '')).toEqual({ used: { microUsd: 0, tokens: 0 }, reserved: { microUsd: 10_000, tokens: 100 } });
    await using view = await openBooks(folder);
    const settled = await view.budgets.statement('acme', new Date().toISOString().slice(0, 7));
    expect([settled.open.length, settled.unknown]).toEqual([0, 1]);
    expect(settled.balance('user.month', 'user:ann', '').used).toEqual({ microUsd: 10_000, tokens: 100 });
  });

  test('a call that could bring a user over is refused by the rule of his account, and nothing stays put aside', async () => {
    const folder = await folderWith('users: { "user:ann": { usd_day: 0.05, tokens_month: 250 } }\n');
    await using view = await openBooks(folder);
    await using session = await openSpender(folder, ANN, view);
    await expect(session.callModel(costing({ worst: 0.06, cost: 0.01 }), REQUEST)).rejects.toMatchObject({
      code: 'budget_exhausted',
      details: { rule: 'budget.user.day' },
      message: expect.stringContaining('bring the user user:ann over its 0.05 usd a day: 0 are spent, calls under way may use 0, and this one 0.06'),
    });
    // Two at once would fit, each for itself: the second sees the first.
    const both = await Promise.allSettled([session.callModel(costing({ worst: 0.03, cost: 0.01 }), REQUEST), session.callModel(costing({ worst: 0.03, cost: 0.01 }), REQUEST)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await session.callModel(costing({ worst: 0.04, cost: 0.04 }), REQUEST);
    const { book } = await booksOf(view);
    expect([book.open, book.balance('user.month', 'user:ann', '').used]).toEqual([[], { microUsd: 50_000, tokens: 20 }]);
    await using other = await openSpender(folder, BOB, view);
    await other.callModel(costing({ worst: 5, cost: 2 }), REQUEST);
  });

  test('of a budget of which four fifths are used it is said once for its month, whichever process spends; and of a higher one again', async () => {
    const folder = await folderWith('tenants: { acme: { usd_month: 1 } }\nusers: { "user:ann": { tokens_month: 40 } }\n');
    await using view = await openBooks(folder);
    await using other = await openBooks(folder);
    const month = new Date().toISOString().slice(0, 7);
    const spend = async (books: typeof view, ...costs: readonly number[]): Promise<readonly JournalEvent[]> => {
      await using session = await openSpender(folder, BOB, books);
      for (const cost of costs) await session.callModel(costing({ worst: cost, cost }), REQUEST);
      return (await booksOf(books)).events.flatMap((event) => (event.type === 'budget.warned' ? [event] : []));
    };
    expect(await spend(view, 0.4, 0.35)).toEqual([]);
    await Promise.all([spend(view, 0.05), spend(other, 0.05)]);
    const said = await spend(other, 0.01);
    expect(said.map(({ data }) => data)).toMatchObject([{ scope: 'tenant.month', name: 'acme', period: month, limit: { microUsd: 1_000_000 } }]);
    const { accounts, warnings } = await other.budgets.accounts('acme', month);
    expect(warnings).toMatchObject([{ scope: 'tenant.month', used: { microUsd: expect.toSatisfy((used: number) => used === 800_000 || used === 850_000) } }]);
    expect(accounts.find(({ scope }) => scope === 'tenant.month')).toMatchObject({ used: { microUsd: 860_000 }, limit: { microUsd: 1_000_000 } });
    writeFileSync(join(folder, 'budgets.yaml'), 'tenants: { acme: { usd_month: 1.1 } }\n');
    await using later = await openBooks(folder);
    expect((await spend(later, 0.05)).map(({ data }) => data)).toMatchObject([{}, { limit: { microUsd: 1_100_000 }, used: { microUsd: 910_000 } }]);
  });

  test('a model that cannot be had is replaced, both are paid for, and who was down is left alone for a while', async () => {
    const folder = await folderWith('tenants: { acme: { usd_month: 1 } }\n');
    await using view = await openBooks(folder);
    const spare = costing({ worst: 0.02, cost: 0.01 }, 'spare');
    await using session = await openSpender(folder, ANN, view, { fallbacks: [spare] });
    const lost = costing({ worst: 0.05, cost: 'lost' }, 'lost');
    expect((await session.callModel(lost, REQUEST)).usd).toBe(0.01);
    await session.callModel(lost, REQUEST);
    const events = await view.journal.read(session.id);
    expect(events.filter(({ type }) => type === 'model.started').map(({ data }) => (data as { model: string }).model)).toEqual(['fake:lost', 'fake:spare', 'fake:spare']);
    expect(events.find(({ type }) => type === 'model.fell_back')?.data).toMatchObject({ from: 'fake:lost', to: 'fake:spare', code: 'model_unavailable', message: 'the answer broke off' });
    expect((await booksOf(view)).book.balance('tenant.day', '', new Date().toISOString().slice(0, 10)).used.microUsd).toBe(70_000);
    expect(session.spent).toEqual({ usd: expect.closeTo(0.07, 6), tokens: 120, steps: 2 });
    // What another model would reject, too, is no reason to ask it.
    await expect(session.callModel(costing({ worst: 0.01, cost: 'refused' }), REQUEST)).rejects.toMatchObject({ code: 'model_rejected' });
  });

  test('a call whose answer got lost is made again as a call of its own, and both are paid for', async () => {
    const folder = await folderWith('tenants: { acme: { usd_month: 0.1 } }\n');
    await using view = await openBooks(folder);
    await using session = await openSpender(folder, ANN, view);
    const answers = costing({ worst: 0.04, cost: 0.01 });
    const lost = new GloveboxError('model_unavailable', 'the connection broke', { details: { costUnknown: true, mayRepeat: true } });
    let asked = 0;
    const model = { ...answers, complete: (request: ModelRequest) => (asked++ === 0 ? Promise.reject(lost) : answers.complete(request)) };
    expect((await session.callModel(model, REQUEST)).usd).toBe(0.01);
    const { book } = await booksOf(view);
    expect([book.balance('tenant.month', '', '').used, book.unknown, book.open]).toEqual([{ microUsd: 50_000, tokens: 110 }, 1, []]);
    // What is left does for one that gets lost, and not for another.
    asked = 0;
    await expect(session.callModel({ ...model, complete: () => Promise.reject(lost) }, REQUEST)).rejects.toMatchObject({ code: 'budget_exhausted', details: { rule: 'budget.tenant.month' } });
  });
}
