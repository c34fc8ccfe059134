import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { openServices } from '../src/app.ts';
import type { JavaScriptEnd, JavaScriptSpec } from '../src/contracts/index.ts';
import { IsolatePool } from '../src/sandbox/isolate/index.ts';
import { type Context, Session } from '../src/session/index.ts';
import { openDescriptors, processesWith, settledHeapBytes, shareKiB } from './process-memory.ts';
import { type Report, inTurns, machine, percentiles, round } from './report.ts';

const SOURCE = 'export default [1, 2, 3].map(x => x * 2)';
const RESULT = '[2,4,6]';
/** The system's: what a version manager puts on the path takes three times as long. */
const PYTHON_PATH = '/usr/bin/python3';
const PYTHON = '[x * 2 for x in [1, 2, 3]]';
const PYTHON_RESULT = '[2, 4, 6]';
/** Long enough for a child to have the next isolate ready. */
const PAUSE_MS = 4;
const IN_A_ROW = 10;
const AT_ONCE = 100;
const SOAK_LANES = 4;
/** Allocators and collectors are never quite still. */
const HEAP_NOISE_KIB = 2048;
const CHILD_NOISE = 1.25;

/** One program in an isolate of its own, beside `node -e`, and in a python context, beside `python3 -c`; then a hundred at once, memory, and a soak. */
export default async function benchIsolate(quick: boolean): Promise<Report> {
  const turns = { ...(await roundTrips(quick)), ...(await pythonTurns(quick)) };
  const p50 = (name: string): number => percentiles(turns[name] ?? []).p50;
  const burst = await atOnce();
  const memory = await memoryOf(quick ? 2 : 6);
  const soaked = await soak(quick ? 2_000 : 100_000);
  return {
    bench: 'isolate',
    machine: machine(),
    figures: {
      roundTripMs: Object.fromEntries(Object.entries(turns).map(([name, samples]) => [name, percentiles(samples)])),
      atOnce: burst,
      memory,
      soak: soaked,
      closing: `create, run and dispose ${p50('oneShot')} ms, a warm call ${p50('warm')} ms, with decision and journal ${p50('governed')} ms; node -e ${p50('nodeEval')} ms; a call in python ${p50('pythonCall')} ms, python3 -c ${p50('pythonEval')} ms`,
    },
    ratios: { nodeEval: round(p50('nodeEval') / p50('oneShot'), 1), nodeEvalWarm: round(p50('nodeEval') / p50('warm'), 1), pythonEval: round(p50('pythonEval') / p50('pythonCall'), 1) },
  };
}

async function roundTrips(quick: boolean): Promise<Record<string, number[]>> {
  await using services = await openServices({ env: globalThis.process.env, version: 'bench' });
  const policy = await services.policies.load('js');
  await using session = await Session.open(services.sessionPorts(), { principal: services.principal, policy });
  await using pool = newPool();
  const rounds = quick ? 30 : 300;
  const { nodeEval: node = [], oneShot: rows = [], warm = [], governed = [] } = await inTurns(
    {
      nodeEval,
      oneShot: () => inARow(pool),
      pause: () => sleep(PAUSE_MS),
      warm: () => checked(pool.run(spec())),
      pauseAgain: () => sleep(PAUSE_MS),
      governed: async () => checked(Promise.resolve((await session.javascript({ source: SOURCE })).end)),
    },
    rounds,
    quick ? 3 : 20,
  );
  return { nodeEval: node, oneShot: rows.map((ms) => ms / IN_A_ROW), warm, governed };
}

/** An isolate that is made beforehand costs the calls before it: with no pause between them, each pays for one, made, run and disposed of. */
async function inARow(pool: IsolatePool): Promise<void> {
  for (let i = 0; i < IN_A_ROW; i++) await checked(pool.run(spec()));
}

/** The same for python: a call in an interpreter that stands in a container, decided and written down, beside an interpreter of its own on the host, without either. */
async function pythonTurns(quick: boolean): Promise<Record<string, number[]>> {
  await using services = await openServices({ env: globalThis.process.env, version: 'bench' });
  await using session = await Session.open(services.sessionPorts(), { principal: services.principal, policy: await services.policies.load('exec'), image: 'python', kinds: ['container'] });
  const sandbox = await session.sandbox('bench');
  await using context = await sandbox.contexts.open({ language: 'python' });
  const { pythonEval = [], pythonCalls = [] } = await inTurns(
    {
      pythonEval: () => printed(PYTHON_PATH, ['-c', `print(${PYTHON})`]),
      pause: () => sleep(PAUSE_MS),
      pythonCalls: async () => {
        for (let i = 0; i < IN_A_ROW; i++) await pythonCall(context);
      },
    },
    quick ? 30 : 300,
    20,
  );
  return { pythonEval, pythonCall: pythonCalls.map((ms) => ms / IN_A_ROW) };
}

