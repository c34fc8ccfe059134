import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseId, type RunId } from '../../src/contracts/index.ts';
import { init } from '../integration/bubblewrap.harness.ts';
import { TESTER } from '../support/principal.ts';
import { openParts, SCRIPT, USD } from './kill.parts.ts';

const WORKER = fileURLToPath(new URL('kill.worker.ts', import.meta.url));

/** A folder with a repository, and runs that share nothing with those of another folder. */
class Home implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'kill-'));
  readonly parts = openParts(this.folder);
  readonly #repository = join(this.folder, 'repository');

  constructor() {
    mkdirSync(this.#repository);
    writeFileSync(join(this.#repository, 'a.txt'), 'bad\n');
  }

  create(): Promise<RunId> {
    return this.parts.runs.create({ task: 'make it good', repository: this.#repository, model: 'scripted:script', policy: 'test', testCommand: '' });
  }

  modelCalls(): number {
    return readFileSync(join(this.folder, 'model-calls'), { encoding: 'utf8', flag: 'a+' }).split('\n').length - 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.parts.ports.sandboxes.sweep({ all: true });
    await this.parts.ports.journal[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Two: while a process begins for the one, the other goes on with a run. */
const homes: readonly Home[] = [new Home(), new Home()];

// Put where the workers look for it.
beforeAll(() => init.path());
afterAll(async () => {
  for (const home of homes) await home[Symbol.asyncDispose]();
});

/** Somebody in this process who answers what the run asks, whichever process it is in, until he is told to go. */
class Person implements AsyncDisposable {
  readonly #over = new AbortController();
  readonly #answering: Promise<void>;

  constructor(home: Home, id: RunId) {
    this.#answering = this.#answer(home.parts, id);
  }

  async #answer({ ports }: Home['parts'], id: RunId): Promise<void> {
    for await (const event of ports.journal.follow(id, { signal: this.#over.signal })) {
      const asked = event.type === 'approval.awaited' ? parseId('apr', event.data.approval) : undefined;
      if (asked === undefined) continue;
      const { status, question } = (await ports.approvals?.get(asked, TESTER)) ?? expect.fail('nobody can be asked');
      if (status === 'pending') await ports.approvals?.answer(asked, { by: TESTER, answer: 'once', requestHash: question.requestHash });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#answering;
  }
}

/** Works on a run in a process of its own, which dies at a point. Whether it got so far. */
async function die({ folder }: Home, id: RunId, at: number, trace?: string): Promise<boolean> {
  const worker = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', WORKER, folder, id, String(at), ...(trace === undefined ? [] : [trace])], {
    stdio: 'inherit',
  });
  const [code, signal] = (await once(worker, 'exit')) as [number | null, string | null];
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the worker ended with ${code ?? signal} at point ${at} of ${id}`);
  return signal === 'SIGKILL';
}

/** What a person would compare. */
async function story({ parts: { ports, runs } }: Home, id: RunId) {
  const { summary, messages } = await runs.show(id);
  const events = await ports.journal.read(id);
  const approvals = (await ports.approvals?.list(TESTER, { all: true })) ?? [];
  return {
    outcome: summary?.outcome,
    steps: summary?.steps,
    files: summary?.files,
    patch: (await runs.patch(id)).text.toString(),
    outcomes: events.flatMap((event) => (event.type === 'tool.ended' ? [event.data.outcome.text] : [])),
    said: messages.flatMap((message) => (message.role === 'user' && !message.text.startsWith('The run was interrupted') ? [message.text] : [])),
    asked: approvals.filter(({ question }) => question.stream === id).length,
  };
}

/** What the run went on with. */
async function sandboxOf({ parts: { ports } }: Home, id: RunId): Promise<'a sandbox of its own' | 'the sandbox taken back' | 'no sandbox needed'> {
  const events = await ports.journal.read(id);
  const after = events.slice(events.findIndex(({ type }) => type === 'run.resumed'));
  if (after.some(({ type }) => type === 'sandbox.created')) return 'a sandbox of its own';
  const removed = after.flatMap((event) => (event.type === 'sandbox.gone' && event.data.why === 'the run goes on without it' ? [event.data.sandbox] : []));
  const isTaken = after.some((event) => event.type === 'sandbox.adopted' && !removed.includes(event.data.sandbox));
  return isTaken ? 'the sandbox taken back' : 'no sandbox needed';
}

async function check(home: Home, id: RunId, expected: Awaited<ReturnType<typeof story>>, calledBefore: number, deaths: number, where: string): Promise<number> {
  const { ports, runs } = home.parts;
  const called = home.modelCalls() - calledBefore;
  const usd = (await runs.show(id)).summary?.usd ?? 0;
  expect(await story(home, id), where).toEqual(expected);
  // A call that was under way is made again, and kept at what it may have cost.
  expect(called, where).toBeGreaterThanOrEqual(SCRIPT.length);
  expect(called, where).toBeLessThanOrEqual(SCRIPT.length + deaths);
  expect(usd, where).toBeGreaterThanOrEqual(USD * called);
  expect(usd, where).toBeLessThanOrEqual(USD * (SCRIPT.length + deaths));
  expect((await ports.sandboxes.list()).filter(({ owner }) => owner === 'alive'), where).toEqual([]);
  return called - SCRIPT.length;
}

/** Where it may die. Between the end of one thing and the beginning of the next there is nothing, but for the answer of a person. */
function places(trace: readonly string[]): readonly { readonly at: number; readonly name: string }[] {
  const named = trace.map((name, index) => ({ at: index + 1, name }));
  return named.filter(({ name }, index) => name.endsWith('approval.used') || !(name.startsWith('before') && (trace[index - 1] ?? '').startsWith('after')));
}

/** One line for each kind of place. */
function table(rows: readonly { readonly name: string; readonly sandbox: string; readonly again: number }[]): string {
  const kinds = Map.groupBy(rows, ({ name }) => name.replace(/^(before|after) /, ''));
  const lines = [...kinds].map(([name, kills]) => {
    const sandboxes = Map.groupBy(kills, ({ sandbox }) => sandbox);
    const again = kills.filter((kill) => kill.again > 0).length;
    const outcome = ['same result', ...[...sandboxes].map(([what, some]) => `${what} ${some.length}`), ...(again === 0 ? [] : [`a model call again ${again}`])];
    return `${name.padEnd(48)} ${String(kills.length).padStart(5)}  ${outcome.join(', ')}`;
  });
  return [`${'position'.padEnd(48)} kills  outcome`, ...lines].join('\n');
}

let expected: Awaited<ReturnType<typeof story>>;
let trace: readonly string[];

beforeAll(async () => {
  await using home = new Home();
  const id = await home.create();
  await using _person = new Person(home, id);
  expect(await die(home, id, 0, join(home.folder, 'trace'))).toBe(false);
  expected = await story(home, id);
  trace = readFileSync(join(home.folder, 'trace'), 'utf8').trim().split('\n');
  expect(expected).toMatchObject({ outcome: 'unverified', steps: SCRIPT.length, files: ['a.txt', 'log.txt'], asked: 1 });
  expect(expected.outcomes[0]).toBe('[exit code 0]\n1\n');
});

/** A run that dies at these points, one after the other, and is gone on with to its end. */
async function survive(home: Home, points: readonly number[], where: string) {
  const calledBefore = home.modelCalls();
  const id = await home.create();
  await using _person = new Person(home, id);
  let deaths = 0;
  for (const point of points) if (await die(home, id, point)) deaths += 1;
  // Who goes on may be another machine, which has its journal and its blobs.
  rmSync(join(home.folder, 'trees'), { recursive: true, force: true });
  await home.parts.runs.execute(id);
  return { id, deaths, again: await check(home, id, expected, calledBefore, deaths, where) };
}

test('a process that is killed anywhere leaves a run that comes to the same result, with each effect once', { timeout: 600_000 }, async () => {
  const rows: { readonly name: string; readonly again: number; readonly sandbox: string }[] = [];
  // Each home takes the next place that nobody has taken.
  const left = places(trace).values();
  const work = async (home: Home): Promise<void> => {
    for (const { at, name } of left) {
      const { id, deaths, again } = await survive(home, [at], `killed at point ${at}, ${name}`);
      rows.push({ name, again, sandbox: deaths > 0 ? await sandboxOf(home, id) : 'it ended before' });
    }
  };
  await Promise.all(homes.map(work));
  expect(rows).toHaveLength(places(trace).length);
  process.stdout.write(`\n${table(rows)}\n`);
  expect(rows.filter(({ sandbox }) => sandbox === 'the sandbox taken back').length).toBeGreaterThan(rows.length / 4);
  for (const { parts } of homes) {
    // A sandbox of which its maker had no time to write is known by its label alone.
    await parts.ports.sandboxes.sweep();
    expect(await parts.ports.sandboxes.list()).toEqual([]);
    await parts.ports.journal.verify();
  }
});

test('a run that is killed again while it goes on comes to the same result, too', { timeout: 300_000 }, async () => {
  const anywhere = fc.integer({ min: 1, max: trace.length });
  const [home = expect.fail('there is no home')] = homes;
  const killedTwice = fc.asyncProperty(anywhere, anywhere, async (first, second) => {
    await survive(home, [first, second], `killed at point ${first}, and then at ${second}`);
  });
  await fc.assert(killedTwice, { numRuns: 8, endOnFailure: true });
});
