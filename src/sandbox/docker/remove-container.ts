import { GloveboxError } from '../../contracts/index.ts';
import type { Engine } from './engine.ts';

/** init ends within milliseconds of being told; the engine then takes its time to clear up. */
const BY_ITSELF_MS = 2000;
const GONE_MS = 20_000;

/**
 * Removes a container and makes sure that it is gone. `asked`: init was told to end, and AutoRemove will do the rest if it is let. Idempotent.
 * Errors: `engine_failed` when it is still there, `engine_unavailable`.
 */
export async function removeContainer(engine: Engine, name: string, asked: boolean): Promise<void> {
  if (asked && (await isRemoved(engine, name, BY_ITSELF_MS))) return;
  await engine.remove(name);
  if (await isRemoved(engine, name, GONE_MS)) return;
  throw new GloveboxError('engine_failed', `the engine still has the container ${name}, ${GONE_MS / 1000} s after it was told to remove it`);
}

/** Waits for the removal, and looks: an engine's word alone is not enough. */
async function isRemoved(engine: Engine, name: string, withinMs: number): Promise<boolean> {
  const deadline = AbortSignal.timeout(withinMs);
  try {
    await engine.removed(name, deadline);
  } catch (error) {
    if (!deadline.aborted) throw error;
  }
  return (await engine.container(name)) === undefined;
}
