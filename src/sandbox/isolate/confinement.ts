import { execFile, execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import type { ControlGroup } from '../bubblewrap/control-group.ts';
import { ControlGroups } from '../bubblewrap/control-groups.ts';
import { findProgram } from '../bubblewrap/host.ts';
import { killProcess, readProcess } from '../bubblewrap/processes.ts';
import { freeUser } from '../bubblewrap/unprivileged-user.ts';

const run = promisify(execFile);
const MIB = 2 ** 20;
/** Node's own threads, and those of isolated-vm, one a processor. */
export const PIDS = 32 + 2 * availableParallelism();
export const DESCRIPTORS = 64;
/** For what a program does outside its heap: messages on their way, compiled code, a WebAssembly memory. */
export const allowanceBytes = (heapBytes: number): number => 2 * heapBytes + 96 * MIB;
/** Only these are ever used of root's capabilities: to read what it loads, and to stop being root. */
const BOUNDING = '--bounding-set=-all,+setuid,+setgid,+dac_read_search';
const GROUP_NAME = /^child-(\d+)-/;

/** What holds one child: its user, its limits, its account. */
export interface Hold {
  /** How often the kernel ended something of it for want of memory. */
  outOfMemoryKills(): Promise<number>;
  /** Once it is dead. Errors: EBUSY when something of it is left. */
  release(): Promise<void>;
}

/** What holds the children of this process: as much as this machine gives. A child is code of ours until it says `ready`, and is held from then on. */
export class Confinement {
  /** Put before the child's own arguments: no network, no new privileges. */
  readonly prefix: readonly string[];
  readonly limitsAre: 'hard' | 'soft';
  /** In use, or lately. */
  readonly #users = new Set<number>();
  readonly #groups: ControlGroups | undefined;
  readonly #prlimit: string | undefined;

  private constructor(prefix: readonly string[], groups: ControlGroups | undefined, prlimit: string | undefined) {
    this.prefix = prefix;
    this.#groups = groups;
    this.#prlimit = prlimit;
    this.limitsAre = groups === undefined ? 'soft' : 'hard';
  }

  /** Tried out here: what does not work is left out. */
  static async find(searchPath: string): Promise<Confinement> {
    if (process.platform !== 'linux') return new Confinement([], undefined, undefined);
    const groups = await ControlGroups.find('isolates');
    const found = groups instanceof ControlGroups ? groups : undefined;
    await removeRemains(found);
    return new Confinement(prefixThatWorks(searchPath), found, findProgram('prlimit', searchPath));
  }

  /** A user id of its own for a child; our own where we are not root. */
  user(): number {
    const own = process.getuid?.() ?? 0;
    if (own !== 0 || process.platform !== 'linux') return own;
    const { uid } = freeUser(this.#users);
    this.#users.add(uid);
    return uid;
  }

  /** Holds a child that is ready and has run nothing. `memoryBytes` is that of its isolates. */
  async hold(pid: number, uid: number, memoryBytes: number): Promise<Hold> {
    const allowance = allowanceBytes(memoryBytes);
    await this.#limit(pid, allowance);
    const group = await this.#groups?.create(`child-${process.pid}-${randomUUID()}`, { cpu: 1, memoryBytes: allowance, pids: PIDS, diskBytes: 0, inodes: 0, openFiles: 0 });
    try {
      for (const entrance of group?.entrances ?? []) await writeFile(entrance, String(pid));
    } catch (error) {
      await group?.remove().catch(() => undefined);
      throw error;
    }
    return {
      outOfMemoryKills: () => outOfMemoryKills(group),
      release: async () => {
        this.#users.delete(uid);
        await group?.remove();
      },
    };
  }

  /** The process by itself: what it may allocate beyond what it has now, files, descriptors, processes. */
  async #limit(pid: number, allowance: number): Promise<void> {
    if (this.#prlimit === undefined) return;
    const data = dataBytes(await readFile(`/proc/${pid}/status`, 'latin1')) + allowance;
    // Processes are counted by user: only a user of its own can be held to a number.
    const processes = process.getuid?.() === 0 ? [`--nproc=${PIDS}`] : [];
    await run(this.#prlimit, ['--pid', String(pid), `--data=${data}`, '--core=0', '--fsize=0', `--nofile=${DESCRIPTORS}`, ...processes]);
  }
}

/** From the text of /proc/<pid>/status. */
function dataBytes(status: string): number {
  return Number(/^VmData:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

async function outOfMemoryKills(group: ControlGroup | undefined): Promise<number> {
  const file = group?.counters[0]?.from;
  if (file === undefined) return 0;
  const text = await readFile(file, 'utf8').catch(() => '');
  return Number(/^oom_kill (\d+)/m.exec(text)?.[1] ?? 0);
}

/** What a process that was killed left: its children, which would have noticed, and their groups. */
async function removeRemains(groups: ControlGroups | undefined): Promise<void> {
  for (const name of (await groups?.names()) ?? []) {
    const pid = GROUP_NAME.exec(name)?.[1];
    if (pid === undefined || readProcess(Number(pid)) !== undefined) continue;
    const group = groups?.group(name);
    for (const child of (await group?.processes()) ?? []) {
      const found = readProcess(child);
      if (found !== undefined) killProcess(found);
    }
    // Another process of ours may be at the same.
    await group?.remove().catch(() => undefined);
  }
}

function prefixThatWorks(searchPath: string): readonly string[] {
  const setpriv = findProgram('setpriv', searchPath);
  const unshare = findProgram('unshare', searchPath);
  const root = process.getuid?.() === 0;
  const unprivileged = setpriv === undefined ? [] : [setpriv, '--no-new-privs', ...(root ? [BOUNDING, '--inh-caps=-all'] : []), '--'];
  const networkless = unshare === undefined ? [] : [unshare, ...(root ? [] : ['--user']), '--net', '--ipc', '--'];
  return [networkless, unprivileged].filter(works).flat();
}

function works(prefix: readonly string[]): boolean {
  const [program, ...rest] = prefix;
  if (program === undefined) return false;
  try {
    execFileSync(program, [...rest, process.execPath, '--version'], { stdio: 'ignore', timeout: 5_000 });
    return true;
  } catch {
    return false;
  }
}
