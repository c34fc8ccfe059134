import type { Sandbox, SandboxKind, WarmSandboxes } from '../src/contracts/index.ts';
import { dockerRun } from './docker-baseline.ts';
import { type Contender, type Report, inTurns, machine, percentiles, round } from './report.ts';
import { BenchGround, IMAGE, SPEC, optional, runTrue } from './sandboxes.ts';

const FLOOR = 4;

/**
 * From asking for a sandbox to the first result in it: from a pool that stands ready, cold, and by `docker run --rm`. Removing, and making
 * ready again, are not part of it, and are waited for before the next turn.
 */
export default async function benchAcquire(quick: boolean): Promise<Report> {
  await using ground = new BenchGround();
  await using pool = ground.pool();
  await pool.warm(['container'], SPEC, { floor: FLOOR });
  const hasProcesses = (await optional(() => pool.warm(['process'], SPEC, { floor: FLOOR }).then(() => true))) ?? false;
  const samples = await inTurns(
    {
      warm: warm(pool, 'container'),
      cold: cold(() => ground.sandboxes.create(['container'], SPEC)),
      dockerRun: () => dockerRun(IMAGE),
      ...(hasProcesses ? { processWarm: warm(pool, 'process'), processCold: cold(() => ground.sandboxes.create(['process'], SPEC)) } : {}),
    },
    quick ? 5 : 60,
    quick ? 1 : 3,
  );
  const toFirstResultMs = Object.fromEntries(Object.entries(samples).map(([name, each]) => [name, percentiles(each)]));
  const p50 = (name: string): number => toFirstResultMs[name]?.p50 ?? Number.NaN;
  return {
    bench: 'acquire',
    machine: machine(),
    figures: {
      toFirstResultMs,
      // With no pause for making others ready: what a loop of short tasks sees.
      backToBackMs: percentiles(await backToBack(pool, quick ? 8 : 40)),
    },
    ratios: { dockerRun: round(p50('dockerRun') / p50('warm')), coldDockerRun: round(p50('dockerRun') / p50('cold')) },
  };
}

function warm(pool: WarmSandboxes, kind: SandboxKind): Contender {
  return async () => {
    const sandbox = await pool.create([kind], SPEC);
    await runTrue(sandbox);
    return async () => {
      await sandbox.destroy();
      await pool.warm([kind], SPEC, { floor: FLOOR });
    };
  };
}

function cold(create: () => Promise<Sandbox>): Contender {
  return async () => {
    const sandbox = await create();
    await runTrue(sandbox);
    return () => sandbox.destroy();
  };
}

async function backToBack(pool: WarmSandboxes, count: number): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    const sandbox = await pool.create(['container'], SPEC);
    await runTrue(sandbox);
    samples.push(performance.now() - began);
    await sandbox.destroy();
  }
  return samples;
}
