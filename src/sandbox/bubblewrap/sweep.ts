import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { describeError, GloveboxError, parseId, type SweepOptions } from '../../contracts/index.ts';
import { removeClaimed } from '../claimed-removal.ts';
import type { FolderOwnership } from '../folder-ownership.ts';
import { SandboxState } from '../state.ts';
import type { ControlGroups } from './control-groups.ts';
import { listProcesses } from './processes.ts';
import { keeperSocket, recordedRemains, removeRemains } from './remains.ts';
import type { Remains } from './remains.ts';
import { runFolder, runFolderNames } from './run-folder.ts';

export interface Sweep extends SweepOptions {
  readonly stateDir: string;
  readonly ownership: FolderOwnership;
  readonly runRoot: string;
  readonly groups: ControlGroups | undefined;
}

/** A sandbox that nobody owns any more, and how we know. */
interface Leftover {
  readonly id: string;
  readonly remains: Remains;
  readonly why: string;
  readonly state?: SandboxState;
}

/** Removes what earlier processes left, and says what. Errors: `engine_failed` with what could not be removed, after everything else was. */
export async function sweepRemains(sweep: Sweep): Promise<string[]> {
  const removed: string[] = [];
  const failures: string[] = [];
  for (const leftover of await findLeftovers(sweep)) {
    sweep.signal?.throwIfAborted();
    try {
      const remove = (): Promise<void> => removeRemains(leftover.remains);
      if (leftover.state === undefined) await remove();
      else if (!(await removeClaimed(leftover.state, sweep.ownership.owner, remove))) continue;
      removed.push(`process sandbox ${leftover.id} (${leftover.why})`);
    } catch (error) {
      failures.push(`${leftover.id}: ${describeError(error)}`);
    }
  }
  if (failures.length > 0) throw new GloveboxError('engine_failed', `process sandboxes could not be removed: ${failures.join('; ')}`);
  return removed;
}

async function findLeftovers(sweep: Sweep): Promise<Leftover[]> {
  const { stateDir, runRoot, groups, all = false, doomed, sparesLiving = false } = sweep;
  // Traces first and records second: a sandbox is recorded before it leaves a trace, so a new one is never taken for an orphan.
  const kept = new Set(keptIds(runRoot));
  const traces = new Set([...runFolderNames(runRoot), ...((await groups?.names()) ?? []), ...kept]);
  const { states, unreadable } = SandboxState.list(stateDir);
  const recorded = new Set<string>([...states.map(({ id }) => id), ...(all ? [] : unreadable.map(idOfFile))]);
  const isSpared = (state: SandboxState): boolean => sparesLiving && kept.has(state.id) && !state.isDoomed;
  const ownerless = states
    .filter((state) => state.kind === 'process' && (all || doomed?.has(state.id) === true || (!state.isAnsweredFor && !isSpared(state))))
    .map((state) => ({ id: state.id, remains: recordedRemains(state, sweep), why: reason(state), state }));
  const orphans = [...traces]
    .filter((id) => parseId('sbx', id) !== undefined && !recorded.has(id))
    .map((id) => ({ id, remains: unrecordedRemains(id, sweep), why: 'nobody has a record of it' }));
  return [...ownerless, ...orphans];
}

function reason({ owner, ownerIs, isAnsweredFor }: SandboxState): string {
  if (isAnsweredFor) return 'it was to go';
  return ownerIs === 'dead' ? `its owner, process ${owner.pid}, is dead` : 'it could not be removed before';
}

/** The user that a run folder was made for is its sandbox's, unless it is ourselves. */
function unrecordedRemains(id: string, { runRoot, groups }: Sweep): Remains {
  const folder = runFolder(runRoot, id);
  const uid = statSync(dirname(folder.socket), { throwIfNoEntry: false })?.uid;
  return { folder, ...(uid === undefined || uid === process.getuid?.() ? {} : { uid }), ...(groups && { group: groups.group(id) }) };
}

/** Ids of sandboxes whose keeper runs, whatever else is left of them. */
export function keptIds(runRoot: string): string[] {
  return listProcesses().flatMap(({ pid }) => {
    const folder = dirname(dirname(keeperSocket(pid) ?? ''));
    return dirname(folder) === runRoot ? [folder.slice(runRoot.length + 1)] : [];
  });
}

function idOfFile(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.json$/, '');
}
