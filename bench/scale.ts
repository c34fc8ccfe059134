import { randomBytes } from 'node:crypto';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openServices } from '../src/app.ts';
import type { Services } from '../src/cli/index.ts';
import type { EventType, JournalEvent, RunId } from '../src/contracts/index.ts';
import { ModelServer, type ScriptLine } from '../test/support/model-server/model-server.ts';
import { TestPostgres } from '../test/support/postgres.ts';
import { machine, type Report, round } from './report.ts';

const BIN = fileURLToPath(new URL('../bin/glovebox.js', import.meta.url));
const WORKERS = [1, 2, 4] as const;
const DEADLINE_MS = 120_000;
/** A model's answer takes seconds; half of one is enough to wait for. */
const ANSWER_MS = 500;
const IDLE_MS = 5_000;

/**
 * Runs a second by 1, 2 and 4 workers (processes of the command line, each with a state folder and process sandboxes of its own) on one PostgreSQL: with a model that takes its time to
 * answer, and with one that does not, when processors are all there is to wait for. And how long a killed worker's run waits for another.
 */
export default async function scale(quick: boolean, full: boolean): Promise<Report> {
  await using place = await Place.open();
  const runs = quick ? 4 : full ? 48 : 16;
  const perSecond: Record<string, Record<number, number>> = {};
  const processorMs: Record<number, number> = {};
  const transactions: Record<number, number> = {};
  for (const [name, answerMs] of [['waiting', ANSWER_MS], ['busy', 0]] as const) {
    const figures: Record<number, number> = {};
    for (const workers of WORKERS) {
      const measured = await place.throughput(workers, runs, answerMs);
      figures[workers] = round(measured.perSecond);
      processorMs[workers] = round(measured.processorMs, 0);
      transactions[workers] = round(measured.transactions, 0);
    }
    perSecond[name] = figures;
  }
  const idle = round(await place.idle(), 1);
  const takeOverMs: number[] = [];
  for (let i = 0; i < (quick ? 1 : 3); i++) takeOverMs.push(await place.takeOver());
  const over = (name: string, workers: number): number => round((perSecond[name]?.[workers] ?? Number.NaN) / (perSecond[name]?.[1] ?? Number.NaN));
  return {
    bench: 'scale',
    machine: machine(),
    figures: { runsPerSecond: perSecond, answerMs: ANSWER_MS, workersProcessorMsPerRun: processorMs, transactionsPerRun: transactions, idleWorkerTransactionsPerSecond: idle, takeOverMs },
    ratios: { twoWorkersOverOne: over('waiting', 2), fourWorkersOverOne: over('waiting', 4), busyTwoWorkersOverOne: over('busy', 2), busyFourWorkersOverOne: over('busy', 4) },
  };
}

const calls = (name: string, input: Readonly<Record<string, unknown>>): ScriptLine => ({ calls: [{ name, input }] });

class Place implements AsyncDisposable {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #server: TestPostgres;
  readonly #models: ModelServer;
  readonly #services: Services;
  readonly #open: AsyncDisposableStack;

