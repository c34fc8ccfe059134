import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RegistryCaches } from '../../src/broker/index.ts';
import { type EventData, GloveboxError, type JournalEvent, type NewEvent } from '../../src/contracts/index.ts';
import { SqliteJournal } from '../../src/journal/index.ts';
import { KeyFolder } from '../../src/journal/seal/key-folder.ts';
import { MachineErasures } from '../../src/journal/tenancy/machine-erasures.ts';
import { TestEnvelopes } from '../support/envelopes.ts';
import { OPERATOR, SealedPlace } from '../support/sealed-place.ts';
import { journalSuite } from './journal.suite.ts';
import { masterKeySuite } from './master-key.suite.ts';

journalSuite('SealedJournal on SQLite', async () => {
  const place = new SealedPlace();
  return {
    open: (clock) => {
      place.nowMs = clock.now();
      Object.assign(place, { clock });
      return place.open().journal;
    },
    openStored: (clock) => new SqliteJournal(place.database, { clock }),
    [Symbol.asyncDispose]: async () => place[Symbol.dispose](),
  };
});

masterKeySuite('a folder', () => undefined);

const CANARY = 'the canary sang at the bottom of the mine';
const RUN = 'run_01m7zgkc0ws2gs7h7z35f9gfrw';
const OTHER = 'run_01m7zgkc0ws2gs7h7z35f9gfrx';
const said = (text: string): NewEvent => ({ type: 'run.prompted', data: { text } });
const created = (task: string): NewEvent => ({ type: 'run.created', data: { task, repository: '/r', baseTree: '0'.repeat(40), options: {} } });
const ended: NewEvent = { type: 'run.ended', data: { outcome: 'fixed', detail: 'done' } as EventData['run.ended'] };
const dataOf = (events: readonly JournalEvent[]) => events.map(({ data }) => data);

async function errorOf(work: () => Promise<unknown>): Promise<GloveboxError> {
  const error = await work().then(() => undefined, (thrown: unknown) => thrown);
  if (error instanceof GloveboxError) return error;
  throw new Error(`expected an error of ours, found ${String(error)}`);
}

let place: SealedPlace;

beforeEach(() => {
  place = new SealedPlace();
});

afterEach(() => place[Symbol.dispose]());

describe('what is at rest', () => {
  test('has no word of a payload: not the database, its log, nor a blob; and what reads it has all of them', async () => {
    await using at = place.open();
    await at.journal.append(RUN, [created(CANARY), said(CANARY)], { tenant: 'acme', durable: true });
    await at.journal.append('queue', [{ type: 'run.cancel_asked', data: { by: CANARY } }]);
    const blob = await at.blobs.of('acme').put(Buffer.from(CANARY));
    const { hash: large } = await at.blobs.of('acme').putStream(pieces(`${CANARY} `.repeat(20_000)));
    for (const text of [CANARY, Buffer.from(CANARY).toString('base64').slice(4, 40), Buffer.from(CANARY).toString('hex')]) expect(place.bytes().includes(text)).toBe(false);
    expect(place.bytes().includes('run.prompted')).toBe(true);

    await using reader = place.open();
    expect(dataOf(await reader.journal.read(RUN))).toEqual([created(CANARY).data, { text: CANARY }]);
    expect(dataOf(await reader.journal.read('queue'))).toEqual([{ by: CANARY }]);
    expect((await reader.blobs.of('acme').get(blob)).toString()).toBe(CANARY);
    expect((await Array.fromAsync(reader.blobs.of('acme').getStream(large))).join('')).toBe(`${CANARY} `.repeat(20_000));
  });

  test('shows of two tenants neither that they have the same blob, nor one the blob of the other', async () => {
    await using at = place.open();
    const [acme, umbrella] = [at.blobs.of('acme'), at.blobs.of('umbrella')];
    const name = await acme.put(Buffer.from(CANARY));
    expect((await errorOf(() => umbrella.get(name))).code).toBe('not_found');
    expect(await umbrella.put(Buffer.from(CANARY))).toBe(name);
    expect(await acme.put(Buffer.from(CANARY))).toBe(name);
    const files = readdirSync(join(place.blobFolder, 'sealed'), { recursive: true }).map(String).filter((file) => file.split('/').length === 3).sort();
    expect(files.map((file) => file.split('/')[0])).toEqual(['acme', 'umbrella']);
    const [one, two] = files.map((file) => [file.slice(file.indexOf('/')), readFileSync(join(place.blobFolder, 'sealed', file)).subarray(80)] as const);
    expect(one?.[0]).not.toBe(two?.[0]);
    expect(one?.[1].equals(two?.[1] ?? Buffer.alloc(0))).toBe(false);
  });

  test('written by an older version, unsealed, goes on being read, and what is added is sealed', async () => {
    {
      await using older = new SqliteJournal(place.database, { clock: place.clock });
      await older.append(RUN, [created('plain')], { tenant: 'acme' });
    }
    await using at = place.open();
    // The tenant is the one that the stream was begun with.
    await at.journal.append(RUN, [said(CANARY)]);
    expect(dataOf(await at.journal.read(RUN))).toEqual([created('plain').data, { text: CANARY }]);
    expect(place.bytes().includes(CANARY)).toBe(false);
    expect((await at.keys.store.list()).map(({ id }) => id)).toEqual(['acme/events/2026-11/1']);
    expect(await at.journal.verify()).toEqual({ streams: 1, events: 2 });
  });
});

