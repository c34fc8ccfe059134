import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describeError } from '../../contracts/index.ts';
import type { SandboxLimits } from '../../contracts/index.ts';
import { ControlGroup } from './control-group.ts';
import { limitFiles, parseCgroupMounts, parseOwnGroup } from './control-group-files.ts';
import { readProcess } from './processes.ts';

/** Where we make groups: a directory in each hierarchy. */
interface Parents {
  readonly memory: string;
  readonly pids: string;
  readonly cpu: string;
  /** Limits nothing, so a machine may lack it. In version 2 every group has it. */
  readonly freezer?: string;
}

const OURS = 'glovebox';
/** The name of a group that only shows that groups can be made; whose process is in it. */
const TRIAL = /^trial-(\d+)-/;
const CONTROLLERS = ['memory', 'pids', 'cpu'] as const;

/** The control groups of the sandboxes of one state folder. */
export class ControlGroups {
  readonly version: 1 | 2;
  readonly #parents: Parents;
  /** Names begin with it, because other state folders may have groups beside ours. */
  readonly #prefix: string;

  private constructor(version: 1 | 2, parents: Parents, prefix: string) {
    this.version = version;
    this.#parents = parents;
    this.#prefix = prefix;
  }

  /** Groups that we can really make here, or why there are none. Tried out, because a hierarchy may be there and not be ours to write. */
  static async find(tag: string): Promise<ControlGroups | { readonly missing: string }> {
    try {
      const mounts = parseCgroupMounts(await readFile('/proc/self/mountinfo', 'utf8'));
      if (mounts === undefined) return { missing: 'no control groups for memory, pids and cpu are mounted' };
      const parents = mounts.version === 1 ? parentsOfVersion1(mounts) : await parentsOfVersion2(mounts.root);
      const groups = new ControlGroups(mounts.version, parents, `${tag}-`);
      await groups.#tryOut();
      return groups;
    } catch (error) {
      return { missing: `control groups cannot be made here (${describeError(error)})` };
    }
  }

  /** Makes a sandbox's group with its limits. A failure leaves nothing. */
  async create(name: string, limits: SandboxLimits): Promise<ControlGroup> {
    const group = this.group(name);
    try {
      for (const directory of group.directories) await mkdir(directory, { recursive: true });
      for (const { controller, file, value, optional } of limitFiles(this.version, limits)) {
        await writeExisting(join(this.#directory(controller, name), file), value, optional);
      }
      return group;
    } catch (error) {
      await group.remove().catch(() => undefined);
      throw error;
    }
  }

  /** The group of that name, whether it is there or not. */
  group(name: string): ControlGroup {
    const [memory, pids, cpu] = CONTROLLERS.map((controller) => this.#directory(controller, name));
    const { freezer } = this.#parents;
    // As many as CONTROLLERS has.
    return new ControlGroup(this.version, { memory, pids, cpu, ...(freezer === undefined ? {} : { freezer: join(freezer, this.#prefix + name) }) } as Parents);
  }

  /** Names of the groups that are there, in any hierarchy. */
  async names(): Promise<string[]> {
    const parents = new Set(Object.values(this.#parents));
    const found = await Promise.all([...parents].map((parent) => directoriesOf(parent)));
    return [...new Set(found.flat())].filter((name) => name.startsWith(this.#prefix)).map((name) => name.slice(this.#prefix.length));
  }

  #directory(controller: (typeof CONTROLLERS)[number], name: string): string {
    return join(this.#parents[controller], this.#prefix + name);
  }

  async #tryOut(): Promise<void> {
    // A trial that was cut short is nobody's but ours to remove.
    for (const name of await this.names()) {
      const pid = TRIAL.exec(name)?.[1];
      if (pid !== undefined && readProcess(Number(pid)) === undefined) await this.group(name).remove();
    }
    const limits = { cpu: 1, memoryBytes: 2 ** 26, pids: 16, diskBytes: 0, inodes: 0, openFiles: 0 };
    // Two drivers of one process may be at it at the same time.
    await (await this.create(`trial-${process.pid}-${randomUUID()}`, limits)).remove();
  }
}

function parentsOfVersion1(mounts: Parents): Parents {
  const { memory, pids, cpu, freezer } = mounts;
  return { memory: join(memory, OURS), pids: join(pids, OURS), cpu: join(cpu, OURS), ...(freezer === undefined ? {} : { freezer: join(freezer, OURS) }) };
}

/** In version 2 a group hands controllers down only when told to, and only where it holds no process itself. */
async function parentsOfVersion2(root: string): Promise<Parents> {
  const base = await delegatedBase(root);
  const ours = join(base, OURS);
  const handDown = CONTROLLERS.map((controller) => `+${controller}`).join(' ');
  await writeFile(join(base, 'cgroup.subtree_control'), handDown);
  await mkdir(ours, { recursive: true });
  await writeFile(join(ours, 'cgroup.subtree_control'), handDown);
  return { memory: ours, pids: ours, cpu: ours, freezer: ours };
}

/**
 * The highest group above ours that we may write to: the root for root, what systemd delegates (`user@<uid>.service`) for others. A
 * process can be moved only below a common ancestor that is writable, which is why it has to be above ours.
 */
async function delegatedBase(root: string): Promise<string> {
  const own = parseOwnGroup(await readFile('/proc/self/cgroup', 'utf8')) ?? '/';
  let base: string | undefined;
  for (let path = own; ; path = dirname(path)) {
    const writable = await access(join(root, path, 'cgroup.procs'), constants.W_OK).then(() => true, () => false);
    if (writable) base = join(root, path);
    if (path === '/') break;
  }
  if (base === undefined) throw new Error(`no group above ${own} is writable for uid ${process.getuid?.()}`);
  return base;
}

/** Never makes the file: in a hierarchy that lacks it, a limit that is not held must not look as if it were. */
async function writeExisting(file: string, value: string, optional = false): Promise<void> {
  try {
    await writeFile(file, value, { flag: 'r+' });
  } catch (error) {
    if (!(optional && (error as NodeJS.ErrnoException).code === 'ENOENT')) throw error;
  }
}

async function directoriesOf(parent: string): Promise<string[]> {
  const entries = await readdir(parent, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
