import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openServices } from '../../src/app.ts';
import { type EventType, type Journal, type JournalEvent, parseId, type RunId } from '../../src/contracts/index.ts';
import { ModelServer, type ScriptLine } from '../support/model-server/model-server.ts';
import { TestPostgres } from '../support/postgres.ts';
import { S3Server } from '../support/s3-server.ts';
import { ServiceMachines } from '../support/service-container.ts';

// Machines are containers of the service's image, each with bubblewrap sandboxes of its own; PostgreSQL is in another. They share the database and a bucket with blobs, and no folder.
const open = new AsyncDisposableStack();
let models: ModelServer;
let journal: Journal;
let machines: ServiceMachines;
let bucket: S3Server;

beforeAll(async () => {
  const server = open.use(await TestPostgres.start());
  models = open.use(await ModelServer.start());
  const keys = { id: 'AKIASTANDINSTANDIN', secret: randomBytes(20).toString('base64') };
  bucket = new S3Server(keys);
  const http = createServer(bucket.serve);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  open.defer(() => http.close().closeAllConnections());
  const shared = {
    AWS_ACCESS_KEY_ID: keys.id,
    AWS_SECRET_ACCESS_KEY: keys.secret,
    GLOVEBOX_BLOBS_URL: `s3://blobs?endpoint=http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    GLOVEBOX_DATABASE_URL: (await server.database()).url,
    GLOVEBOX_MASTER_KEY: randomBytes(32).toString('base64'),
    ...models.env,
  };
  machines = open.use(await ServiceMachines.prepare(shared));
  // One more, which only looks.
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-machines-'));
  open.defer(() => rmSync(folder, { recursive: true }));
  ({ journal } = open.use(await openServices({ env: { ...process.env, ...shared, GLOVEBOX_HOME: folder }, version: 'test' })));
}, 300_000);

afterAll(() => open.disposeAsync());

const FIX = 'sed -i "s/for (let i = 0; i < left; i++) shares\\[i\\] += 1;/for (const place of order.slice(0, left)) shares[place] += 1;/" src/split.js';
const fixes: ScriptLine = { calls: [{ name: 'shell', input: { command: FIX } }] };
const hangs: ScriptLine = { hangs: 'before' };
const submits: ScriptLine = { calls: [{ name: 'submit', input: { summary: 'done' } }] };

async function until(run: RunId, type: EventType): Promise<void> {
  const seen: string[] = [];
  for await (const event of journal.follow(run, { signal: AbortSignal.timeout(180_000) })) {
    seen.push(event.type);
    if (event.type === type) return;
  }
  throw new Error(`there was no ${type} within three minutes: ${seen.join(' ')}`);
}

function of<T extends EventType>(events: readonly JournalEvent[], type: T): readonly JournalEvent<T>['data'][] {
  // The filter says so.
  return events.filter((event) => event.type === type).map(({ data }) => data as JournalEvent<T>['data']);
}

/** A machine whose worker has a new run, and waits for its model in the middle of it. */
async function busyMachine(name: string) {
  models.add(fixes, hangs);
  const machine = await machines.start('worker', '--name', name);
  const waits = models.hanging();
  const id = await machine.run('fix', '--detach', '--repo', '/app/demo/javascript/repository', '--task', 'make the tests pass', '--test', 'npm test', '--policy', 'code-fix-local', '--model', 'openai:stand-in');
  const run = parseId('run', id);
  if (run === undefined) throw new Error(`this is no id of a run: ${id}`);
  await waits;
  return { machine, run };
}

test('of two machines one is killed and one frozen: a third goes on with their runs, and the one that wakes is refused', async () => {
  const killed = await busyMachine('killed');
  const frozen = await busyMachine('frozen');
  models.add(submits, submits);
  await killed.machine.kill();
  await frozen.machine.freeze();
  const other = await machines.start('worker', '--name', 'other', '--concurrency', '2');
  const runs = [killed.run, frozen.run];
  await Promise.all(runs.map((run) => until(run, 'run.ended')));
  await frozen.machine.wake();
  await frozen.machine.says(/is another process's now|was taken over by another process/);
  for (const [index, run] of runs.entries()) {
    const events = await journal.read(run);
    expect(of(events, 'run.claimed').map(({ worker }) => worker)).toEqual([['killed', 'frozen'][index], 'other']);
    expect(of(events, 'run.ended')).toMatchObject([{ outcome: 'fixed', steps: 2, files: ['src/split.js'] }]);
    expect(events.at(-1)?.type).toBe('run.ended');
    // The call that was under way is the one doubt: it is kept, and made again.
    expect(of(events, 'model.failed')).toMatchObject([{ unknown: true }]);
    expect(of(events, 'tool.ended')).toHaveLength(2);
    expect(new Set(of(events, 'sandbox.created').map(({ kind }) => kind))).toEqual(new Set(['process']));
    expect(await other.run('runs', 'show', run, '--patch')).toContain('+  for (const place of order.slice(0, left)) shares[place] += 1;');
  }
  expect([bucket.refused, bucket.objects.size > 0]).toEqual([[], true]);
  await journal.verify();
  expect([await frozen.machine.end(), await other.end()]).toEqual([0, 0]);
});
