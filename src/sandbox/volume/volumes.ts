import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, GloveboxError, parseId, unlessMissing } from '../../contracts/index.ts';
import type { SandboxId, SandboxLimits } from '../../contracts/index.ts';
import { unlessFull } from '../full-disk.ts';
import { SandboxState } from '../state.ts';
import { attachLoop, loopsOf, releaseLoop } from './loop-device.ts';
import { ENVIRONMENT, makeVolumeImage } from './volume-image.ts';

const FOLDER = 'volumes';
const PROGRAMS = ['mkfs.ext4', 'debugfs', 'losetup', 'mount', 'unshare'];

/** Whether a workspace of this size can lie in memory: what is there counts as the sandbox's memory. */
export function outgrowsMemory({ diskBytes, memoryBytes }: SandboxLimits): boolean {
  return diskBytes > memoryBytes;
}

/**
 * File systems of their own size for workspaces that are larger than their sandbox's memory: files of the state folder, mounted through loop devices.
 * A file's name goes, and its device is let go, as soon as it is mounted: what is left belongs to the mount alone, and goes with it.
 */
export class Volumes {
  readonly #stateDir: string;
  /** Why the last one could not be made: what a machine cannot do it does not learn while we run. */
  #failure: string | undefined;

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }

  /** Why none can be made here, as far as that can be seen; undefined when nothing is in the way. */
  get missing(): string | undefined {
    return this.#failure ?? obstacle();
  }

  /** Makes the file of a sandbox's volume. A failure leaves nothing. Errors: `disk_full`; `sandbox_start_failed`: the next sandbox does without, and `missing` says why. */
  async image(id: SandboxId, limits: SandboxLimits, uid: number): Promise<string> {
    return this.#make(id, async () => {
      await makeVolumeImage(this.#fileOf(id), limits, uid);
      return this.#fileOf(id);
    });
  }

  /** The same as a block device. */
  async device(id: SandboxId, limits: SandboxLimits, uid: number): Promise<string> {
    const file = await this.image(id, limits, uid);
    return this.#make(id, () => attachLoop(file));
  }

  async #make(id: SandboxId, make: () => Promise<string>): Promise<string> {
    try {
      return await make();
    } catch (error) {
      await this.letGo(id);
      // That passes, and says nothing of what this machine can do.
      const full = unlessFull(error, this.#stateDir);
      if (full !== error) throw full;
      const [why] = describeError(error).split('\n');
      this.#failure = `the last one could not be made: ${why}`;
      throw new GloveboxError('sandbox_start_failed', `no volume could be made for the workspace: ${why}`, { cause: error });
    }
  }

  /** Once it is mounted: everything goes with the mount. Where it is not, it goes now. Idempotent. */
  async letGo(id: SandboxId): Promise<void> {
    await removeVolume(this.#fileOf(id));
  }

  /** Removes what was made for sandboxes that nobody answers for. Says what. */
  async sweep(options: { readonly all?: boolean } = {}): Promise<string[]> {
    const removed: string[] = [];
    for (const name of (await unlessMissing(readdir(join(this.#stateDir, FOLDER)))) ?? []) {
      const id = parseId('sbx', name);
      if (id === undefined || (options.all !== true && isAnsweredFor(this.#stateDir, id))) continue;
      await removeVolume(this.#fileOf(id));
      removed.push(`volume of sandbox ${id}`);
    }
    return removed;
  }

  #fileOf(id: SandboxId): string {
    return join(this.#stateDir, FOLDER, id);
  }
}

function obstacle(): string | undefined {
  if (process.platform !== 'linux') return 'they need Linux';
  if (process.getuid?.() !== 0) return 'only root can mount them';
  if (!existsSync('/dev/loop-control')) return 'there are no loop devices here (modprobe loop; in a container, they must be passed in)';
  const absent = PROGRAMS.filter((name) => !ENVIRONMENT.PATH.split(':').some((folder) => existsSync(join(folder, name))));
  return absent.length === 0 ? undefined : `${absent.join(', ')} not found (apt-get install e2fsprogs util-linux)`;
}

/** The device first: while it has its name, whoever comes after us finds it by the file. */
async function removeVolume(file: string): Promise<void> {
  for (const device of await loopsOf(file)) await releaseLoop(device);
  await rm(file, { force: true });
}

function isAnsweredFor(stateDir: string, id: SandboxId): boolean {
  return SandboxState.list(stateDir).states.some((state) => state.id === id && state.isAnsweredFor);
}
