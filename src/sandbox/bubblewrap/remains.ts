import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GloveboxError } from '../../contracts/index.ts';
import type { SandboxState } from '../state.ts';
import type { ControlGroup } from './control-group.ts';
import type { ControlGroups } from './control-groups.ts';
import { KEEPER_FLAG } from './keeper.ts';
import { argumentsOf, killProcess, listProcesses, withDescendants } from './processes.ts';
import type { HostProcess } from './processes.ts';
import { removeRunFolder, runFolder } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';

/** Everything that a sandbox has on this host. */
export interface Remains {
  readonly folder: RunFolder;
  /** Its own user id, where it has one. */
  readonly uid?: number;
  readonly group?: ControlGroup;
}

/** What a sandbox has, by its record. */
export function recordedRemains(state: SandboxState, ground: { readonly runRoot: string; readonly groups: ControlGroups | undefined }): Remains {
  const { folder = join(ground.runRoot, state.id), uid } = state.resource;
  return {
    folder: runFolder(dirname(folder), state.id),
    ...(uid === undefined ? {} : { uid: Number(uid) }),
    ...(ground.groups && { group: ground.groups.group(state.id) }),
  };
}

/** A killed process is gone at once, unless the kernel is busy with it. */
const KILL_DEADLINE_MS = 10_000;
const KILL_PAUSE_MS = 5;

/**
 * Kills a sandbox's processes and removes what it has; resolves when nothing is left. Idempotent, and the same whether its owner does it or
 * somebody finds it later. Errors: `engine_failed` when something cannot be killed.
 */
export async function removeRemains(remains: Remains): Promise<void> {
  await remains.group?.stopForking();
  const deadline = performance.now() + KILL_DEADLINE_MS;
  for (;;) {
    const left = await processesOf(remains);
    if (left.length === 0) break;
    if (performance.now() > deadline) {
      throw new GloveboxError('engine_failed', `processes ${left.map(({ pid }) => pid).join(', ')} of a sandbox do not die: look at them with ps`);
    }
    left.forEach(killProcess);
    // What is frozen dies when it is woken, before it does anything else.
    await remains.group?.freezer?.thawIfThere();
    await sleep(KILL_PAUSE_MS);
  }
  await remains.group?.remove();
  removeRunFolder(remains.folder);
}

/**
 * A sandbox's processes: what is in its group, what has its user id, its keeper (known by its socket), and all that descends from them.
 * Nothing in a sandbox can get away from all of these, and nothing outside it is any of them.
 */
async function processesOf({ folder, uid, group }: Remains): Promise<HostProcess[]> {
  const all = listProcesses();
  const inGroup = new Set(await group?.processes());
  const own = process.getuid?.();
  const roots = all.filter(
    (each) =>
      inGroup.has(each.pid) ||
      (uid === undefined ? each.uid === own && keeperSocket(each.pid) === folder.socket : each.uid === uid),
  );
  return withDescendants(roots, all);
}

/** The socket that a keeper was started with; undefined for any other process. */
export function keeperSocket(pid: number): string | undefined {
  const [, flag, socket] = argumentsOf(pid);
  return flag === KEEPER_FLAG ? socket : undefined;
}
