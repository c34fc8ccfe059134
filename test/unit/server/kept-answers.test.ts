import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FolderBlobs, SqliteJournal } from '../../../src/journal/index.ts';
import { KeptAnswers, type KeyedRequest } from '../../../src/server/idempotency/kept-answers.ts';

const HOUR_MS = 3_600_000;
const REQUEST: KeyedRequest = { tenant: 'local', key: 'one', headHash: 'head', method: 'POST', route: '/v1/sandboxes', by: 'key:test', isRepeatable: false };
const ANSWER = { status: 201, contentType: 'application/json', text: '{"id":"sbx_1","note":"hush"}' };

/** Processes that share a journal: one by one, each under a name of its own. */
function processes() {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-answers-'));
  const clock = { now: () => Date.now() + later.ms };
  const later = { ms: 0 };
  const dead = new Set<string>();
  const journal = new SqliteJournal(join(folder, 'journal.db'));
  const blobs = new FolderBlobs(join(folder, 'blobs'));
  const redactor = { known: <T>(value: T): T => value, all: <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll('hush', '[secret:test]')) as T };
  onTestFinished(async () => {
    await journal[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  const process = (name: string) => new KeptAnswers({ journal, answers: blobs, blobs, redactor, clock, ownership: { name, isDead: (other) => dead.has(other) } });
  return { later, dead, journal, blobs, process };
}

async function begun(answers: KeptAnswers, request: Partial<KeyedRequest> = {}): Promise<string> {
  const beginning = await answers.begin({ ...REQUEST, ...request });
  if (beginning.how !== 'begun') throw new Error('it was answered before');
  return beginning.stream;
}

test('the answer is given again, also by another process, without the secrets that were in it, for a day', async () => {
  const { process, later } = processes();
  await process('a').answered(await begun(process('a')), 'body', ANSWER);
  const again = { how: 'answered', bodyHash: 'body', answer: { status: 201, contentType: 'application/json', text: '{"id":"sbx_1","note":"[secret:test]"}' } };
  expect(await process('b').begin(REQUEST)).toMatchObject(again);
  later.ms = 23 * HOUR_MS;
  expect(await process('b').begin(REQUEST)).toMatchObject(again);
  later.ms = 25 * HOUR_MS;
  expect(await process('b').begin(REQUEST)).toMatchObject({ how: 'begun' });
});

test('a long answer is the same again, and one that is told once is not told', async () => {
  const { process, journal, blobs } = processes();
  const a = process('a');
  const text = JSON.stringify({ stdout: 'x'.repeat(100_000) });
  const stream = await begun(a);
  await a.answered(stream, 'body', { status: 200, text });
  expect(JSON.stringify(await journal.read(stream)).length).toBeLessThan(10_000);
  expect(await a.begin(REQUEST)).toMatchObject({ how: 'answered', answer: { text } });
  await a.answered(await begun(a, { key: 'two' }), 'body', { status: 201, text: undefined });
  expect(await a.begin({ ...REQUEST, key: 'two' })).toMatchObject({ how: 'answered', answer: { text: undefined } });
  // An older version kept the text alone, among other blobs.
  const blob = await blobs.of('local').put(Buffer.from(text));
  await journal.append(await begun(a, { key: 'three' }), [{ type: 'request.answered', data: { status: 200, bodyHash: 'body', blob } }]);
  expect(await process('b').begin({ ...REQUEST, key: 'three' })).toMatchObject({ how: 'answered', answer: { text } });
});

test('of those who ask at once one is let in, and the others are told that it is under way', async () => {
  const { process } = processes();
  const [a, b] = [process('a'), process('b')];
  const all = await Promise.allSettled([a, b, a, b].map((each) => each.begin(REQUEST)));
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const each of all) if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'key_in_flight', details: { retryAfterSeconds: 1 } });
});

test('what was under way when its process died is not done again, and that is said; what may be done twice is', async () => {
  const { process, dead } = processes();
  await begun(process('a'));
  await begun(process('a'), { key: 'put', isRepeatable: true });
  const b = process('b');
  await expect(b.begin(REQUEST)).rejects.toMatchObject({ code: 'key_in_flight' });
  dead.add('a');
  await expect(b.begin(REQUEST)).rejects.toMatchObject({ code: 'outcome_unknown', status: 409 });
  await expect(b.begin(REQUEST)).rejects.toMatchObject({ code: 'outcome_unknown' });
  expect(await b.begin({ ...REQUEST, key: 'put', isRepeatable: true })).toMatchObject({ how: 'begun' });
});

test('what failed for reasons of ours is done again, also as another request; else a key is for one request of one tenant', async () => {
  const { process } = processes();
  const a = process('a');
  await a.released(await begun(a), 503);
  await a.answered(await begun(a, { headHash: 'other' }), 'body', ANSWER);
  await expect(a.begin(REQUEST)).rejects.toMatchObject({ code: 'key_reused', status: 422 });
  expect(await a.begin({ ...REQUEST, tenant: 'acme' })).toMatchObject({ how: 'begun' });
});
