import { InvalidArgumentError } from 'commander';
import { describeError, type Log, type Policy } from '../contracts/index.ts';
import { again } from './again.ts';
import type { Services } from './services.ts';

/** How often it is looked whether a policy has changed, and what failed is tried again. */
const AGAIN_MS = 30_000;

/** How many are to stand ready, by policy. */
export type Standing = ReadonlyMap<string, number>;

/** `exec=4`, as often as there are policies. */
export function standingOption(text: string, before: Standing = new Map()): Standing {
  const [, policy, count] = /^(.+)=(\d{1,4})$/.exec(text) ?? [];
  if (policy === undefined || count === undefined) throw new InvalidArgumentError('Expected a policy and how many, as in exec=4.');
  return new Map([...before, [policy, Number(count)]]);
}

/** Sees to it that they stand ready until the signal fires; those of a policy that has changed are made anew. What goes wrong is told, and tried again. */
export async function keepStanding({ policies, keepReady }: Pick<Services, 'policies' | 'keepReady'>, standing: Standing, log: Log, signal: AbortSignal): Promise<void> {
  const kept = new Map<string, Policy>();
  const keep = async (name: string, floor: number): Promise<void> => {
    const policy = await policies.load(name);
    const before = kept.get(name);
    if (before?.hash === policy.hash) return;
    if (before !== undefined) await keepReady(before, 0, signal);
    kept.delete(name);
    await keepReady(policy, floor, signal);
    kept.set(name, policy);
    log.write('info', `${floor} sandboxes stand ready under ${name}`);
  };
  if (standing.size === 0) return;
  await again(AGAIN_MS, signal, async () => {
    for (const [name, floor] of standing) {
      try {
        await keep(name, floor);
      } catch (error) {
        if (!signal.aborted) log.write('warn', `sandboxes under ${name} do not stand ready: ${describeError(error)}`);
      }
    }
  });
}