describe('keys', () => {
  test('another master key reads nothing and writes nothing, and says which it should be', async () => {
    {
      await using at = place.open();
      await at.journal.append(RUN, [said(CANARY)], { tenant: 'acme' });
    }
    await using other = place.open({ envelopes: new TestEnvelopes(Buffer.alloc(32, 8).toString('base64')) });
    for (const work of [() => other.journal.read(RUN), () => other.journal.append(RUN, [said('more')], { tenant: 'acme' })]) {
      expect(await errorOf(work)).toMatchObject({ code: 'secret_unreadable', message: expect.stringMatching(/^the payload key acme\/events\/2026-11\/1 was sealed under master key \w{16}, and this is \w{16}: give the one it was sealed under/) });
    }
    expect(await other.stored.read(RUN)).toHaveLength(1);
    await other.journal.verify();
  });

  test('a key that is not there is no erasure: it is said what to put back', async () => {
    {
      await using at = place.open();
      await at.journal.append(RUN, [said(CANARY)], { tenant: 'acme' });
    }
    rmSync(place.keyFolder, { recursive: true });
    await using at = place.open();
    expect(await errorOf(() => at.journal.read(RUN))).toMatchObject({ code: 'secret_unreadable', message: expect.stringContaining(`the payload key acme/events/2026-11/1 is not in ${place.keyFolder}: put back the keys`) });
  });

  test('two processes that need one at once have the same, and each reads what the other wrote', async () => {
    await using one = place.open();
    await using two = place.open();
    await Promise.all([one, two].flatMap(({ journal }, i) => [0, 1, 2].map((n) => journal.append(RUN, [said(`${i} ${n}`)], { tenant: 'acme' }))));
    for (const { journal } of [one, two]) expect(dataOf(await journal.read(RUN)).map((data) => (data as { text: string }).text).toSorted()).toEqual(['0 0', '0 1', '0 2', '1 0', '1 1', '1 2']);
    expect(await one.keys.store.list()).toHaveLength(1);
  });

  test('a payload that was altered or moved opens nowhere, with a chain that was made to fit', async () => {
    {
      await using at = place.open();
      await at.journal.append(RUN, [said('first'), said('second')], { tenant: 'acme' });
      await at.journal.append(OTHER, [said('another stream')], { tenant: 'acme' });
    }
    const rows = rowsOf(place.database);
    const moved = JSON.parse(rows.find(({ stream }) => stream === OTHER)?.data ?? '') as unknown;
    const altered = JSON.parse((rows.find(({ stream }) => stream === RUN)?.data ?? '').replace(/"bytes":"(.)/, (_, letter: string) => `"bytes":"${letter === 'A' ? 'B' : 'A'}`)) as unknown;
    for (const data of [moved, altered]) {
      const copy = join(place.folder, 'copy.db');
      rmSync(copy, { force: true });
      {
        await using forged = new SqliteJournal(copy, { clock: place.clock });
        await forged.append(RUN, [{ type: 'run.prompted', data } as NewEvent]);
      }
      await using at = place.open({ database: copy });
      expect(await errorOf(() => at.journal.read(RUN))).toMatchObject({ code: 'journal_tampered', details: { stream: RUN, seq: 1 } });
    }
  });

  test('a blob that was cut off, altered, or put in the place of another is found out before its last piece', async () => {
    await using at = place.open();
    const blobs = at.blobs.of('acme');
    const content = 'x'.repeat(200_000);
    const { hash } = await blobs.putStream(pieces(content));
    const [file = ''] = readdirSync(join(place.blobFolder, 'sealed'), { recursive: true }).map(String).filter((name) => name.split('/').length === 3);
    const path = join(place.blobFolder, 'sealed', file);
    const whole = readFileSync(path);
    const flipped = Buffer.from(whole);
    flipped.writeUInt8(whole.readUInt8(150_000) ^ 1, 150_000);
    const other = await place.open().blobs.of('umbrella').put(Buffer.from(content));
    expect(other).toBe(hash);
    for (const bytes of [whole.subarray(0, 100 + 65_552), whole.subarray(0, 40), flipped, Buffer.alloc(0)]) {
      writeFileSync(path, bytes);
      expect((await errorOf(() => blobs.get(hash))).code).toBe('journal_tampered');
    }
    // Putting it again heals it.
    await blobs.put(Buffer.from(content));
    expect((await blobs.get(hash)).length).toBe(200_000);
  });
});

describe('erasure', () => {
  test('makes all of a tenant unreadable, in a backup as well, and of nobody else; the chain verifies, and what comes after is kept', async () => {
    await using at = place.open();
    await using elsewhere = place.open();
    for (const { journal } of [at, elsewhere]) await journal.append(RUN, [said(CANARY)], { tenant: 'acme' });
    await at.journal.append(RUN, [ended]);
    await at.journal.append(OTHER, [said('of another tenant'), ended], { tenant: 'umbrella' });
    const blob = await at.blobs.of('acme').put(Buffer.from(CANARY));
    const backup = join(place.folder, 'backup.db');
    new DatabaseSync(place.database).exec(`VACUUM INTO '${backup}'`);

    expect(await at.tenants.erase('acme', OPERATOR, { why: 'he asked for it' })).toEqual({ keys: 3, blobs: 1, streams: 1, unsealed: 0 });
    await using afterwards = place.open();
    await using restored = place.open({ database: backup });
    for (const { journal } of [at, elsewhere, afterwards, restored]) {
      expect((await journal.read(RUN)).map(({ type, data }) => [type, data])).toEqual([['erased', { was: 'run.prompted' }], ['erased', { was: 'run.prompted' }], ['erased', { was: 'run.ended' }]]);
      expect(await Array.fromAsync(journal.scan(['run.prompted'], { streams: [RUN] }))).toEqual([]);
      expect(dataOf(await journal.read(OTHER))[0]).toEqual({ text: 'of another tenant' });
      await journal.verify();
    }
    expect((await errorOf(() => afterwards.blobs.of('acme').get(blob))).code).toBe('erased');
    for (const file of readdirSync(join(place.keyFolder, 'acme'))) expect(JSON.parse(readFileSync(join(place.keyFolder, 'acme', file), 'utf8'))).toEqual({ state: 'destroyed', atMs: place.nowMs });
    expect(dataOf(await at.journal.read('tenants'))).toMatchObject([{ tenant: 'acme', by: 'user:op', why: 'he asked for it', keys: expect.arrayContaining(['acme/events/2026-11/1']) }, { tenant: 'acme', keys: 3, blobs: 1 }]);

    // The process that had its key in hand takes another one.
    await elsewhere.journal.append('run_01m7zgkc0ws2gs7h7z35f9gfry', [said('begun afterwards')], { tenant: 'acme' });
    expect(dataOf(await afterwards.journal.read('run_01m7zgkc0ws2gs7h7z35f9gfry'))).toEqual([{ text: 'begun afterwards' }]);
  });

  test('takes what is kept for speed as well: here at once, and on another machine when that looks', async () => {
    const cacheFolders = ['here', 'there'].map((name) => join(place.folder, name));
    const [here, there] = cacheFolders.map((cacheFolder) => place.open({ cacheFolder }));
    if (here === undefined || there === undefined) throw new Error('there are two');
    await using both = new AsyncDisposableStack();
    for (const machine of [here, there]) {
      both.use(machine);
      for (const tenant of ['acme', 'umbrella']) keep(machine.caches, tenant);
    }
    await here.journal.append(RUN, [said(CANARY), ended], { tenant: 'acme' });
    const files = await Array.fromAsync(here.tenants.export('acme', OPERATOR));
    const summary = Buffer.concat(await Array.fromAsync(files.find(({ path }) => path === 'tenant.json')?.content ?? []));
    expect(JSON.parse(summary.toString())).toMatchObject({ registryCache: { files: 1, bytes: CANARY.length } });

    await here.tenants.erase('acme', OPERATOR);
    const sizes = async () => (await Promise.all([here, there].flatMap(({ caches }) => ['acme', 'umbrella'].map((tenant) => caches.size(tenant))))).map((size) => size.files);
    expect(await sizes()).toEqual([0, 1, 1, 1]);
    await there.tenants.retain(OPERATOR);
    expect(await sizes()).toEqual([0, 1, 0, 1]);
    // What comes afterwards is kept.
    for (const machine of [here, there]) keep(machine.caches, 'acme');
    for (const { tenants } of [here, there]) await tenants.retain(OPERATOR);
    expect(await sizes()).toEqual([1, 1, 1, 1]);
  });

  test('is heard of on every machine, also by one that was not there when it was done', async () => {
    await using at = place.open();
    await at.blobs.of('acme').put(Buffer.from(CANARY));
    await at.blobs.of('umbrella').put(Buffer.from(CANARY));
    const machine = (file: string, forget: (tenant: string) => void) => new MachineErasures({ journal: at.journal, file: join(place.folder, file), caches: { forget: async (tenant) => forget(tenant) } });
    const over = new AbortController();
    const heard: string[] = [];
    const following = machine('running', (tenant) => {
      heard.push(tenant);
      if (heard.length === 2) over.abort();
    }).follow(AbortSignal.any([over.signal, AbortSignal.timeout(20_000)]));
    for (const tenant of ['acme', 'umbrella']) await at.tenants.erase(tenant, OPERATOR);
    await following;
    expect(heard).toEqual(['acme', 'umbrella']);
    const later: string[] = [];
    const cutOff = machine('later', (tenant) => {
      if (tenant === 'umbrella' && later.length === 1) throw new Error('the process died');
      later.push(tenant);
    });
    expect(await errorOf(() => cutOff.catchUp())).toMatchObject({ code: 'journal_failed', message: expect.stringContaining('umbrella') });
    await machine('later', (tenant) => void later.push(tenant)).catchUp();
    await machine('later', (tenant) => void later.push(tenant)).catchUp();
    expect(later).toEqual(['acme', 'umbrella']);
  });

  test('is refused while something of the tenant lives', async () => {
    await using at = place.open();
    await at.journal.append(RUN, [created(CANARY)], { tenant: 'acme' });
    expect(await errorOf(() => at.tenants.erase('acme', OPERATOR))).toMatchObject({ code: 'usage', message: expect.stringContaining(RUN) });
    expect(dataOf(await at.journal.read(RUN))).toEqual([created(CANARY).data]);
    expect(await errorOf(() => at.tenants.erase('nobody', OPERATOR))).toMatchObject({ code: 'not_found' });
  });

  test.each([1, 2, 3, 4, 5, 6])('that was cut off at its write number %i is ended by the next gc', async (deadly) => {
    const keyStore = new DyingKeys(place.keyFolder, deadly);
    {
      await using at = place.open();
      await at.journal.append(RUN, [said(CANARY), ended], { tenant: 'acme' });
      await at.blobs.of('acme').put(Buffer.from(CANARY));
    }
    await using dying = place.open({ keyStore });
    await errorOf(() => dying.tenants.erase('acme', OPERATOR));
    await using at = place.open();
    await at.tenants.retain(OPERATOR);
    expect((await at.journal.read(RUN)).map(({ type }) => type)).toEqual(['erased', 'erased']);
    expect((await at.keys.store.list('acme')).map(({ record }) => record.state)).toEqual(['destroyed', 'destroyed', 'destroyed']);
    expect(readdirSync(join(place.blobFolder, 'sealed'), { recursive: true }).map(String).filter((name) => name.split('/').length === 3)).toEqual([]);
    expect((await at.journal.read('tenants')).map(({ type }) => type)).toEqual(['erasure.begun', 'erasure.ended']);
    expect(await at.tenants.retain(OPERATOR)).toEqual({ keys: [], blobs: 0, answers: 0, kept: [] });
  });

  test('says how much an older version left that was never sealed', async () => {
    {
      await using older = new SqliteJournal(place.database, { clock: place.clock });
      await older.append(RUN, [created('plain'), ended], { tenant: 'acme' });
    }
    await using at = place.open();
    expect(await at.tenants.erase('acme', OPERATOR)).toMatchObject({ streams: 1, unsealed: 2 });
  });
});

describe('answers that are kept for a day', () => {
  test('are removed when nobody can ask for them again, and nothing else is; what a tenant has of them is given out and erased with the rest', async () => {
    await using at = place.open();
    place.nowMs = Date.now();
    const [answer, blob] = [await at.answers.of('acme').put(Buffer.from(CANARY)), await at.blobs.of('acme').put(Buffer.from(CANARY))];
    expect(place.bytes().includes(CANARY)).toBe(false);
    await at.journal.append(RUN, [said(CANARY), ended], { tenant: 'acme' });
    expect((await Array.fromAsync(at.tenants.export('acme', OPERATOR))).filter(({ path }) => path.startsWith('blobs/'))).toHaveLength(2);

    place.nowMs = Date.now() + 23 * 3600_000;
    expect(await at.tenants.retain(OPERATOR)).toMatchObject({ answers: 0 });
    expect((await at.answers.of('acme').get(answer)).toString()).toBe(CANARY);
    place.nowMs = Date.now() + 25 * 3600_000;
    expect(await at.tenants.retain(OPERATOR)).toMatchObject({ answers: 1 });
    expect((await errorOf(() => at.answers.of('acme').get(answer))).code).toBe('not_found');
    expect((await at.blobs.of('acme').get(blob)).toString()).toBe(CANARY);

    await at.answers.of('acme').put(Buffer.from(CANARY));
    expect(await at.tenants.erase('acme', OPERATOR)).toMatchObject({ blobs: 2 });
    expect(readdirSync(join(place.blobFolder, 'sealed'), { recursive: true }).map(String).filter((name) => /\/..\/[0-9a-f]{62}$/.test(name))).toEqual([]);
  });
});

describe('retention', () => {
  const day = 86_400_000;
  const retention = { payloads: 90 * day, blobs: 30 * day, tenants: { umbrella: { payloads: 365 * day } } };

  test('destroys months that have been over for long enough: blobs sooner than events, each tenant by what is said of him', async () => {
    await using at = place.open({ retention });
    const blob = await at.blobs.of('acme').put(Buffer.from(CANARY));
    await at.journal.append(RUN, [said(CANARY), ended], { tenant: 'acme' });
    await at.journal.append(OTHER, [said(CANARY), ended], { tenant: 'umbrella' });
    await at.journal.append('control', [{ type: 'run.cancel_asked', data: { by: 'somebody' } }]);

    place.nowMs = Date.UTC(2026, 11, 30);
    expect(await at.tenants.retain(OPERATOR)).toEqual({ keys: [], blobs: 0, answers: 0, kept: [] });
    place.nowMs = Date.UTC(2026, 11, 31);
    expect(await at.tenants.retain(OPERATOR)).toEqual({ keys: ['acme/blobs/2026-11/1'], blobs: 1, answers: 0, kept: [] });
    expect((await errorOf(() => at.blobs.of('acme').get(blob))).code).toBe('erased');
    expect(dataOf(await at.journal.read(RUN))[0]).toEqual({ text: CANARY });
    place.nowMs = Date.UTC(2027, 2, 1);
    expect((await at.tenants.retain(OPERATOR)).keys).toEqual(['acme/events/2026-11/1']);
    expect((await at.journal.read(RUN)).map(({ type }) => type)).toEqual(['erased', 'erased']);
    expect(dataOf(await at.journal.read(OTHER))[0]).toEqual({ text: CANARY });
    expect(dataOf(await at.journal.read('control'))).toEqual([{ by: 'somebody' }]);
    await at.journal.verify();
  });

  test('keeps what a run that has not ended may need, and says so', async () => {
    await using at = place.open({ retention });
    await at.journal.append(RUN, [created(CANARY)], { tenant: 'acme' });
    place.nowMs = Date.UTC(2027, 5, 1);
    expect(await at.tenants.retain(OPERATOR)).toEqual({ keys: [], blobs: 0, answers: 0, kept: [{ tenant: 'acme', living: [RUN] }] });
    await at.journal.append(RUN, [ended]);
    expect((await at.tenants.retain(OPERATOR)).keys).toEqual(['acme/events/2026-11/1']);
    expect((await at.journal.read(RUN)).map(({ type }) => type)).toEqual(['erased', 'run.ended']);
  });

  test('a blob that is put again in a later month lives as long as that month', async () => {
    await using at = place.open({ retention });
    const blobs = at.blobs.of('acme');
    const name = await blobs.put(Buffer.from(CANARY));
    place.nowMs = Date.UTC(2026, 11, 20);
    await blobs.put(Buffer.from(CANARY));
    place.nowMs = Date.UTC(2026, 11, 31);
    expect(await at.tenants.retain(OPERATOR)).toEqual({ keys: ['acme/blobs/2026-11/1'], blobs: 0, answers: 0, kept: [] });
    expect((await blobs.get(name)).toString()).toBe(CANARY);
  });
});

/** Dies at its nth write. */
class DyingKeys extends KeyFolder {
  #left: number;

  constructor(folder: string, left: number) {
    super(folder);
    this.#left = left;
  }

  override async replace(...replaced: Parameters<KeyFolder['replace']>): Promise<boolean> {
    if (--this.#left < 0) throw new GloveboxError('journal_failed', 'it is dead');
    const isReplaced = await super.replace(...replaced);
    if (this.#left === 0) throw new GloveboxError('journal_failed', 'it dies here');
    return isReplaced;
  }
}

/** As a session of the tenant leaves it. */
function keep(caches: RegistryCaches, tenant: string): void {
  mkdirSync(caches.folderOf(tenant), { recursive: true });
  writeFileSync(join(caches.folderOf(tenant), 'answer'), CANARY);
}

function rowsOf(file: string): readonly { readonly stream: string; readonly data: string }[] {
  using database = new DatabaseSync(file);
  return database.prepare('SELECT stream, data FROM events ORDER BY stream, seq').all() as unknown as readonly { stream: string; data: string }[];
}

async function* pieces(text: string): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 50_001) yield bytes.subarray(at, at + 50_001);
}
