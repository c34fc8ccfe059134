import type { Sandbox, WarmSandboxes } from '../src/contracts/index.ts';
import { openDescriptors, settledHeapBytes, zombiesOf } from './process-memory.ts';
import { type Report, machine, round } from './report.ts';
import { BenchGround, SMALL, command, runTrue } from './sandboxes.ts';

const LANES = 8;
/** So often another sandbox comes from the pool and goes. */
const ONE_SANDBOX_EVERY = 100;
/** Allocators and the collector are never quite still: less than this is noise. */
const HEAP_NOISE_KIB = 2048;
const INIT_NOISE_KIB = 256;

/** Ends of every sort, because each has a path of its own through init and through us. */
const COMMANDS: readonly (readonly [string, ...string[]])[] = [
  ['/bin/true'],
  ['/bin/sh', '-c', 'echo out; echo err >&2; exit 3'],
  ['/bin/sh', '-c', 'kill -9 $$'],
  ['/nowhere/nothing'],
  ['/bin/sh', '-c', 'head -c 100000 /dev/zero'],
  ['/bin/sh', '-c', '(sleep 0.001 &) ; true'],
];

interface Sample {
  readonly commands: number;
  readonly heapKiB: number;
  readonly initKiB: number;
  readonly descriptors: number | undefined;
  readonly initDescriptors: number | undefined;
  readonly zombies: number;
  readonly processes: number;
}

/** Ten thousand commands in one sandbox, and a hundred sandboxes beside it that come from a pool and go: nothing may grow. */
export default async function benchSoak(quick: boolean): Promise<Report> {
  const count = quick ? 600 : 10_000;
  await using ground = new BenchGround();
  await using pool = ground.pool();
  await pool.warm(['container'], SMALL, { floor: 2 });
  await using sandbox = await ground.sandboxes.create(['container'], SMALL);
  const { pid } = await ground.container(sandbox);
  const samples: Sample[] = [];
  const began = performance.now();
  const portion = count / 10;
  for (let done = portion; done <= count; done += portion) {
    await Promise.all([inLanes(sandbox, portion), churn(pool, portion / ONE_SANDBOX_EVERY)]);
    await pool.warm(['container'], SMALL, { floor: 2 });
    samples.push(await sample(sandbox, pid, done));
  }
  const seconds = (performance.now() - began) / 1000;
  // The first portion is what fills caches and pools.
  const [, first = samples[0]] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined) throw new Error('nothing was measured');
  const grown = growth(first, last);
  return {
    bench: 'soak',
    machine: machine(),
    figures: {
      commands: count,
      perSecond: round(count / seconds, 1),
      first,
      last,
      grown,
      closing: `${count} commands in ${round(seconds, 1)} s: ${grown.length === 0 ? 'memory is flat, no zombie, no descriptor leaked, here or in init' : `LEAKED: ${grown.join('; ')}`}`,
    },
    ratios: {},
  };
}

async function inLanes(sandbox: Sandbox, count: number): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const argv = COMMANDS[next++ % COMMANDS.length] ?? COMMANDS[0] ?? ['/bin/true'];
      const running = sandbox.exec(command(...argv));
      for await (const _ of running.output);
      const { cause } = await running.end;
      if (cause === 'lost') throw new Error('the sandbox was lost');
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function churn(pool: WarmSandboxes, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await using sandbox = await pool.create(['container'], SMALL);
    await runTrue(sandbox);
  }
}

async function sample(sandbox: Sandbox, initPid: number, commands: number): Promise<Sample> {
  const { initBytes, processes } = await sandbox.ping();
  return {
    commands,
    heapKiB: round(settledHeapBytes() / 1024, 0),
    initKiB: initBytes / 1024,
    descriptors: openDescriptors('self'),
    initDescriptors: openDescriptors(initPid),
    zombies: zombiesOf(initPid) + zombiesOf(process.pid),
    processes,
  };
}

/** What has grown, each with from where to where; empty when all is well. */
function growth(first: Sample, last: Sample): string[] {
  const grown = (name: string, from: number | undefined, to: number | undefined, noise: number): string[] =>
    from !== undefined && to !== undefined && to > from + noise ? [`${name} ${from} to ${to}`] : [];
  return [
    ...grown('heap KiB', first.heapKiB, last.heapKiB, Math.max(HEAP_NOISE_KIB, first.heapKiB / 10)),
    ...grown('init KiB', first.initKiB, last.initKiB, INIT_NOISE_KIB),
    // A connection of the engine's client may be kept for the next call.
    ...grown('descriptors', first.descriptors, last.descriptors, 2),
    ...grown('descriptors of init', first.initDescriptors, last.initDescriptors, 0),
    ...grown('zombies', 0, last.zombies, 0),
    ...grown('processes in the sandbox', first.processes, last.processes, 0),
  ];
}
