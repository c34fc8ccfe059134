import { existsSync } from 'node:fs';
import { readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GroupFreezer } from './group-freezer.ts';

/** A directory stays busy for a moment after its last process has died. */
const REMOVE_TRIES = 100;
const REMOVE_PAUSE_MS = 20;

/** The kernel's account of one sandbox: one directory in each hierarchy. */
export class ControlGroup {
  readonly #version: 1 | 2;
  readonly #memory: string;
  readonly #pids: string;
  /** Absent where nothing here can be frozen. */
  readonly freezer: GroupFreezer | undefined;
  /** Each once: in version 2 they are all the same, in version 1 some may be. */
  readonly #directories: readonly string[];

  constructor(version: 1 | 2, directories: { readonly memory: string; readonly pids: string; readonly cpu: string; readonly freezer?: string }) {
    this.#version = version;
    this.#memory = directories.memory;
    this.#pids = directories.pids;
    this.freezer = directories.freezer === undefined ? undefined : new GroupFreezer(version, directories.freezer);
    this.#directories = [...new Set(Object.values(directories))];
  }

  get directories(): readonly string[] {
    return this.#directories;
  }

  /** A process enters by writing its pid to each of them. */
  get entrances(): readonly string[] {
    return this.#directories.map((directory) => join(directory, 'cgroup.procs'));
  }

  /** Pids of what is in it, in any hierarchy. */
  async processes(): Promise<number[]> {
    const texts = await Promise.all(this.entrances.map((file) => readIfThere(file)));
    return [...new Set(texts.flatMap((text) => text.split('\n').filter((line) => line !== '').map(Number)))];
  }

  /** The files that say what was killed or refused, and where init looks for them: it reports them as it does in a container. */
  get counters(): readonly { readonly from: string; readonly to: string }[] {
    const files =
      this.#version === 1
        ? ([[this.#memory, 'memory.oom_control', 'memory'], [this.#pids, 'pids.events', 'pids']] as const)
        : ([[this.#memory, 'memory.events', ''], [this.#pids, 'pids.events', '']] as const);
    return files.map(([directory, file, inside]) => ({ from: join(directory, file), to: join('/sys/fs/cgroup', inside, file) }));
  }

  /** Lets nothing in it fork from now on, so that killing what is there ends. */
  async stopForking(): Promise<void> {
    const file = join(this.#pids, 'pids.max');
    if (existsSync(file)) await writeFile(file, '0').catch(ignoreGone);
  }

  /** Removes the directories of an empty group. Errors: EBUSY when something is still in it after two seconds. */
  async remove(): Promise<void> {
    for (const directory of this.#directories) await removeDirectory(directory);
  }
}

async function removeDirectory(directory: string): Promise<void> {
  for (let tries = REMOVE_TRIES; ; tries--) {
    try {
      await rmdir(directory);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || tries === 0) throw error;
      await sleep(REMOVE_PAUSE_MS);
    }
  }
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    ignoreGone(error);
    return '';
  }
}

/** A directory may be removed while one of its files is open: reading it is then ENODEV. */
function ignoreGone(error: unknown): void {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code !== 'ENODEV') throw error;
}
