import type { Sandbox } from '../src/contracts/index.ts';
import { availableKiB, processesWith, settledHeapBytes, shareKiB } from './process-memory.ts';
import { type Report, machine, round } from './report.ts';
import { BenchGround, SMALL, runTrue } from './sandboxes.ts';

const AT_ONCE = 4;

/** A hundred idle sandboxes, in each of which one command has run: what one costs inside, in this process, and on the machine as a whole. */
export default async function benchDensity(quick: boolean): Promise<Report> {
  const count = quick ? 10 : 100;
  await using ground = new BenchGround();
  // Whatever the first one brings into being for all is not the others' cost.
  await (await opened(ground)).destroy();
  const before = { heap: settledHeapBytes(), available: availableKiB() };
  const sandboxes: Sandbox[] = [];
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, lane) => fill(ground, sandboxes, Math.floor((count + lane) / AT_ONCE))));
    const heap = settledHeapBytes();
    const available = availableKiB();
    const inits = await Promise.all(sandboxes.map(async (sandbox) => (await sandbox.ping()).initBytes));
    const containers = await Promise.all(sandboxes.map((sandbox) => ground.container(sandbox)));
    const shims = containers.flatMap(({ id }) => processesWith('containerd-shim', id).map(shareKiB)).filter((size) => size !== undefined);
    return {
      bench: 'density',
      machine: machine(),
      figures: {
        sandboxes: sandboxes.length,
        initResidentKiB: mean(inits.map((bytes) => bytes / 1024)),
        ourHeapKiB: round((heap - before.heap) / 1024 / count, 1),
        // containerd's, one each: what any container costs.
        shimKiB: shims.length === 0 ? 'not to be seen from here' : mean(shims),
        // Everything together, kernel and engine included; other programs of the machine disturb it.
        machineKiB: round((before.available - available) / count, 1),
      },
      ratios: {},
    };
  } finally {
    await Promise.allSettled(sandboxes.map((sandbox) => sandbox.destroy()));
  }
}

async function fill(ground: BenchGround, sandboxes: Sandbox[], count: number): Promise<void> {
  for (let i = 0; i < count; i++) sandboxes.push(await opened(ground));
}

async function opened(ground: BenchGround): Promise<Sandbox> {
  const sandbox = await ground.sandboxes.create(['container'], SMALL);
  await runTrue(sandbox);
  return sandbox;
}

function mean(values: readonly number[]): number {
  return round(values.reduce((sum, value) => sum + value, 0) / values.length, 1);
}
