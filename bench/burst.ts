import { type Sandbox, describeError } from '../src/contracts/index.ts';
import { dockerRun } from './docker-baseline.ts';
import { type Percentiles, type Report, machine, percentiles, round } from './report.ts';
import { BenchGround, IMAGE, SMALL, runTrue } from './sandboxes.ts';

/** Fifty sandboxes asked for at once and alive at once, cold and from a pool: the time to the first result of each, and what is left. */
export default async function benchBurst(quick: boolean): Promise<Report> {
  const count = quick ? 8 : 50;
  await using ground = new BenchGround();
  const failures: string[] = [];
  const burst = async (floor: number): Promise<Percentiles> => {
    await using pool = ground.pool({ ceiling: count });
    if (floor > 0) await pool.warm(['container'], SMALL, { floor });
    return await atOnce(count, failures, async (sandboxes) => {
      const sandbox = await pool.create(['container'], SMALL);
      sandboxes.push(sandbox);
      await runTrue(sandbox);
    });
  };
  const cold = await burst(0);
  const warm = await burst(count);
  const docker = await atOnce(count, failures, () => dockerRun(IMAGE));
  return {
    bench: 'burst',
    machine: machine(),
    figures: { count, coldMs: cold, warmMs: warm, dockerRunMs: docker, failures: failures.length, failed: failures.slice(0, 5), leftBehind: await ground.leftBehind() },
    ratios: { dockerRun: round(docker.p50 / warm.p50), coldDockerRun: round(docker.p50 / cold.p50) },
  };
}

/** All begin together, and none is removed before the last has its result. */
async function atOnce(count: number, failures: string[], one: (sandboxes: Sandbox[]) => Promise<void>): Promise<Percentiles> {
  const sandboxes: Sandbox[] = [];
  const began = performance.now();
  const samples: number[] = [];
  await Promise.all(
    Array.from({ length: count }, async () => {
      try {
        await one(sandboxes);
        samples.push(performance.now() - began);
      } catch (error) {
        failures.push(describeError(error));
      }
    }),
  );
  await Promise.all(sandboxes.map((sandbox) => sandbox.destroy()));
  return percentiles(samples);
}
