import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type GloveboxError, type JournalEvent, type NewEvent, systemClock } from '../../src/contracts/index.ts';
import type { Execute } from '../../src/journal/index.ts';
import { openDatabase } from '../../src/journal/postgres/database.ts';
import { migrate } from '../../src/journal/postgres/migrate.ts';
import { MIGRATIONS } from '../../src/journal/postgres/migrations.ts';
import { type DatabaseUrl, KeyTable, parseDatabaseUrl, PostgresJournal, type PostgresJournalOptions } from '../../src/journal/postgres/index.ts';
import { KeptPayloadKeys } from '../../src/journal/seal/kept-payload-keys.ts';
import { PayloadKeys } from '../../src/journal/seal/payload-keys.ts';
import { SealedJournal } from '../../src/journal/seal/sealed-journal.ts';
import { TestEnvelopes } from '../support/envelopes.ts';
import { LosingProxy } from '../support/losing-proxy.ts';
import { TestPostgres } from '../support/postgres.ts';
import { journalSuite } from './journal.suite.ts';
import { masterKeySuite } from './master-key.suite.ts';

/** Replicas that start at once after an upgrade: where tables were changed while others copied them, this failed in three of five. */
const MIGRATORS = 6;
const APPENDER = join(import.meta.dirname, 'journal.appender.ts');

let server: TestPostgres;
let url: DatabaseUrl;

