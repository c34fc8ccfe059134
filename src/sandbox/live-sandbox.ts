import type { LiveSandbox } from '../contracts/index.ts';
import { ownerIs } from './owner.ts';
import type { SandboxState } from './state.ts';

/** What is told of a sandbox that runs. */
export function liveSandbox(state: SandboxState, paused: boolean): LiveSandbox {
  return { id: state.id, kind: state.kind, image: state.spec.image, createdMs: state.createdMs, owner: ownerIs(state.owner), paused };
}
