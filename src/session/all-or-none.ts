import type { GovernedSandbox } from './governed-sandbox.ts';

/** Forks that are being made; where one fails the others go, and its error is told. */
export async function allOrNone(making: readonly Promise<GovernedSandbox>[]): Promise<readonly GovernedSandbox[]> {
  const forks = await Promise.allSettled(making);
  const sandboxes = forks.flatMap((fork) => (fork.status === 'fulfilled' ? [fork.value] : []));
  const failed = forks.find((fork) => fork.status === 'rejected');
  if (failed === undefined) return sandboxes;
  await Promise.allSettled(sandboxes.map((sandbox) => sandbox.destroy('another fork of the same workspace failed')));
  throw failed.reason;
}
