import { GloveboxError } from '../contracts/index.ts';
import { currentOwner } from './owner.ts';
import type { SandboxState } from './state.ts';

/**
 * Removes a sandbox that nobody answers for. It is taken over first, so that nobody can adopt what is being removed; false when somebody else
 * has taken it over since its state was read. Where it cannot be removed it is again whose it was, and the next sweep tries again.
 */
export async function removeClaimed(state: SandboxState, remove: () => Promise<void>): Promise<boolean> {
  const { owner } = state;
  try {
    state.doom(currentOwner());
  } catch (error) {
    if (error instanceof GloveboxError && (error.code === 'not_found' || error.details['superseded'] === true)) return false;
    throw error;
  }
  try {
    await remove();
  } catch (error) {
    state.doom(owner, false);
    throw error;
  }
  state.remove();
  return true;
}
