// Clients that wait: what they hold is let go of when they are late, have gone, or have waited long enough.
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { randomIds, requestHash, systemClock } from '../../src/contracts/index.ts';
import { isConnected } from '../support/connections.ts';
import { eventsOf, serving } from '../support/server.ts';

const DEADLINE = { timeout: 30_000 };
const ids = randomIds(systemClock);

let server: Awaited<ReturnType<typeof serving>>;
/** Streams of the journal that are followed now, each as often as it is. */
const followed: string[] = [];

beforeAll(async () => {
  server = await serving({ deadlines: { takeMs: 500 } });
  const { journal } = server.services;
  const follow = journal.follow.bind(journal);
  vi.spyOn(journal, 'follow').mockImplementation(async function* (stream, options) {
    followed.push(stream);
    try {
      yield* follow(stream, options);
    } finally {
      followed.splice(followed.indexOf(stream), 1);
    }
  });
});
afterAll(() => server.stop());

/** Longer than what fits into a connection, in events that do not. */
async function longRun(): Promise<string> {
  const { journal, principal } = server.services;
  const run = ids.next('run');
  const options = { principal: { ...principal }, model: 'openai:any', policy: 'code-fix', policyHash: 'sha256:0', image: 'node', notes: [], versions: {} };
  await journal.append(run, [{ type: 'run.created', data: { task: 't', repository: 'https://x.test/y', baseTree: '4b825dc642cb6eb9a060e54bf8d69288fbee4904', options } }], { tenant: principal.tenant });
  for (let i = 0; i < 40; i++) await journal.append(run, [{ type: 'run.prompted', data: { text: 'x '.repeat(200_000) } }]);
  return run;
}

test('a follower that does not read is let go of, with what it held, and others go on', async () => {
  const warnings: string[] = [];
  const warned = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', warned);
  onTestFinished(() => void process.off('warning', warned));
  const run = await longRun();
  const { port } = new URL(server.url);
  const silent = connect(Number(port), '127.0.0.1');
  silent.on('error', () => {}).pause();
  silent.write(`GET /v1/runs/${run}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.key}\r\n\r\n`);
  await expect.poll(() => followed, DEADLINE).toEqual([run]);
  const { localPort = 0 } = silent;
  const reader = new AbortController();
  let read = 0;
  for await (const { data } of eventsOf(await server.as().raw('GET', `/v1/runs/${run}/events`, { signal: reader.signal }))) if ((read = Number(data['seq'])) === 41) break;
  expect(read).toBe(41);
  reader.abort();
  await expect.poll(() => followed, DEADLINE).toEqual([]);
  expect(isConnected(localPort)).toBe(false);
  silent.destroy();
  // Each wait for room in a connection goes with what it listened to.
  expect(warnings).not.toContain('MaxListenersExceededWarning');
});

test('who waits for the answer to an approval has it when it is given, or hears that there is none yet, and is forgotten when he goes', async () => {
  const { journal, principal } = server.services;
  const request = { action: 'command.exec', argv: ['git', 'push'], cwd: '/workspace' } as const;
  const approval = ids.next('apr');
  const data = { requestHash: requestHash(request), policyHash: 'sha256:0', stream: 'ses_x', session: 'ses_x', tenant: principal.tenant, askedBy: 'key:other', request, reason: { effect: 'ask' as const, rule: 'r', text: 't' }, policy: 'p', by: ['administrator'], own: true, expiresAtMs: Date.now() + 3_600_000 };
  await journal.append(approval, [{ type: 'approval.requested', data }], { tenant: principal.tenant });
  const admin = server.as();
  expect((await admin.call('GET', `/v1/approvals/${approval}?waitMs=50`)).body).toMatchObject({ id: approval, status: 'pending' });
  expect(followed).toEqual([]);
  const gone = new AbortController();
  const left = admin.raw('GET', `/v1/approvals/${approval}?waitMs=60000`, { signal: gone.signal });
  await expect.poll(() => followed, DEADLINE).toEqual([approval]);
  gone.abort();
  await expect(left).rejects.toThrow(/abort/i);
  await expect.poll(() => followed, DEADLINE).toEqual([]);
  const waiting = admin.call('GET', `/v1/approvals/${approval}?waitMs=60000`);
  await expect.poll(() => followed, DEADLINE).toEqual([approval]);
  await admin.call('POST', `/v1/approvals/${approval}/answer`, { answer: 'never', why: 'not today', requestHash: data.requestHash });
  expect((await waiting).body).toMatchObject({ status: 'answered', answer: { answer: 'never', by: 'key:first', why: 'not today' } });
  expect(await admin.call('GET', `/v1/approvals/${approval}?waitMs=60001`)).toMatchObject({ status: 400 });
}, 45_000);
