import type { SandboxId, SandboxKind } from '../../contracts/index.ts';
import { ensureStateLabel } from './state-label.ts';

/** The labels by which a sweeper knows what is ours. Anybody who may talk to the engine can read them: no secret belongs here. */
export const Label = {
  sandbox: 'glovebox.sandbox',
  kind: 'glovebox.kind',
  owner: 'glovebox.owner',
  state: 'glovebox.state',
  /** On the volume that init is mounted from, and on the container that fills it. */
  init: 'glovebox.init',
} as const;

/** A sandbox's container can be found by its id alone, so nothing must be remembered between making it and starting it. */
export function containerName(id: SandboxId): string {
  return `glovebox-${id}`;
}

export function sandboxLabels(id: SandboxId, kind: SandboxKind, owner: string, stateDir: string): Record<string, string> {
  return { [Label.sandbox]: id, [Label.kind]: kind, [Label.owner]: owner, [Label.state]: ensureStateLabel(stateDir) };
}