beforeAll(async () => {
  server = await TestPostgres.start();
  url = await server.database();
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

const newSchema = (): string => `test_${randomBytes(6).toString('hex')}`;

journalSuite('PostgresJournal', async () => {
  const schema = newSchema();
  return { open: (clock) => new PostgresJournal(url, { clock, schema }), [Symbol.asyncDispose]: () => Promise.resolve() };
});

journalSuite('SealedJournal on PostgreSQL', async () => {
  const schema = newSchema();
  const opened = new AsyncDisposableStack();
  return {
    open: (clock) => {
      const keys = opened.use(new PayloadKeys({ store: new KeyTable(url, `${schema}_keys`), envelopes: new TestEnvelopes(), clock }));
      return new SealedJournal(new PostgresJournal(url, { clock, schema }), keys);
    },
    openStored: (clock) => new PostgresJournal(url, { clock, schema }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
});

masterKeySuite('PostgreSQL', () => ({ url, schema: newSchema() }));

const prompted = (text: string): NewEvent => ({ type: 'run.prompted', data: { text } });
const texts = (events: readonly JournalEvent[]) => events.map((event) => (event.type === 'run.prompted' ? event.data.text : event.type));
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

let schema: string;
const opened: PostgresJournal[] = [];

function open(options: PostgresJournalOptions = {}): PostgresJournal {
  const journal = new PostgresJournal(url, { schema, ...options });
  opened.push(journal);
  return journal;
}

beforeEach(() => {
  schema = newSchema();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((journal) => journal[Symbol.asyncDispose]()));
});

async function ask(sql: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
  await using connected = await server.connect(url.name.split('/').at(-1) ?? '');
  return (await connected.client.query<Record<string, unknown>>(sql, [...values])).rows;
}

async function errorOf(work: Promise<unknown>): Promise<GloveboxError> {
  return work.then(
    () => {
      throw new Error('nothing was thrown');
    },
    (error: GloveboxError) => error,
  );
}

describe('payloads in PostgreSQL', () => {
  const CANARY = 'the canary sang at the bottom of the mine';
  const RUN = 'run_01m7zgkc0ws2gs7h7z35f9gfrw';

  test('are sealed, and gone for all processes and in a copy of the schema when their keys are; nothing of a key is left in its table', async () => {
    const keySchema = `${schema}_keys`;
    const opening = () => new PayloadKeys({ store: new KeyTable(url, keySchema), envelopes: new TestEnvelopes(), clock: systemClock, trustMs: 20 });
    await using here = opening();
    await using there = opening();
    const [one, other] = [new SealedJournal(open(), here), new SealedJournal(open(), there)];
    // Both make the table and the key at once.
    await Promise.all([one, other].map((journal) => journal.append(RUN, [prompted(CANARY)], { tenant: 'acme' })));
    expect(texts(await other.read(RUN))).toEqual([CANARY, CANARY]);
    expect(await ask(`SELECT data FROM ${schema}.events WHERE data LIKE '%canary%'`)).toEqual([]);
    await ask(`CREATE SCHEMA ${schema}_backup; CREATE TABLE ${schema}_backup.events AS SELECT * FROM ${schema}.events`);
    const [sealed] = await ask(`SELECT record FROM ${keySchema}.keys`);
    const { envelope = '' } = JSON.parse(String(sealed?.['record'])) as { envelope?: string };

    const keys = (await here.store.list('acme')).map(({ id }) => id);
    expect(keys).toHaveLength(1);
    await here.retire(keys);
    await here.destroy(keys);
    await other.append('run_01m7zgkc0ws2gs7h7z35f9gfrx', [prompted('afterwards')], { tenant: 'acme' });
    for (const journal of [one, other]) {
      expect((await journal.read(RUN)).map(({ type }) => type)).toEqual(['erased', 'erased']);
      expect(texts(await journal.read('run_01m7zgkc0ws2gs7h7z35f9gfrx'))).toEqual(['afterwards']);
    }
    await using backup = new PostgresJournal(url, { schema: `${schema}_copy` });
    await backup.streams();
    await ask(`INSERT INTO ${schema}_copy.events SELECT * FROM ${schema}_backup.events`);
    expect((await new SealedJournal(backup, here).read(RUN)).map(({ type }) => type)).toEqual(['erased', 'erased']);
    const bytes = await fileOf(`${keySchema}.keys`);
    expect(bytes.includes('destroyed')).toBe(true);
    expect(bytes.includes(envelope.slice(0, 60))).toBe(false);
    expect(await one.verify()).toEqual({ streams: 2, events: 3 });
  });

  test('leave nothing of what they were under in the file of the table of keys, once they are under another master key', async () => {
    const keySchema = `${schema}_keys`;
    await using store = new KeyTable(url, keySchema);
    const [before, after] = [new TestEnvelopes(), new TestEnvelopes(Buffer.alloc(32, 8).toString('base64'), { GLOVEBOX_PREVIOUS_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') })];
    const envelope = await before.seal('the payload key acme/events/2026-11/1', Buffer.alloc(32, 1));
    await store.add('acme/events/2026-11/1', { state: 'live', envelope });
    const wrapped = (JSON.parse(envelope) as { key: string }).key;
    await ask(`CHECKPOINT`);
    expect((await fileOf(`${keySchema}.keys`)).includes(wrapped)).toBe(true);
    for await (const kept of new KeptPayloadKeys({ store, envelopes: after }).envelopes()) expect(await kept.rewrap()).toBe(true);
    await ask(`CHECKPOINT`);
    const bytes = await fileOf(`${keySchema}.keys`);
    expect([bytes.includes('acme/events/2026-11/1'), bytes.includes(wrapped)]).toEqual([true, false]);
  });

  test('keys that were only read leave no connection when they are closed, and their process ends', async () => {
    const database = await server.database();
    for (let times = 0; times < 2; times++) {
      await using keys = new KeyTable(database, schema);
      expect(await keys.list()).toEqual([]);
    }
    const connections = () => ask(`SELECT query FROM pg_stat_activity WHERE datname = '${new URL(database.url).pathname.slice(1)}'`);
    // Less than a connection idles of its own accord.
    await expect.poll(connections, { timeout: 5_000 }).toEqual([]);
  });
});

/** A table as it lies on the disk. */
async function fileOf(table: string): Promise<Buffer> {
  const [file] = await ask(`SELECT pg_read_binary_file(pg_relation_filepath('${table}')) AS bytes`);
  const bytes = file?.['bytes'];
  if (!Buffer.isBuffer(bytes)) throw new Error('the file of the table cannot be read');
  return bytes;
}

describe('a journal in PostgreSQL', () => {
  test('writes what waits while a transaction is under way in the next one', async () => {
    const journal = open();
    await journal.append('run_0', [prompted('first')]);
    await Promise.all(numbers(300).map((text, i) => journal.append(`run_${i % 7}`, [prompted(text)], { durable: i % 50 === 0 })));
    const [row] = await ask(`SELECT count(DISTINCT xmin::text)::int AS transactions, count(*)::int AS events FROM ${schema}.events`);
    expect(row?.['events']).toBe(301);
    expect(row?.['transactions']).toBeLessThan(10);
    expect(await journal.verify()).toEqual({ streams: 7, events: 301 });
  });

  test('waits for the disk where that was asked for, and else does not', async () => {
    const syncs = async (): Promise<number> => Number((await ask('SELECT wal_sync::int AS count FROM pg_stat_wal'))[0]?.['count']);
    const during = async (durable: boolean): Promise<number> => {
      const before = await syncs();
      {
        // Its connections say what they did when they are closed.
        await using journal = new PostgresJournal(url, { schema });
        for (const text of numbers(100)) await journal.append('run_1', [prompted(text)], { durable });
        for (const _ of numbers(20)) await journal.append('run_1', [], { durable });
      }
      return (await syncs()) - before;
    };
    expect(await during(true)).toBeGreaterThanOrEqual(120);
    expect(await during(false)).toBeLessThan(100);
  });

  test('keeps an append that cannot be written from failing those that go with it', async () => {
    const [ours, other] = [open(), open()];
    await ours.append('run_2', [prompted('ours')], { fence: 1 });
    await other.append('run_2', [prompted('taken over')], { fence: 2 });
    const appends = numbers(9).map((text, i) => ours.append(`run_${i % 3}`, [prompted(text)], { fence: 1 }));
    const settled = await Promise.allSettled(appends);
    expect(settled.map(({ status }) => status)).toEqual(numbers(9).map((_, i) => (i % 3 === 2 ? 'rejected' : 'fulfilled')));
    expect(settled[2]).toMatchObject({ reason: { code: 'fenced' } });
    expect(texts(await ours.read('run_2'))).toEqual(['ours', 'taken over']);
    expect(texts(await ours.read('run_1'))).toEqual(['1', '4', '7']);
  });

  test('does what an append wants done in its own transaction: both are written, or neither', async () => {
    const journal = open();
    await ask(`CREATE TABLE IF NOT EXISTS jobs (id text PRIMARY KEY)`);
    const job = (id: string) => (execute: (sql: string, values: readonly unknown[]) => Promise<unknown>) => execute('INSERT INTO jobs VALUES ($1)', [id]).then(() => {});
    const id = randomBytes(4).toString('hex');
    const settled = await Promise.allSettled([
      journal.append('run_1', [prompted('before')]),
      journal.append('run_1', [prompted('with its job')], { within: job(id) }),
      journal.append('run_1', [prompted('with a job that is there')], { within: job(id) }),
      journal.append('run_1', [prompted('thinks better of it')], {
        within: async (execute) => {
          await job('never')(execute);
          throw new Error('no, after all');
        },
      }),
      journal.append('run_1', [prompted('after')]),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(settled[2]).toMatchObject({ reason: { message: expect.stringContaining('duplicate key') } });
    expect(settled[3]).toMatchObject({ reason: { message: 'no, after all' } });
    expect(texts(await journal.read('run_1'))).toEqual(['before', 'with its job', 'after']);
    expect(await ask('SELECT id FROM jobs')).toEqual([{ id }]);
  });

  test('serialises appends of several processes, and keeps what one appended that is killed', async () => {
    const child = (stream: string, count: string) =>
      spawn(process.execPath, ['--disable-warning=ExperimentalWarning', APPENDER, url.url, stream, count, 'ordinary', schema], { stdio: ['ignore', 'pipe', 'inherit'] });
    const shared = ['run_shared', 'run_shared', 'run_own'].map((stream) => child(stream, '60'));
    const killed = child('run_killed', '1000000');
    let last = 0;
    for await (const line of createInterface(killed.stdout)) {
      last = Number(line);
      if (last === 100) killed.kill('SIGKILL');
    }
    for (const process of shared) process.stdout.resume();
    expect(await Promise.all(shared.map(async (process) => process.exitCode ?? ((await once(process, 'exit'))[0] as number)))).toEqual([0, 0, 0]);
    const journal = open();
    const kept = await journal.read('run_killed');
    expect(kept.length).toBeGreaterThanOrEqual(last);
    expect((await journal.read('run_shared')).map(({ seq }) => seq)).toEqual(Array.from({ length: 120 }, (_, i) => i + 1));
    expect(await journal.verify()).toEqual({ streams: 3, events: 180 + kept.length });
  });

  test('says so, once, when the server has lost what it had taken, and goes on from what is there', async () => {
    const journal = open();
    await journal.append('run_1', ['1', '2', '3'].map(prompted));
    await ask(`DELETE FROM ${schema}.events WHERE seq = 3; UPDATE ${schema}.heads SET seq = 2, hash = (SELECT hash FROM ${schema}.events WHERE seq = 2)`);
    const error = await errorOf(journal.append('run_1', [prompted('4')]));
    expect([error.code, error.details]).toEqual(['journal_failed', { stream: 'run_1', seq: 2, lost: 1 }]);
    expect(error.message).toContain(`has lost events 3 to 3 of run_1`);
    await journal.append('run_1', [prompted('resumed')]);
    expect(texts(await journal.read('run_1'))).toEqual(['1', '2', 'resumed']);
    expect(await journal.verify()).toEqual({ streams: 1, events: 3 });
  });

  test('tells a follower in another process without being looked for', async () => {
    const [ours, other] = [open({ pollMs: 3_600_000 }), open()];
    const seen: string[] = [];
    await ours.append('run_1', [prompted('0')]);
    for await (const event of ours.follow('run_1', { signal: AbortSignal.timeout(60_000) })) {
      seen.push(...texts([event]));
      if (seen.length === 5) break;
      await other.append('run_1', [prompted(String(seen.length))]);
    }
    expect(seen).toEqual(numbers(5));
  });
});

describe('a database whose connections break', () => {
  const cut = (): Promise<unknown> => ask(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'glovebox' AND datname = current_database()`);

  test('has each append once and in order, and followers go on', async () => {
    const [ours, other] = [open({ deadlineMs: 60_000 }), open({ deadlineMs: 60_000, pollMs: 100 })];
    await ours.append('run_1', [prompted('0')]);
    const started = Promise.withResolvers<void>();
    const following = (async () => {
      const seen: JournalEvent[] = [];
      for await (const event of other.follow('run_1', { signal: AbortSignal.timeout(60_000) })) {
        started.resolve();
        if (seen.push(event) === 400) break;
      }
      return texts(seen);
    })();
    await Promise.race([started.promise, following]);
    for (let i = 1; i < 400; ) {
      const appends = numbers(Math.min(21, 400 - i)).map((_, k) => ours.append('run_1', [prompted(String(i + k))], { durable: k === 0 }));
      const cutting = cut();
      await Promise.all(appends);
      await cutting;
      i += appends.length;
    }
    expect(await following).toEqual(numbers(400));
    expect(texts(await open().read('run_1'))).toEqual(numbers(400));
    expect(await open().verify()).toEqual({ streams: 1, events: 400 });
  });

  test.each([
    ['many that go together', 'append_', undefined],
    ['one with something beside it', 'commit\0', async (execute: Execute) => void (await execute('SELECT 1'))],
  ])('writes nothing twice when it was written and the answer is lost: %s', async (_, request, within) => {
    const { hostname, port } = new URL(url.url);
    await using proxy = await LosingProxy.open(hostname, Number(port));
    const place = parseDatabaseUrl(url.url.replace(`${hostname}:${port}`, `127.0.0.1:${proxy.port}`), 'the test');
    await using journal = new PostgresJournal(place, { schema, deadlineMs: 60_000 });
    await journal.append('run_1', [prompted('0')]);
    proxy.lose(request, 3);
    const appends = ['1', '2', '3', '4'].map((text) => journal.append('run_1', [prompted(text)], { durable: true, fence: 1, ...(within && { within }) }));
    expect((await Promise.all(appends)).flat().map(({ seq }) => seq)).toEqual([2, 3, 4, 5]);
    expect(proxy.lost).toBe(within === undefined ? 1 : 3);
    expect(texts(await journal.read('run_1'))).toEqual(numbers(5));
    expect(await journal.verify()).toEqual({ streams: 1, events: 5 });
  });

  test('that is gone fails what cannot be written, and is there again when it comes back', async () => {
    const journal = open({ deadlineMs: 2_000, pollMs: 100 });
    await journal.append('run_1', [prompted('before')]);
    const following = journal.follow('run_1', { signal: AbortSignal.timeout(100_000) })[Symbol.asyncIterator]();
    await following.next();
    const next = following.next();
    await server.down();
    const failed = await errorOf(journal.append('run_1', [prompted('meanwhile')]));
    expect(failed.code).toBe('journal_failed');
    expect(failed.message).toMatch(new RegExp(`^the journal in ${url.name} failed: .*see whether the server runs and can be reached`));
    expect((await errorOf(journal.read('run_1'))).code).toBe('journal_failed');
    const waits = open({ deadlineMs: 120_000 }).append('run_2', [prompted('has time')]);
    await server.up();
    expect(texts(await waits)).toEqual(['has time']);
    const [after] = await journal.append('run_1', [prompted('after')]);
    expect(texts(await journal.read('run_1'))).toEqual(['before', 'after']);
    expect(after?.seq).toBe(2);
    expect((await next).value).toEqual(after);
    await following.return?.();
  });
});

describe('a journal in PostgreSQL that cannot be used', () => {
  test('says why, and never its password', async () => {
    const wrong = parseDatabaseUrl(url.url.replace(encodeURIComponent('a test password'), 'a-wrong-secret'), 'the test');
    await using journal = new PostgresJournal(wrong);
    const error = await errorOf(journal.append('run_1', [prompted('a')]));
    expect(error.code).toBe('journal_failed');
    expect(error.message).toBe(`the journal in ${url.name} failed: password authentication failed for user "glovebox". the server does not let this user in: check user, password and pg_hba.conf`);
    await using nowhere = new PostgresJournal(parseDatabaseUrl(`${url.url}_none`, 'the test'));
    const missing = await errorOf(nowhere.streams());
    expect(missing.message).toMatch(/database ".*_none" does not exist\. create the database, or name another one$/);
    for (const { message, details } of [error, missing]) expect(JSON.stringify([message, details])).not.toMatch(/a%20test|a test password|a-wrong-secret/);
  });

  test('is refused when it was written by a newer glovebox', async () => {
    await open().append('run_1', [prompted('a')]);
    await ask(`UPDATE ${schema}.schema_version SET version = 9, oldest = 4`);
    const error = await errorOf(open().read('run_1'));
    expect(error.code).toBe('newer_version');
    expect(error.message).toBe(`the journal in the schema ${schema} was written by a newer glovebox: its schema is version 9, this one knows ${MIGRATIONS.length}. Upgrade glovebox, or name another database`);
  });

  test.each([
    ['changed data', `UPDATE %.events SET data = '{"text":"X"}' WHERE stream = 'run_b' AND seq = 3`, 3],
    ['a removed event', `DELETE FROM %.events WHERE stream = 'run_b' AND seq = 2`, 2],
    ['a cut tail', `DELETE FROM %.events WHERE stream = 'run_b' AND seq > 3`, 4],
    ['a stream without its head', `DELETE FROM %.heads WHERE stream = 'run_b'`, 1],
  ])('was altered by hand: %s', async (_, sql, seq) => {
    const journal = open();
    for (const stream of ['run_a', 'run_b']) await journal.append(stream, numbers(5).map(prompted));
    await ask(sql.replace('%', schema));
    const error = await errorOf(journal.verify());
    expect([error.code, error.details]).toEqual(['journal_tampered', { stream: 'run_b', seq }]);
    expect(await journal.verify('run_a')).toEqual({ streams: 1, events: 5 });
  });
});

describe('a migration', () => {
  const widen = (name: string): string => `ALTER TABLE ${name}.events ADD COLUMN remark text`;

  /** Where the last is a number, it is the oldest version that can live with it. */
  async function migrated(...more: (((name: string) => string) | number)[]): Promise<void> {
    const oldest = more.find((one) => typeof one === 'number');
    const steps = more.filter((one) => typeof one === 'function');
    await using database = openDatabase({ url: url.url, schema, connections: 2, connectMs: 5_000, statementMs: 30_000 });
    await migrate(database.tables, schema, [...MIGRATIONS, ...steps], oldest);
  }

  beforeEach(async () => {
    const journal = open();
    for (const stream of ['run_a', 'run_b']) await journal.append(stream, ['1', '2'].map(prompted));
  });

  test('keeps everything, and whoever has the version before open goes on', async () => {
    const older = open();
    await older.append('run_a', [prompted('3')]);
    await Promise.all(Array.from({ length: MIGRATORS }, () => migrated(widen)));
    expect((await older.append('run_a', [prompted('4')]))[0]?.seq).toBe(4);
    expect(await older.verify()).toEqual({ streams: 2, events: 6 });
    expect(await ask(`SELECT version FROM ${schema}.schema_version`)).toEqual([{ version: MIGRATIONS.length + 1 }]);
  });

  test('that older versions can live with lets them be started; another refuses them with a sentence, and those that run say what it may be', async () => {
    const running = open();
    await running.read('run_a');
    await migrated(widen);
    expect((await open().append('run_a', [prompted('3')]))[0]?.seq).toBe(3);
    await migrated(widen, (name) => `ALTER TABLE ${name}.heads RENAME COLUMN last_ms TO moved_ms`, MIGRATIONS.length + 2);
    const refused = await errorOf(open().read('run_a'));
    expect([refused.code, refused.message]).toEqual(['newer_version', `the journal in the schema ${schema} was written by a newer glovebox: its schema is version ${MIGRATIONS.length + 2}, this one knows ${MIGRATIONS.length}. Upgrade glovebox, or name another database`]);
    const failed = await errorOf(running.append('run_a', [prompted('4')]));
    expect([failed.code, failed.message]).toEqual(['journal_failed', expect.stringContaining('a newer glovebox may have changed the schema since this process began: upgrade it')]);
  });

  test.each([
    ['fails', (name: string) => `${widen(name)}; ALTER TABLE ${name}.events ADD COLUMN data text`, 'column "data" of relation "events" already exists'],
    ['loses something', (name: string) => `DELETE FROM ${name}.events WHERE stream = 'run_b'; DELETE FROM ${name}.heads WHERE stream = 'run_b'`, 'it held 4 events in 2 streams before, and 2 events in 1 streams after'],
  ])('that %s is found out on a copy, and changes nothing', async (_, migration, why) => {
    const error = await errorOf(migrated(migration));
    expect(error.code).toBe('journal_failed');
    expect(error.message).toContain(`${why}. It was tried in a copy, and the journal is as it was`);
    expect(await open().verify()).toEqual({ streams: 2, events: 4 });
    expect(await ask(`SELECT column_name FROM information_schema.columns WHERE table_schema LIKE $1 AND column_name = 'remark'`, [`${schema}%`])).toEqual([]);
  });
});
