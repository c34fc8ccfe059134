import type { LiveSandbox } from '../contracts/index.ts';
import { SandboxState } from './state.ts';

/** What is told of a sandbox that runs. */
export function liveSandbox(state: SandboxState, paused: boolean): LiveSandbox {
  return { id: state.id, kind: state.kind, image: state.spec.image, createdMs: state.createdMs, owner: state.ownerIs, paused };
}

/** Of everything that the folder has a record of, whether it still runs or not: nobody is asked for that. */
export function recordedSandboxes(stateDir: string): readonly Pick<LiveSandbox, 'id' | 'createdMs' | 'owner'>[] {
  return SandboxState.list(stateDir).states.map((state) => liveSandbox(state, false));
}
