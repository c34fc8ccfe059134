import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PgBoss } from 'pg-boss';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EventType, JournalEvent, RunId } from '../../src/contracts/index.ts';
import { openDatabaseQueue, Runs, type RunsPorts } from '../../src/runs/index.ts';
import { TestPostgres } from '../support/postgres.ts';
import { ScriptedModel } from '../unit/runs/rig.ts';
import { openMachine } from './queue.parts.ts';

// One server and what shares it: this process, and workers of their own processes. A sandbox is a cheap one; everything else is real.
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'glovebox-queue-'));
const repository = join(folder, 'repository');
let server: TestPostgres;
let url: string;
let machine: RunsPorts;
let runs: Runs;
const started: WorkerProcess[] = [];

beforeAll(async () => {
  mkdirSync(repository);
  writeFileSync(join(repository, 'a.txt'), 'bad\n');
  server = await TestPostgres.start();
  ({ url } = await server.database());
  machine = await openMachine(url, folder, new ScriptedModel([]));
  runs = new Runs(machine);
});

afterAll(async () => {
  for (const { child } of started) if (child.exitCode === null) child.kill('SIGKILL');
  await machine?.queue[Symbol.asyncDispose]();
  await machine?.journal[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** A worker in a process of its own; what it says is kept. */
class WorkerProcess {
  readonly child: ChildProcess;
  #said = '';
  #more = Promise.withResolvers<void>();

  constructor(name: string, ...rest: readonly string[]) {
    this.child = this.#spawn(name, rest);
    this.child.stdout?.on('data', (bytes: Buffer) => this.#heard(bytes.toString()));
    this.child.on('exit', (code, signal) => this.#heard(`[it ended: ${code ?? signal}]\n`));
    started.push(this);
  }

  /** Of which sources. */
  protected get root(): string {
    return ROOT;
  }

  #spawn(name: string, rest: readonly string[]): ChildProcess {
    return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(this.root, 'test/integration/queue.worker.ts'), url, folder, name, ...rest], { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  /** Fails with all that it said, where it does not say this within a minute. */
  async says(text: string | RegExp): Promise<void> {
    const deadline = setTimeout(() => this.#heard('[a minute is over]\n'), 60_000);
    try {
      while (this.#said.search(text) === -1) {
        if (this.#said.includes('[')) throw new Error(`it did not say ${text}:\n${this.#said}`);
        await this.#more.promise;
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  #heard(text: string): void {
    this.#said += text;
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }
}

/** A worker of a version that is newer than this one: these sources with other constants. */
class NewerWorkerProcess extends WorkerProcess {
  static readonly #root = join(folder, 'newer');

  static build(): void {
    for (const part of ['src', 'test/support', 'test/unit/runs', 'test/integration', 'package.json']) cpSync(join(ROOT, part), join(this.#root, part), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(this.#root, 'node_modules'));
    change(join(this.#root, 'src/runs/queue/queue.ts'), 'RUN_VERSION = 1;', 'RUN_VERSION = 2;');
    change(join(this.#root, 'src/journal/event-versions.ts'), "'model.ended': 1,", "'model.ended': 2,");
  }

  protected override get root(): string {
    return NewerWorkerProcess.#root;
  }
}

function change(file: string, from: string, to: string): void {
  const parts = readFileSync(file, 'utf8').split(from);
  if (parts.length !== 2) throw new Error(`${file} does not have "${from}" once`);
  writeFileSync(file, parts.join(to));
}

function enqueue(model = 'scripted:script'): Promise<RunId> {
  return runs.create({ task: 'make it good', repository, model, policy: 'test', testCommand: 'check' }, { queue: {} });
}

async function rows(sql: string): Promise<readonly unknown[]> {
  await using connected = await server.connect(new URL(url).pathname.slice(1));
  return (await connected.client.query(sql)).rows;
}

async function until(id: RunId, type: EventType): Promise<void> {
  const seen: string[] = [];
  for await (const event of machine.journal.follow(id, { signal: AbortSignal.timeout(60_000) })) {
    seen.push(event.type);
    if (event.type === type) return;
  }
  throw new Error(`there was no ${type} within a minute: ${seen.join(' ')}`);
}

function of<T extends EventType>(events: readonly JournalEvent[], type: T): readonly JournalEvent<T>['data'][] {
  // The filter says so.
  return events.filter((event) => event.type === type).map(({ data }) => data as JournalEvent<T>['data']);
}

test('a killed worker and a frozen one are taken over; the one that wakes is refused, and leaves the run alone', async () => {
  const ids = [await enqueue(), await enqueue()];
  const killed = new WorkerProcess('killed', '1', 'hold');
  const frozen = new WorkerProcess('frozen', '1', 'hold');
  await Promise.all([killed.says('holding'), frozen.says('holding')]);
  killed.child.kill('SIGKILL');
  frozen.child.kill('SIGSTOP');
  const other = new WorkerProcess('other', '2');
  await Promise.all(ids.map((id) => until(id, 'run.ended')));
  frozen.child.kill('SIGCONT');
  await frozen.says(/is another process's now|was taken over by another process/);
  for (const worker of [frozen, other]) {
    worker.child.kill('SIGTERM');
    await worker.says('sandboxes left: 0');
    if (worker.child.exitCode === null) await once(worker.child, 'exit');
    expect(worker.child.exitCode).toBe(0);
  }
  for (const id of ids) {
    const events = await machine.journal.read(id);
    expect(of(events, 'run.claimed').map(({ worker }) => worker)).toEqual([expect.stringMatching(/killed|frozen/), 'other']);
    expect(of(events, 'run.ended')).toMatchObject([{ outcome: 'fixed', steps: 3, files: ['a.txt', 'log.txt'] }]);
    expect(events.at(-1)?.type).toBe('run.ended');
    expect(of(events, 'tool.ended')).toHaveLength(3);
    expect((await runs.patch(id)).text.toString()).toContain('@@ -0,0 +1 @@\n+one\n');
  }
  expect((await machine.queue.depth()).runs).toBe(0);
  await machine.journal.verify();
}, 120_000);

test('two versions at once: what a newer worker has begun is left to newer ones by an older, which goes on with what is its own', async () => {
  NewerWorkerProcess.build();
  const [theirs, ours] = [await enqueue(), await enqueue()];
  const newer = new NewerWorkerProcess('newer', '1', 'hold');
  await newer.says('holding');
  newer.child.kill('SIGKILL');
  const older = new WorkerProcess('older', '1');
  await until(ours, 'run.ended');
  await older.says(`${theirs} is left to newer workers: stream ${theirs}`);
  await expect(machine.journal.read(theirs)).rejects.toMatchObject({ code: 'newer_version', message: expect.stringMatching(/event \d+ \(model\.ended\) was written by a newer glovebox, in version 2 where this one reads 1/) });
  const listed = new Map((await runs.list()).map(({ id, state }) => [id, state]));
  expect([listed.get(theirs)?.newer?.type, listed.get(ours)?.newer, listed.get(ours)?.summary?.outcome]).toEqual(['model.ended', undefined, 'fixed']);
  const next = new NewerWorkerProcess('next', '1');
  const ended = async (): Promise<boolean> => (await rows(`SELECT 1 FROM glovebox.events WHERE stream = '${theirs}' AND type = 'run.ended'`)).length === 1;
  await expect.poll(ended, { timeout: 60_000, interval: 200 }).toBe(true);
  const claims = await rows(`SELECT data::jsonb->>'worker' AS worker FROM glovebox.events WHERE stream = '${theirs}' AND type = 'run.claimed' ORDER BY seq`);
  expect(claims).toEqual([{ worker: 'newer' }, { worker: 'next' }]);
  for (const worker of [older, next]) {
    worker.child.kill('SIGTERM');
    await worker.says('sandboxes left: 0');
  }
  expect((await machine.queue.depth()).runs).toBe(0);
}, 180_000);

test('a run with an event of a type that only newer versions know is not worked at, and can be looked at', async () => {
  const run = await enqueue();
  await machine.journal.append(run, [{ type: 'run.said', data: { text: 'la', by: 'user:ann' } }]);
  await rows(`UPDATE glovebox.events SET type = 'run.sung' WHERE stream = '${run}' AND seq = 3`);
  await expect(runs.execute(run)).rejects.toMatchObject({ code: 'newer_version', message: `${run} was worked at by a newer glovebox: its event 3 is run.sung, which this one does not know. Upgrade this one, or leave the run to newer workers` });
  expect(await runs.show(run)).toMatchObject({ status: 'created', newer: { seq: 3, type: 'run.sung' } });
  const claim = await machine.queue.claim('older');
  expect(claim?.run).toBe(run);
  await claim?.done();
  await claim?.lease[Symbol.asyncDispose]();
});

test('an event and its job are written together, or neither is', async () => {
  const run = machine.ids.next('run');
  const offer = { run, tenant: 'local', model: 'm', priority: 0, notBeforeMs: Date.now() + 3_600_000 };
  const queued = [{ type: 'run.queued', data: { priority: 0 } }] as const;
  await machine.queue.offer(offer, queued);
  expect([(await machine.queue.depth()).runs, await machine.queue.claim('early')]).toEqual([1, undefined]);
  // The same run again is the same job, which may be taken at once now.
  await machine.queue.offer({ ...offer, notBeforeMs: 0 });
  expect((await machine.queue.depth()).runs).toBe(1);
  const claim = await machine.queue.claim('worker');
  if (claim === undefined) throw new Error('there is nothing to claim');
  expect(claim.run).toBe(run);
  await expect(machine.leases.take(run, { tenant: 'local', model: 'm', holder: 'somebody' })).rejects.toMatchObject({ code: 'admission_full' });
  // Somebody took it over: what this worker writes is refused, and so is the job that goes with it.
  await machine.journal.append(run, queued, { fence: (claim.lease.fence ?? 0) + 1 });
  await expect(claim.putBack(0, queued)).rejects.toMatchObject({ code: 'fenced' });
  expect([(await machine.queue.depth()).runs, (await machine.journal.read(run)).length]).toEqual([1, 2]);
  await claim.done();
  await claim.lease[Symbol.asyncDispose]();
  expect([(await machine.queue.depth()).runs, await machine.leases.held(run)]).toEqual([0, false]);
});

test('operators’ limits hold for all machines together', async () => {
  const [one, two] = [await enqueue('a:1'), await enqueue('a:2')];
  const limits = () => Promise.resolve({ tenants: {}, models: { 'a:*': { at_once: 1 } } });
  const other = await openDatabaseQueue({ url, name: 'the test', journal: machine.journal, clock: machine.clock, limits });
  try {
    const claim = await other.queue.claim('first');
    expect([claim?.run, await other.queue.claim('second')]).toEqual([one, undefined]);
    await claim?.done();
    await claim?.lease[Symbol.asyncDispose]();
    // Without limits there is nothing to wait for but the moment for which it was put off.
    await machine.queue.offer({ run: two, tenant: 'local', model: 'a:2', priority: 0, notBeforeMs: 0 });
    const next = await machine.queue.claim('second');
    expect(next?.run).toBe(two);
    await next?.done();
    await next?.lease[Symbol.asyncDispose]();
  } finally {
    await other.queue[Symbol.asyncDispose]();
  }
});

test('what a newer version wrote is left to newer workers', async () => {
  const newer = new PgBoss({ connectionString: url, schema: 'glovebox_jobs', supervise: false, schedule: false });
  await newer.start();
  try {
    await newer.createQueue('runs.v2');
    await newer.send('runs.v2', { run: machine.ids.next('run'), tenant: 'local', model: 'm', priority: 9 });
    expect(await machine.queue.claim('older')).toBeUndefined();
  } finally {
    await newer.stop({ graceful: false });
  }
});
