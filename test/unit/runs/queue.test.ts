import { expect, test } from 'vitest';
import type { RunId } from '../../../src/contracts/index.ts';
import { JournalQueue, type Queue, Runs, Worker, wakeRun } from '../../../src/runs/index.ts';
import { JournalApprovals } from '../../../src/session/index.ts';
import { ROOT_AUTHORITY, TESTER } from '../../support/principal.ts';
import { calling, policyOf, type Reply, type Rig, rig, ScriptedModel, tinyShell } from './rig.ts';

const FIXING = [calling('shell', { command: 'set a.txt good' }), calling('submit', { summary: 'made it good' })];

function workerOf(at: Rig, options: { queue?: Queue; ports?: Partial<Rig['ports']>; parkAfterMs?: number; concurrency?: number; untilEmpty?: boolean; notes?: string[] } = {}): Worker {
  const ports = { ...at.ports, ...options.ports };
  return new Worker({
    queue: options.queue ?? ports.queue,
    journal: ports.journal,
    clock: ports.clock,
    runsOf: (principal) => new Runs({ ...ports, principal }),
    name: 'worker-1',
    concurrency: options.concurrency ?? 1,
    parkAfterMs: options.parkAfterMs ?? 60_000,
    graceMs: 20_000,
    untilEmpty: options.untilEmpty ?? true,
    onNote: (note) => options.notes?.push(note),
  });
}

function enqueue(at: Rig, options: { priority?: number; key?: string; task?: string; model?: string; notBeforeMs?: number; deadlineMs?: number } = {}): Promise<RunId> {
  const { key, notBeforeMs, ...input } = options;
  return at.runs.create(
    { task: 'make it good', repository: `${at.folder}/repository`, model: 'scripted:script', policy: 'test', testCommand: 'check', ...input },
    { queue: notBeforeMs === undefined ? {} : { notBeforeMs }, ...(key === undefined ? {} : { key }) },
  );
}

/** Resolves at the first event of a type; fails with what there was instead. */
async function until(at: Rig, id: RunId, type: string): Promise<void> {
  const seen: string[] = [];
  for await (const event of at.ports.journal.follow(id, { signal: AbortSignal.timeout(20_000) })) {
    seen.push(event.type);
    if (event.type === type) return;
  }
  throw new Error(`there was no ${type}: ${seen.join(' ')}`);
}

const types = async (at: Rig, id: RunId): Promise<readonly string[]> => (await at.events(id)).map(({ type }) => type);

test('a run that is created for the queue waits, is taken by a worker, and ends', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel(FIXING) });
  const id = await enqueue(at);
  expect((await at.runs.show(id)).life.place).toEqual({ at: 'queue' });
  await workerOf(at).run(new AbortController().signal);
  expect((await at.runs.show(id)).summary).toMatchObject({ outcome: 'fixed' });
  expect((await types(at, id)).slice(0, 4)).toEqual(['run.created', 'run.queued', 'run.claimed', 'session.opened']);
  expect((await at.ports.queue.depth()).runs).toBe(0);
  await at.ports.journal.verify();
});

test('the more urgent goes first, then who came first; who is not to begin yet waits', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel([]) });
  const later = await enqueue(at, { priority: 9, notBeforeMs: Date.now() + 3_600_000 });
  const first = await enqueue(at);
  const second = await enqueue(at);
  const urgent = await enqueue(at, { priority: 5 });
  const taken: RunId[] = [];
  for (let i = 0; i < 4; i++) {
    const claim = await at.ports.queue.claim('worker-1');
    if (claim === undefined) break;
    taken.push(claim.run);
    await claim.done();
    await claim.lease[Symbol.asyncDispose]();
  }
  expect(taken).toEqual([urgent, first, second]);
  expect((await at.runs.show(later)).life.place).toMatchObject({ at: 'queue' });
});

test('no more of a tenant, or of a model, are worked at than the operator allows', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel([]) });
  for (const model of ['a:1', 'a:2', 'b:1']) await enqueue(at, { model });
  const queueWith = (limits: object): Queue => new JournalQueue({ ...at.ports, limits: () => Promise.resolve({ tenants: {}, models: {}, ...limits }), folder: `${at.folder}/leases` });
  const takeAll = async (queue: Queue): Promise<number> => {
    const claims = [];
    for (let claim = await queue.claim('w'); claim !== undefined; claim = await queue.claim('w')) claims.push(claim);
    for (const claim of claims) {
      await claim.putBack(0);
      await claim.lease[Symbol.asyncDispose]();
    }
    return claims.length;
  };
  expect(await takeAll(queueWith({ tenants: { local: { at_once: 2 } } }))).toBe(2);
  expect(await takeAll(queueWith({ tenants: { '*': { at_once: 1 } } }))).toBe(1);
  expect(await takeAll(queueWith({ models: { 'a:*': { at_once: 1 } } }))).toBe(2);
  // Five were begun within this minute by now.
  expect(await takeAll(queueWith({ tenants: { local: { starts_per_minute: 6 } } }))).toBe(1);
  expect(await takeAll(queueWith({}))).toBe(3);
});

test('what a worker had that is no more, another takes', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel(FIXING) });
  const id = await enqueue(at);
  const claim = await at.ports.queue.claim('dead');
  expect(await at.ports.queue.claim('other')).toBeUndefined();
  // What the kernel does when a process dies.
  await claim?.lease[Symbol.asyncDispose]();
  expect((await at.ports.queue.claim('other'))?.run).toBe(id);
});

