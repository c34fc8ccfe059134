import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { SandboxId, SandboxKind } from '../../contracts/index.ts';

/** The labels by which a sweeper knows what is ours. Anybody who may talk to the engine can read them: no secret belongs here. */
export const Label = {
  sandbox: 'glovebox.sandbox',
  kind: 'glovebox.kind',
  owner: 'glovebox.owner',
  state: 'glovebox.state',
  /** On the volume that init is mounted from, and on the container that fills it. */
  init: 'glovebox.init',
} as const;

/** A state folder, without telling where it is. */
export function stateLabel(stateDir: string): string {
  return createHash('sha256').update(resolve(stateDir)).digest('hex').slice(0, 16);
}

/** A sandbox's container can be found by its id alone, so nothing must be remembered between making it and starting it. */
export function containerName(id: SandboxId): string {
  return `glovebox-${id}`;
}

export function sandboxLabels(id: SandboxId, kind: SandboxKind, owner: string, stateDir: string): Record<string, string> {
  return { [Label.sandbox]: id, [Label.kind]: kind, [Label.owner]: owner, [Label.state]: stateLabel(stateDir) };
}
