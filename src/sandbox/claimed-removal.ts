import type { Owner } from './owner.ts';
import { isNoLongerOurs } from './state.ts';
import type { SandboxState } from './state.ts';

/**
 * Removes a sandbox that nobody answers for. It is taken over by `remover` first, so that nobody can adopt what is being removed; false when somebody else
 * has taken it over since its state was read. Where it cannot be removed the next sweep tries again, whoever's it is.
 */
export async function removeClaimed(state: SandboxState, remover: Owner, remove: () => Promise<void>): Promise<boolean> {
  try {
    state.doom(remover);
  } catch (error) {
    if (isNoLongerOurs(error)) return false;
    throw error;
  }
  await remove();
  state.remove();
  return true;
}