async function pythonCall(context: Context): Promise<void> {
  const { events, end } = await context.run(PYTHON);
  let result: string | undefined;
  for await (const event of events) if (event.type === 'result') result = event.display.data['text/plain'];
  if (result !== PYTHON_RESULT) throw new Error(`a call in a context ended with ${(await end).cause}`);
}

function nodeEval(): Promise<void> {
  return printed(process.execPath, ['-e', 'console.log(JSON.stringify([1, 2, 3].map(x => x * 2)))']);
}

/** A program of the host from its start to its end. */
async function printed(program: string, argv: readonly string[]): Promise<void> {
  const child = spawn(program, argv, { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(child, 'close');
  if (text.replaceAll(/\s/g, '') !== RESULT) throw new Error(`${program} ${argv.join(' ')} gave ${text}`);
}

async function checked(running: Promise<JavaScriptEnd>): Promise<void> {
  const end = await running;
  if (JSON.stringify(end.result) !== RESULT) throw new Error(`an isolate gave ${JSON.stringify(end)}`);
}

async function atOnce(): Promise<Record<string, number>> {
  await using pool = newPool();
  const burst = async (): Promise<number> => {
    const began = performance.now();
    await Promise.all(Array.from({ length: AT_ONCE }, () => checked(pool.run(spec()))));
    return round(performance.now() - began, 1);
  };
  return { calls: AT_ONCE, coldMs: await burst(), warmMs: await burst(), children: pool.size };
}

/** Of children that have run something, with the isolate that stands ready in each. */
async function memoryOf(children: number): Promise<Record<string, number>> {
  await using pool = newPool(children);
  const { usage } = await pool.run(spec());
  // Each call keeps its child for itself.
  await Promise.all(Array.from({ length: children }, () => pool.run(spec({ source: 'const until = Date.now() + 500; while (Date.now() < until); export default [2, 4, 6]' }))));
  const shares = childPids().map((pid) => shareKiB(pid) ?? 0);
  return { children: pool.size, childKiB: round(shares.reduce((sum, share) => sum + share, 0) / shares.length, 0), isolateHeapKiB: round(usage.memoryBytes / 1024, 0) };
}

/** Programs that return, throw, are too much, and are slow, one after the other in a few lanes. */
async function soak(count: number): Promise<Record<string, unknown>> {
  await using pool = newPool(SOAK_LANES);
  const sources = [SOURCE, 'throw new Error("x")', 'console.log("x".repeat(1000)); export default "y".repeat(1000)', 'export default await tools.echo({ a: [1] })', 'export default new Array(1e5).fill(1).length', 'export default [1'];
  const sample = () => {
    const pids = childPids();
    return { heapKiB: round(settledHeapBytes() / 1024, 0), childKiB: pids.map((pid) => shareKiB(pid) ?? 0).sort((a, b) => a - b), descriptors: openDescriptors('self') };
  };
  const portion = count / 10;
  const samples: ReturnType<typeof sample>[] = [];
  const began = performance.now();
  for (let done = 0; done < count; done += portion) {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < portion) {
        const { cause } = await pool.run(spec({ source: sources[next++ % sources.length] ?? SOURCE, functions: { 'tools.echo': ([value]) => Promise.resolve(value) } }));
        if (cause === 'lost' || cause === 'timeout' || cause === 'memory') throw new Error(`a call ended by ${cause}`);
      }
    };
    await Promise.all(Array.from({ length: SOAK_LANES }, lane));
    samples.push(sample());
  }
  const seconds = (performance.now() - began) / 1000;
  const [, first = samples[0]] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined) throw new Error('nothing was measured');
  const largest = (at: typeof first): number => at.childKiB.at(-1) ?? 0;
  const flat = last.heapKiB <= first.heapKiB + HEAP_NOISE_KIB && largest(last) <= largest(first) * CHILD_NOISE && (last.descriptors ?? 0) <= (first.descriptors ?? 0) + 2;
  return { calls: count, perSecond: round(count / seconds, 0), first, last, flat };
}

function newPool(maxChildren?: number): IsolatePool {
  return new IsolatePool({ searchPath: process.env['PATH'] ?? '', ...(maxChildren === undefined ? {} : { maxChildren }) });
}

function spec(options: Partial<JavaScriptSpec> = {}): JavaScriptSpec {
  const limits = { wallMs: 60_000, memoryBytes: 64 * 2 ** 20, outputBytes: 2 ** 20 };
  return { owner: 'bench', source: SOURCE, fileName: 'bench.js', language: 'javascript', form: 'module', args: [], functions: {}, limits, ...options };
}

function childPids(): number[] {
  return processesWith('--no-node-snapshot', 'isolate/child/main').filter((pid) => pid !== process.pid);
}
