import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Authority, Clock, Principal } from '../../../src/contracts/index.ts';
import { SqliteJournal } from '../../../src/journal/index.ts';
import { ApiKeys } from '../../../src/server/access/api-keys.ts';

const admin: Principal = { tenant: 'acme', name: 'user:ann', roles: ['administrator'] };
const authority: Authority = { principal: () => admin, holding: (tenant, name, roles) => ({ tenant, name, roles }), may: () => true };

/** Time that goes on when it is told to. */
class OwnClock implements Clock {
  ms = Date.now();

  now(): number {
    return this.ms;
  }
}

/** The keys of two processes that share a journal. */
class TwoProcesses implements AsyncDisposable {
  readonly clock = new OwnClock();
  readonly #folder = mkdtempSync(join(tmpdir(), 'glovebox-keys-'));
  readonly #journals = [this.#journal(), this.#journal()] as const;
  readonly here = this.#keys(this.#journals[0]);
  readonly elsewhere = this.#keys(this.#journals[1]);

  async [Symbol.asyncDispose](): Promise<void> {
    for (const journal of this.#journals) await journal[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true });
  }

  #journal(): SqliteJournal {
    return new SqliteJournal(join(this.#folder, 'journal.db'), { clock: this.clock });
  }

  #keys(journal: SqliteJournal): ApiKeys {
    return new ApiKeys({ journal, authority, clock: this.clock });
  }
}

test('a key that another process makes opens at once', async () => {
  await using processes = new TwoProcesses();
  const { key: first } = await processes.here.create({ name: 'first', tenant: 'acme', roles: [] }, admin);
  expect(await processes.here.authenticate(first)).toMatchObject({ name: 'key:first' });
  const { key: second } = await processes.elsewhere.create({ name: 'second', tenant: 'acme', roles: [] }, admin);
  expect(await processes.here.authenticate(second)).toMatchObject({ name: 'key:second' });
});

test('a key opens nothing as soon as it is revoked here, and 50 ms after it is revoked elsewhere', async () => {
  await using processes = new TwoProcesses();
  const { here, elsewhere, clock } = processes;
  const made = await Promise.all(['a', 'b'].map((name) => here.create({ name, tenant: 'acme', roles: [] }, admin)));
  const [a, b] = made.map(({ key, entry }) => ({ key, id: entry.id }));
  if (a === undefined || b === undefined) throw new Error('two keys were made');
  await here.revoke(a.id, admin);
  expect(await here.authenticate(a.key)).toBeUndefined();
  expect(await here.authenticate(b.key)).toMatchObject({ name: 'key:b' });
  await elsewhere.revoke(b.id, admin);
  clock.ms += 50;
  expect(await here.authenticate(b.key)).toBeUndefined();
});

test('a clock that was set back makes nothing fresh', async () => {
  await using processes = new TwoProcesses();
  const { here, elsewhere, clock } = processes;
  const { key, entry } = await here.create({ name: 'a', tenant: 'acme', roles: [] }, admin);
  expect(await here.authenticate(key)).toMatchObject({ name: 'key:a' });
  await elsewhere.revoke(entry.id, admin);
  clock.ms -= 1;
  expect(await here.authenticate(key)).toBeUndefined();
});