test('the queue stands as it was for whoever comes later, however long its stream is', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel([]) });
  const kept = await enqueue(at, { priority: 3 });
  const offer = (run: RunId): Promise<void> => at.ports.queue.offer({ run, tenant: 'local', model: 'm', priority: 0, notBeforeMs: 0 });
  const other = await at.create();
  for (let i = 0; i < 600; i++) await offer(other);
  const events = await at.ports.journal.read('queue');
  expect(events.filter(({ type }) => type === 'queue.stands').length).toBeGreaterThan(1);
  const late = new JournalQueue({ ...at.ports, limits: () => Promise.resolve({ tenants: {}, models: {} }), folder: `${at.folder}/leases` });
  expect((await late.depth()).runs).toBe(2);
  expect((await late.claim('w'))?.run).toBe(kept);
});

test('the same key and input give the same run, another input is refused', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel(FIXING) });
  const [one, two] = await Promise.all([enqueue(at, { key: 'k1' }), enqueue(at, { key: 'k1' })]);
  expect(two).toBe(one);
  expect(await enqueue(at, { key: 'k1' })).toBe(one);
  await expect(enqueue(at, { key: 'k1', task: 'something else' })).rejects.toMatchObject({ code: 'key_reused', status: 422, details: { run: one } });
  expect(await enqueue(at, { key: 'k2' })).not.toBe(one);
  await workerOf(at).run(new AbortController().signal);
  expect((await at.runs.show(one)).summary).toMatchObject({ outcome: 'fixed' });
});

test('what the infrastructure fails is tried again later, and given up after many times', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel(FIXING) });
  let nowMs = Date.now();
  const clock = { now: () => (nowMs += 1) };
  const sandboxes = { create: () => Promise.reject(new (class extends Error {})('boom')) };
  // The clock of the queue alone: it jumps over the waits.
  const queue = new JournalQueue({ ...at.ports, clock: { now: () => nowMs + 10 * 60_000 }, limits: () => Promise.resolve({ tenants: {}, models: {} }), folder: `${at.folder}/leases` });
  const id = await enqueue(at);
  const notes: string[] = [];
  await workerOf(at, { queue, ports: { queue, clock, sandboxes: { ...sandboxes } as never }, notes }).run(new AbortController().signal);
  const state = await at.runs.show(id);
  expect(state.summary).toMatchObject({ outcome: 'failed', code: 'internal', detail: 'given up after 8 attempts: boom' });
  const attempts = (await at.events(id)).flatMap((event) => (event.type === 'run.retried' ? [[event.data.attempt, event.data.notBeforeMs - event.timeMs > 500]] : []));
  expect(attempts).toEqual([1, 2, 3, 4, 5, 6, 7].map((attempt) => [attempt, true]));
});

test('a run whose deadline passed while it waited is not begun', async () => {
  const model = new ScriptedModel(FIXING);
  await using at = rig({ interpreter: tinyShell, model });
  const id = await enqueue(at, { deadlineMs: Date.now() - 1 });
  await workerOf(at).run(new AbortController().signal);
  expect((await at.runs.show(id)).summary).toMatchObject({ outcome: 'limit', detail: 'the time of the run is over' });
  expect([model.requests.length, at.sandboxes.created.length]).toEqual([0, 0]);
});

test('a run that waits for an answer is parked: it holds nothing, and goes on when the answer comes, each effect once', async () => {
  const asks = policyOf((request) => (request.action === 'command.exec' && request.argv.at(-1) === 'append log.txt two' ? { effect: 'ask' } : undefined), {
    approvals: { by: ['approver'], expiresMs: 3_600_000, own: true },
  });
  const replies: Reply[] = [calling('shell', { command: 'append log.txt one' }), calling('shell', { command: 'append log.txt two' }), ...FIXING];
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel(replies), policy: asks });
  const approvals = new JournalApprovals({ ...at.ports, authority: ROOT_AUTHORITY, onAnswered: ({ question }) => wakeRun(at.ports, question.stream) });
  const id = await enqueue(at);
  const drain = new AbortController();
  const working = workerOf(at, { parkAfterMs: 1, ports: { approvals }, untilEmpty: false }).run(drain.signal);
  await until(at, id, 'run.parked');
  const parked = await at.runs.show(id);
  expect(parked.life.place).toMatchObject({ at: 'parked', why: 'approval' });
  expect(at.sandboxes.alive).toBe(0);
  const [approval] = await approvals.list(TESTER);
  if (approval === undefined) throw new Error('nobody is asked');
  expect(parked.life.place).toMatchObject({ approval: approval.id });
  await approvals.answer(approval.id, { by: TESTER, answer: 'once', requestHash: approval.question.requestHash });
  await until(at, id, 'run.ended');
  drain.abort();
  await working;
  expect((await at.runs.show(id)).summary).toMatchObject({ outcome: 'fixed' });
  expect((await at.runs.patch(id)).text.toString()).toContain('+one\n+two\n');
  expect(await at.count(id, 'approval.awaited')).toBe(1);
});

test('a worker that is to stop lets the step finish, and hands the run over to the next, which goes on from there', async () => {
  const drain = new AbortController();
  const replies: Reply[] = [
    () => {
      drain.abort();
      return calling('shell', { command: 'append log.txt one' });
    },
    ...FIXING,
  ];
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel(replies) });
  const id = await enqueue(at);
  await workerOf(at, { untilEmpty: false }).run(drain.signal);
  expect((await at.runs.show(id)).life.place).toEqual({ at: 'queue' });
  expect((await types(at, id)).slice(-3)).toContain('run.handed_over');
  expect([at.sandboxes.alive, await at.count(id, 'tool.ended')]).toEqual([0, 1]);
  await workerOf(at).run(new AbortController().signal);
  expect((await at.runs.show(id)).summary).toMatchObject({ outcome: 'fixed', steps: 3 });
  expect((await at.runs.patch(id)).text.toString()).toContain('+one\n');
});
