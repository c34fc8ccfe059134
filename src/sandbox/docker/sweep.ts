import type { SandboxKind, SweepOptions } from '../../contracts/index.ts';
import { removeClaimed } from '../claimed-removal.ts';
import type { FolderOwnership } from '../folder-ownership.ts';
import { SandboxState } from '../state.ts';
import type { Volumes } from '../volume/index.ts';
import type { Engine } from './engine.ts';
import { Label } from './labels.ts';
import { stateLabel } from './state-label.ts';
import { removeContainer } from './remove-container.ts';

/** A volume that was made just now may be about to be used by whoever made it. */
const VOLUME_AGE_MS = 10 * 60_000;

/** States of a container in which a sandbox may have been adopted. */
const ALIVE: ReadonlySet<string> = new Set(['running', 'paused']);

interface Sweep extends SweepOptions {
  readonly volumes: Volumes;
  readonly engine: Engine;
  readonly kind: SandboxKind;
  readonly stateDir: string;
  readonly ownership: FolderOwnership;
  readonly currentInitVolume: (signal?: AbortSignal) => Promise<string | undefined>;
}

/** Removes what processes that are dead left on the engine. Says what it removed. */
export async function sweep(options: Sweep): Promise<readonly string[]> {
  const containers = await sweepContainers(options);
  const states = await sweepStates(options);
  const workspaces = [...(await sweepWorkspaces(options)), ...(await options.volumes.sweep(options))];
  return [...containers, ...states, ...workspaces, ...(await sweepFillers(options)), ...(await sweepVolumes(options))];
}

async function sweepContainers({ engine, kind, stateDir, ownership, all, doomed, sparesLiving, signal }: Sweep): Promise<string[]> {
  const removed: string[] = [];
  const states = new Map(SandboxState.list(stateDir).states.map((state) => [state.id as string, state]));
  const containers = await engine.containers([`${Label.kind}=${kind}`], signal);
  const label = stateLabel(stateDir);
  for (const { Id, Labels, State } of containers) {
    const id = Labels[Label.sandbox] ?? '';
    // Whoever has adopted a sandbox since is in its state; the label is for ever that of its maker.
    const state = states.get(id);
    const ours = Labels[Label.state] === label;
    const isAnsweredFor = state?.isAnsweredFor ?? !ownership.isDead(Labels[Label.owner] ?? '');
    if (!(ours && (all === true || doomed?.has(id) === true)) && isAnsweredFor) continue;
    // Of another state folder, where somebody may have adopted it. If nobody has, its own init ends it.
    if (!ours && ALIVE.has(State)) continue;
    if (sparesLiving === true && ALIVE.has(State) && state?.isDoomed === false && doomed?.has(id) !== true) continue;
    const remove = (): Promise<void> => removeContainer(engine, Id, false);
    if (state === undefined) await remove();
    else if (!(await removeClaimed(state, ownership.owner, remove))) continue;
    removed.push(`container of sandbox ${id} (${State})`);
  }
  return removed;
}

/** Keys and epochs of sandboxes that are gone. */
async function sweepStates({ engine, kind, stateDir, all, doomed, signal }: Sweep): Promise<string[]> {
  const removed: string[] = [];
  for (const state of SandboxState.list(stateDir).states) {
    if (state.kind !== kind || (all !== true && doomed?.has(state.id) !== true && state.isAnsweredFor)) continue;
    const containers = await engine.containers([`${Label.sandbox}=${state.id}`], signal);
    if (containers.length > 0) continue;
    state.remove();
    removed.push(`state of sandbox ${state.id}`);
  }
  return removed;
}

/** Containers that were to fill a volume with init, and whose makers died on the way. */
async function sweepFillers({ engine, ownership, signal }: Sweep): Promise<string[]> {
  const removed: string[] = [];
  for (const { Id, Labels } of await engine.containers([Label.init], signal)) {
    if (!ownership.isDead(Labels[Label.owner] ?? '')) continue;
    await removeContainer(engine, Id, false);
    removed.push(`container that filled ${Labels[Label.init]}`);
  }
  return removed;
}

/** Workspaces whose container somebody removed without them. Each is made and mounted together with its container, so one without is nobody's. */
async function sweepWorkspaces({ engine, stateDir, signal }: Sweep): Promise<string[]> {
  const removed: string[] = [];
  const label = `${Label.state}=${stateLabel(stateDir)}`;
  const volumes = await engine.volumes(label, signal);
  const sandboxes = new Set((await engine.containers([label], signal)).map(({ Labels }) => Labels[Label.sandbox]));
  for (const { Name, Labels } of volumes) {
    const id = Labels?.[Label.sandbox];
    if (id === undefined || sandboxes.has(id)) continue;
    if (await engine.removeVolume(Name, signal)) removed.push(`workspace of sandbox ${id}`);
  }
  return removed;
}

/** Volumes with an init of another version. One that is in use stays: the engine refuses. */
async function sweepVolumes({ engine, currentInitVolume, signal }: Sweep): Promise<string[]> {
  const removed: string[] = [];
  const current = await currentInitVolume(signal);
  for (const { Name, CreatedAt } of await engine.volumes(Label.init, signal)) {
    if (Name === current || Date.now() - Date.parse(CreatedAt ?? '') < VOLUME_AGE_MS) continue;
    if (await engine.removeVolume(Name, signal)) removed.push(`volume ${Name}`);
  }
  return removed;
}