  static async open(): Promise<Place> {
    await using open = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), 'glovebox-bench-'));
    open.defer(() => rmSync(folder, { recursive: true, force: true }));
    mkdirSync(join(folder, 'repository'));
    writeFileSync(join(folder, 'repository', 'a.txt'), 'bad\n');
    const server = open.use(await TestPostgres.start());
    const models = open.use(await ModelServer.start());
    const { url } = await server.database();
    const env = { ...process.env, ...models.env, GLOVEBOX_DATABASE_URL: url, GLOVEBOX_MASTER_KEY: randomBytes(32).toString('base64'), GLOVEBOX_BLOBS_URL: join(folder, 'blobs') };
    const services = open.use(await openServices({ env: { ...env, GLOVEBOX_HOME: join(folder, 'creator') }, version: 'bench' }));
    return new Place({ folder, env, server, models, services, open: open.move() });
  }

  private constructor({ folder, env, server, models, services, open }: { folder: string; env: NodeJS.ProcessEnv; server: TestPostgres; models: ModelServer; services: Services; open: AsyncDisposableStack }) {
    this.#folder = folder;
    this.#env = env;
    this.#server = server;
    this.#models = models;
    this.#services = services;
    this.#open = open;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open.disposeAsync();
  }

  /** Runs a second, from the first claim to the last end; and what a run costs: its worker's processor time, without sandboxes and the database, and transactions of all who take part. */
  async throughput(workers: number, count: number, answerMs: number): Promise<{ readonly perSecond: number; readonly processorMs: number; readonly transactions: number }> {
    await using all = await this.#start(Array.from({ length: workers }, (_, i) => `worker-${i}`));
    const line: ScriptLine = async ({ body }) => {
      await setTimeout(answerMs);
      // What comes back from a tool is in the request after.
      const isFirst = !JSON.stringify(body.input).includes('call_output');
      return isFirst ? { calls: [{ name: 'shell', input: { command: 'echo good > a.txt' } }] } : { calls: [{ name: 'submit', input: { summary: 'done' } }] };
    };
    this.#models.add(...Array.from({ length: 2 * (count + workers) }, () => line));
    // The first run of a process costs several times what later ones do: packages are loaded, nothing is compiled.
    await this.#done(await this.#enqueueAll(workers));
    const beforeMs = all.processorMs();
    const before = await this.#transactions();
    const ids = await this.#enqueueAll(count);
    const ends = await this.#done(ids);
    const begins = await Promise.all(ids.map((id) => this.#first(id, 'run.claimed')));
    const tookMs = Math.max(...ends.map(({ timeMs }) => timeMs)) - Math.min(...begins.map(({ timeMs }) => timeMs));
    return { perSecond: (count * 1000) / tookMs, processorMs: (all.processorMs() - beforeMs) / count, transactions: ((await this.#transactions()) - before) / count };
  }

  /** Transactions a second of a worker that has nothing to do. */
  async idle(): Promise<number> {
    await using _one = await this.#start(['idle']);
    const before = await this.#transactions();
    await setTimeout(IDLE_MS);
    return ((await this.#transactions()) - before) / (IDLE_MS / 1000);
  }

  /** So far, in this database. A server counts them with a delay of up to a second. */
  async #transactions(): Promise<number> {
    const database = new URL(this.#env['GLOVEBOX_DATABASE_URL'] ?? '').pathname.slice(1);
    await using connected = await this.#server.connect('postgres');
    const { rows } = await connected.client.query<{ count: string }>('SELECT xact_commit + xact_rollback AS count FROM pg_stat_database WHERE datname = $1', [database]);
    return Number(rows[0]?.count);
  }

  /** From the kill of a worker that waits for its model to another's claim of the run. */
  async takeOver(): Promise<number> {
    this.#models.add({ hangs: 'before' }, calls('submit', { summary: 'done' }));
    await using held = await this.#start(['held']);
    const waits = this.#models.hanging();
    const id = await this.#enqueue();
    await waits;
    await using _other = await this.#start(['other']);
    const { seq } = await this.#first(id, 'run.claimed');
    const killedMs = Date.now();
    held.kill();
    const { timeMs } = await this.#first(id, 'run.claimed', seq);
    await this.#first(id, 'run.ended');
    return timeMs - killedMs;
  }

  #enqueueAll(count: number): Promise<readonly RunId[]> {
    return Promise.all(Array.from({ length: count }, () => this.#enqueue()));
  }

  async #done(ids: readonly RunId[]): Promise<readonly JournalEvent[]> {
    const ends = await Promise.all(ids.map((id) => this.#first(id, 'run.ended')));
    const failed = ends.find(({ type, data }) => type === 'run.ended' && data.outcome !== 'fixed');
    if (failed !== undefined) throw new Error(`a run ended as ${JSON.stringify(failed.data)}`);
    return ends;
  }

  #enqueue(): Promise<RunId> {
    return this.#services.runs().create({ task: 'make it good', repository: join(this.#folder, 'repository'), model: 'openai:stand-in', policy: 'code-fix-local', testCommand: 'grep good a.txt' }, { queue: {} });
  }

  async #first(id: RunId, type: EventType, afterSeq = 0): Promise<JournalEvent> {
    const seen: string[] = [];
    for await (const event of this.#services.journal.follow(id, { afterSeq, signal: AbortSignal.timeout(DEADLINE_MS) })) {
      if (event.type === type) return event;
      seen.push(event.type);
    }
    throw new Error(`${id} had no ${type} within ${DEADLINE_MS / 1000} s: ${seen.join(' ')}`);
  }

  /** Resolves when all of them take runs. */
  async #start(names: readonly string[]): Promise<AsyncDisposable & { kill(): void; processorMs(): number }> {
    const children = names.map((name) => this.#worker(name));
    const kill = (): void => children.forEach((child) => child.kill('SIGKILL'));
    await Promise.all(children.map(ready));
    return {
      kill,
      processorMs: () => children.reduce((sum, { pid }) => sum + processorMsOf(pid ?? 0), 0),
      [Symbol.asyncDispose]: async () => {
        children.forEach((child) => child.kill('SIGTERM'));
        await Promise.all(children.map(ended));
      },
    };
  }

  #worker(name: string): ChildProcess {
    return spawn(process.execPath, [BIN, 'worker', '--name', name], { env: { ...this.#env, GLOVEBOX_HOME: join(this.#folder, name) }, stdio: ['ignore', 'ignore', 'pipe'] });
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** Of all of its threads, and of children that it has waited for: fields 14 to 17 of /proc/<pid>/stat, in hundredths of a second. */
function processorMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(11, 15);
  return fields.reduce((sum, ticks) => sum + 10 * Number(ticks), 0);
}

async function ready(child: ChildProcess): Promise<void> {
  if (child.stderr === null) throw new Error('a worker has a stderr');
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    if (line.includes('takes up to')) return void child.stderr.resume();
    said.push(line);
  }
  throw new Error(`a worker ended:\n${said.join('\n')}`);
}
