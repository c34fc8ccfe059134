import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canonicalJson, type Clock, type Journal, type JournalEvent, type NewEvent } from '../../src/contracts/index.ts';

/** A store under test. `open` may be called again: each call is another process's view of the same store. */
export interface JournalUnderTest extends AsyncDisposable {
  open(clock: Clock): Journal;
  /** What is stored, where that is not what is read. */
  openStored?(clock: Clock): Journal;
}

const STREAM = 'run_1';
const GENESIS = '0'.repeat(64);

const prompted = (text: string): NewEvent => ({ type: 'run.prompted', data: { text } });
const texts = (events: readonly JournalEvent[]) => events.map((event) => (event.type === 'run.prompted' ? event.data.text : event.type));

async function take(events: AsyncIterable<JournalEvent>, count: number): Promise<JournalEvent[]> {
  const taken: JournalEvent[] = [];
  for await (const event of events) if (taken.push(event) === count) break;
  return taken;
}

/** What every store of the journal must do. */
export function journalSuite(name: string, make: () => Promise<JournalUnderTest>): void {
  describe(name, () => {
    let store: JournalUnderTest;
    let journal: Journal;
    let now = 1_000;
    const clock: Clock = { now: () => now };

    beforeEach(async () => {
      now = 1_000;
      store = await make();
      journal = store.open(clock);
    });

    afterEach(async () => {
      await journal[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    });

    test('numbers events from 1 in each stream and chains each to the one before it', async () => {
      const [first, second] = await journal.append(STREAM, [prompted('a'), prompted('b')]);
      now = 2_000;
      const [third] = await journal.append(STREAM, [prompted('c')]);
      const [other] = await journal.append('run_2', [prompted('d')]);

      expect(first).toMatchObject({ stream: STREAM, seq: 1, timeMs: 1_000, type: 'run.prompted', version: 1, previous: GENESIS });
      expect(second).toMatchObject({ seq: 2, previous: first?.hash });
      expect(third).toMatchObject({ seq: 3, timeMs: 2_000, previous: second?.hash });
      expect(other).toMatchObject({ stream: 'run_2', seq: 1, previous: GENESIS });
      expect(first?.hash).toMatch(/^[0-9a-f]{64}$/);
    });

    test('hashes the whole event in canonical JSON, so that others can check it with a few lines', async () => {
      const { createHash } = await import('node:crypto');
      const [event] = await journal.append(STREAM, [{ type: 'file.changed', data: { sandbox: 's', path: '/é', operation: 'write', bytes: 3 } }]);
      await using stored = store.openStored?.(clock);
      const data = stored === undefined ? '{"bytes":3,"operation":"write","path":"/é","sandbox":"s"}' : canonicalJson((await stored.read(STREAM))[0]?.data);
      const text =
        `{"data":${data},"previous":"${GENESIS}","seq":1,` +
        `"stream":"run_1","timeMs":1000,"type":"file.changed","version":1}`;
      expect(event?.hash).toBe(createHash('sha256').update(text).digest('hex'));
    });

    test('reads back what was appended, after a given event or from the start', async () => {
      const appended = [...(await journal.append(STREAM, [prompted('a'), prompted('b')])), ...(await journal.append(STREAM, [prompted('c')], { durable: true }))];
      expect(await journal.read(STREAM)).toEqual(appended);
      expect(texts(await journal.read(STREAM, 2))).toEqual(['c']);
      expect(await journal.read(STREAM, 3)).toEqual([]);
      expect(texts(await journal.read(STREAM, 0, 1))).toEqual(['a']);
      expect(texts(await journal.read(STREAM, 1, 5))).toEqual(['b', 'c']);
      expect(await journal.read('run_unknown')).toEqual([]);
    });

    test('keeps texts of any script, size and shape, and drops members that are undefined', async () => {
      const text = `\u0000 'quoted' "double" \\ é 漢 😀 \ud800 ${'x'.repeat(300_000)}`;
      await journal.append(STREAM, [{ type: 'session.opened', data: { principal: text, policy: 'p', policyHash: 'h', run: undefined } } as unknown as NewEvent]);
      expect((await journal.read(STREAM))[0]?.data).toEqual({ principal: text, policy: 'p', policyHash: 'h' });
      expect(Object.keys((await journal.read(STREAM))[0]?.data ?? {})).not.toContain('run');
    });

    test('appends all of a batch or nothing', async () => {
      await journal.append(STREAM, [prompted('a')]);
      const unwritable = { type: 'run.prompted', data: { text: 1n } } as unknown as NewEvent;
      await expect(journal.append(STREAM, [prompted('b'), unwritable])).rejects.toThrow(/cannot be written as JSON: a bigint/);
      expect(texts(await journal.read(STREAM))).toEqual(['a']);
      expect((await journal.append(STREAM, [prompted('c')]))[0]?.seq).toBe(2);
    });

    test('appends in the order of the calls, awaited or not, and one that fails keeps no other back', async () => {
      const unwritable = { type: 'run.prompted', data: { text: 1n } } as unknown as NewEvent;
      const appends = Array.from({ length: 50 }, (_, i) => journal.append(STREAM, [i === 20 ? unwritable : prompted(String(i))], { durable: i % 10 === 0 }));
      const settled = await Promise.allSettled(appends);
      const written = settled.flatMap((append) => (append.status === 'fulfilled' ? append.value : []));
      expect(settled[20]).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining('a bigint') } });
      expect(written.map((event) => event.seq)).toEqual(Array.from({ length: 49 }, (_, i) => i + 1));
      expect(texts(await journal.read(STREAM))).toEqual(Array.from({ length: 50 }, (_, i) => String(i)).filter((text) => text !== '20'));
    });

    test('appends nothing for an empty batch, durable or not', async () => {
      expect(await journal.append(STREAM, [])).toEqual([]);
      expect(await journal.append(STREAM, [], { durable: true })).toEqual([]);
      expect(await journal.streams()).toEqual([]);
    });

    test('refuses a name that is no name for a stream', async () => {
      for (const name of ['', 'a b', "x'; DROP TABLE events", 'a'.repeat(129)]) {
        await expect(journal.append(name, [prompted('a')])).rejects.toThrow(/not a name for a stream/);
      }
    });

    test('continues the stream where another process left it', async () => {
      await using other = store.open(clock);
      const [first] = await journal.append(STREAM, [prompted('ours')]);
      const [second] = await other.append(STREAM, [prompted('theirs')]);
      const [third] = await journal.append(STREAM, [prompted('ours again')]);
      expect([second?.seq, second?.previous]).toEqual([2, first?.hash]);
      expect([third?.seq, third?.previous]).toEqual([3, second?.hash]);
      expect(texts(await other.read(STREAM))).toEqual(['ours', 'theirs', 'ours again']);
      expect(await journal.verify()).toEqual({ streams: 1, events: 3 });
    });

    test('appends only to what the caller has read, where it says what that is', async () => {
      await using other = store.open(clock);
      expect(texts(await journal.append(STREAM, [prompted('a')], { expect: 0 }))).toEqual(['a']);
      await expect(other.append(STREAM, [prompted('b'), prompted('c')], { expect: 0 })).rejects.toMatchObject({ code: 'journal_moved', details: { stream: STREAM, seq: 1, expect: 0 } });
      await expect(other.append(STREAM, [prompted('b')], { expect: 2, durable: true })).rejects.toMatchObject({ code: 'journal_moved' });
      await other.append(STREAM, [prompted('d')], { expect: 1, durable: true });
      expect(texts(await journal.read(STREAM))).toEqual(['a', 'd']);
    });

    test('lists streams by their first event, the newest first', async () => {
      await journal.append('run_a', [prompted('1')]);
      now = 2_000;
      await journal.append('ses_b', [prompted('1')]);
      now = 3_000;
      await journal.append('run_c', [prompted('1')]);
      now = 4_000;
      await journal.append('run_a', [prompted('2'), prompted('3')]);

      expect(await journal.streams()).toEqual([
        { stream: 'run_c', tenant: 'local', firstMs: 3_000, lastMs: 3_000, events: 1 },
        { stream: 'ses_b', tenant: 'local', firstMs: 2_000, lastMs: 2_000, events: 1 },
        { stream: 'run_a', tenant: 'local', firstMs: 1_000, lastMs: 4_000, events: 3 },
      ]);
      expect((await journal.streams({ prefix: 'run_' })).map((found) => found.stream)).toEqual(['run_c', 'run_a']);
      expect((await journal.streams({ prefix: 'run_', limit: 1 })).map((found) => found.stream)).toEqual(['run_c']);
      expect(await journal.streams({ prefix: '%' })).toEqual([]);
    });

    test('lists the streams of a tenant, which the first append names, page by page', async () => {
      for (const name of ['run_a', 'run_b', 'run_c', 'run_d', 'run_e']) {
        await journal.append(name, [prompted('1')], name === 'run_c' ? {} : { tenant: 'acme' });
        if (name === 'run_b') now = 2_000;
      }
      await journal.append('run_c', [prompted('2')], { tenant: 'acme' });
      await journal.append('run_d', [prompted('2')]);
      const first = await journal.streams({ tenant: 'acme', prefix: 'run_', limit: 3 });
      expect(first.map(({ stream, tenant }) => [stream, tenant])).toEqual([['run_e', 'acme'], ['run_d', 'acme'], ['run_b', 'acme']]);
      const last = first.at(-1);
      expect((await journal.streams({ tenant: 'acme', limit: 3, ...(last && { before: last }) })).map(({ stream }) => stream)).toEqual(['run_a']);
      expect((await journal.streams({ before: { stream: 'run_d', firstMs: 2_000 } })).map(({ stream }) => stream)).toEqual(['run_c', 'run_b', 'run_a']);
      expect((await journal.streams({ tenant: 'local' })).map(({ stream }) => stream)).toEqual(['run_c']);
      expect(await journal.streams({ tenant: 'ac' })).toEqual([]);
    });

    test('refuses what is appended with an older fence than the stream has seen, in every process', async () => {
      await using other = store.open(clock);
      await journal.append(STREAM, [prompted('unowned')]);
      await journal.append(STREAM, [prompted('first owner')], { fence: 1 });
      await other.append(STREAM, [prompted('taken over')], { fence: 2 });
      const zombie = await journal.append(STREAM, [prompted('zombie')], { fence: 1, durable: true }).catch((error: unknown) => error);
      expect(zombie).toMatchObject({ code: 'fenced', details: { stream: STREAM, fence: 1, held: 2 } });
      await other.append(STREAM, [prompted('goes on')], { fence: 2 });
      await journal.append(STREAM, [prompted('says somebody else')]);
      await expect(journal.append(STREAM, [prompted('still')], { fence: 1 })).rejects.toMatchObject({ code: 'fenced' });
      expect(await journal.append(STREAM, [], { fence: 9 })).toEqual([]);
      await journal.append('run_2', [prompted('elsewhere')], { fence: 1 });
      expect(texts(await journal.read(STREAM))).toEqual(['unowned', 'first owner', 'taken over', 'goes on', 'says somebody else']);
      await expect(journal.append(STREAM, [prompted('none')], { fence: 0 })).rejects.toThrow('not a fence: 0');
    });

    test('scans events of some types in all streams, in those that grew lately, or in some', async () => {
      const many = Array.from({ length: 1_201 }, (_, i) => prompted(`a${i}`));
      await journal.append('run_a', [{ type: 'run.resumed', data: { fromSeq: 1 } }, ...many]);
      await journal.append('run_old', [prompted('old')]);
      now = 2_000;
      await journal.append('run_b', [prompted('b')]);
      await journal.append('run_a', [{ type: 'run.resumed', data: { fromSeq: 2 } }, prompted('late')]);
      const scanned = async (options?: Parameters<Journal['scan']>[1]) => texts(await Array.fromAsync(journal.scan(['run.prompted'], options)));
      const all = [...many.map((_, i) => `a${i}`), 'late'];
      expect(await scanned()).toEqual([...all, 'old', 'b']);
      expect(await scanned({ fromMs: 1_001 })).toEqual([...all, 'b']);
      expect(await scanned({ streams: ['run_b', 'run_none'] })).toEqual(['b']);
      expect(await scanned({ fromMs: 2_001 })).toEqual([]);
      expect(await Array.fromAsync(journal.scan(['run.submitted']))).toEqual([]);
      const both = await Array.fromAsync(journal.scan(['run.submitted', 'run.prompted', 'run.resumed'], { streams: ['run_a'] }));
      expect([both.length, both[0]?.type, both.at(-2)?.type]).toEqual([1_204, 'run.resumed', 'run.resumed']);
    });

    test('skims a stream: without some types, from a place on', async () => {
      await journal.append(STREAM, [prompted('a'), { type: 'run.resumed', data: { fromSeq: 1 } }, prompted('b'), { type: 'run.submitted', data: { summary: 'c' } }, prompted('d')]);
      await journal.append('run_2', [prompted('elsewhere')]);
      const seqs = async (options: Parameters<Journal['skim']>[1]) => (await journal.skim(STREAM, options)).map(({ seq, type }) => `${seq} ${type}`);
      expect(await seqs({ without: ['run.prompted'] })).toEqual(['2 run.resumed', '4 run.submitted']);
      expect(await seqs({ without: ['run.resumed', 'run.prompted'], afterSeq: 3 })).toEqual(['4 run.submitted']);
      expect(texts(await journal.skim(STREAM, { without: ['run.resumed', 'run.submitted'] }))).toEqual(['a', 'b', 'd']);
      expect(await seqs({ without: [], afterSeq: 4 })).toEqual(['5 run.prompted']);
      expect(await journal.skim('run_none', { without: [] })).toEqual([]);
    });

    test('verifies every stream, or one, and counts what it checked', async () => {
      await journal.append('run_a', [prompted('1'), prompted('2')]);
      await journal.append('run_b', [prompted('1')]);
      expect(await journal.verify()).toEqual({ streams: 2, events: 3 });
      expect(await journal.verify('run_a')).toEqual({ streams: 1, events: 2 });
      expect(await journal.verify('run_unknown')).toEqual({ streams: 1, events: 0 });
    });

    test('follows a stream: what is there, then what comes, from this process and from another', async () => {
      await using other = store.open(clock);
      const stop = new AbortController();
      await journal.append(STREAM, [prompted('a'), prompted('b')]);
      const seen = take(journal.follow(STREAM, { afterSeq: 1, signal: stop.signal }), 3);
      await journal.append('run_2', [prompted('elsewhere')]);
      await journal.append(STREAM, [prompted('c')]);
      await new Promise((resolve) => setImmediate(resolve));
      await other.append(STREAM, [prompted('d')]);
      expect(texts(await seen)).toEqual(['b', 'c', 'd']);
    });

    test('follows a stream that does not exist yet', async () => {
      const stop = new AbortController();
      const seen = take(journal.follow(STREAM, { signal: stop.signal }), 1);
      await new Promise((resolve) => setImmediate(resolve));
      await journal.append(STREAM, [prompted('first')]);
      expect(texts(await seen)).toEqual(['first']);
    });

    test('gives a slow follower every event once and in order', async () => {
      const stop = new AbortController();
      const seen: string[] = [];
      let appended = 0;
      await journal.append(STREAM, [prompted('start')]);
      for await (const event of journal.follow(STREAM, { signal: stop.signal })) {
        seen.push(...texts([event]));
        for (let i = 0; i < 7 && appended < 1_500; i++) await journal.append(STREAM, [prompted(String(appended++))]);
        if (seen.length === 1_501) break;
      }
      expect(seen).toEqual(['start', ...Array.from({ length: 1_500 }, (_, i) => String(i))]);
    });

    test('stops following at once when the signal fires, and when the journal is closed', async () => {
      const stop = new AbortController();
      const aborted = collect(journal.follow(STREAM, { signal: stop.signal }));
      const other = store.open(clock);
      const closed = collect(other.follow(STREAM, { signal: new AbortController().signal }));
      await new Promise((resolve) => setImmediate(resolve));
      stop.abort();
      expect(await aborted).toEqual([]);
      await other[Symbol.asyncDispose]();
      expect(await closed).toEqual([]);
      expect(await collect(journal.follow(STREAM, { signal: AbortSignal.abort() }))).toEqual([]);
    });
  });
}

async function collect(events: AsyncIterable<JournalEvent>): Promise<JournalEvent[]> {
  const all: JournalEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}
