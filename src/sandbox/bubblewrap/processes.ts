import { readdirSync, readFileSync } from 'node:fs';

/** A process of this host. Its start time says whether a pid still means the same one. */
export interface HostProcess {
  readonly pid: number;
  readonly parent: number;
  /** Field 22 of /proc/<pid>/stat. */
  readonly startTicks: string;
  /** The real user id, in our user namespace. */
  readonly uid: number;
}

/** Every process of this host that has not ended; zombies have. */
export function listProcesses(): HostProcess[] {
  return readdirSync('/proc').flatMap((name) => {
    const found = /^\d+$/.test(name) ? readProcess(Number(name)) : undefined;
    return found === undefined ? [] : [found];
  });
}

/** One process; undefined when it has ended. */
export function readProcess(pid: number): HostProcess | undefined {
  try {
    return parseProcess(pid, readFileSync(`/proc/${pid}/stat`, 'latin1'), readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    // It ended while we read, which is an answer.
    return undefined;
  }
}

/** The texts of /proc/<pid>/stat and status. The second field of stat is a name in brackets that may itself hold brackets. */
export function parseProcess(pid: number, stat: string, status: string): HostProcess | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, startTicks] = [fields[0], fields[1], fields[19]];
  const uid = /^Uid:\s+(\d+)/m.exec(status)?.[1];
  if (state === 'Z' || state === 'X' || parent === undefined || startTicks === undefined || uid === undefined) return undefined;
  return { pid, parent: Number(parent), startTicks, uid: Number(uid) };
}

/** The given processes with everything that descends from them. */
export function withDescendants(roots: readonly HostProcess[], all: readonly HostProcess[]): HostProcess[] {
  const found = new Map(roots.map((root) => [root.pid, root]));
  // A set that grows while it is walked: each pass takes the children of what the last one added.
  for (const { pid } of found.values()) {
    for (const process of all) if (process.parent === pid) found.set(process.pid, process);
  }
  return [...found.values()];
}

/** Arguments of a process; empty when it has ended or may not be looked at. */
export function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

/** Kills a process, if its pid still means it. */
export function killProcess(target: HostProcess): void {
  if (readProcess(target.pid)?.startTicks !== target.startTicks) return;
  try {
    process.kill(target.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
