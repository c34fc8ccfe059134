import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GloveboxError } from '../../contracts/index.ts';
import { FREEZE_DEADLINE_MS } from '../pause.ts';
import type { Freezer } from '../pause.ts';

/** Freezing is asked for, and done when the last process has stopped. */
const LOOK_AGAIN_MS = 5;

/** What differs between the two versions: where freezing is asked for, what is written, and where and how it is told to be done. */
const FILES = {
  1: { ask: 'freezer.state', freeze: 'FROZEN', thaw: 'THAWED', look: 'freezer.state', frozen: /^FROZEN$/m },
  2: { ask: 'cgroup.freeze', freeze: '1', thaw: '0', look: 'cgroup.events', frozen: /^frozen 1$/m },
} as const;

/** The kernel's freezer of one control group. */
export class GroupFreezer implements Freezer {
  readonly #files: (typeof FILES)[1 | 2];
  readonly #directory: string;

  constructor(version: 1 | 2, directory: string) {
    this.#files = FILES[version];
    this.#directory = directory;
  }

  async freeze(signal?: AbortSignal): Promise<void> {
    await this.#write(this.#files.freeze);
    const deadline = performance.now() + FREEZE_DEADLINE_MS;
    while (!(await this.isFrozen())) {
      if (performance.now() > deadline) throw new GloveboxError('engine_failed', `the sandbox could not be frozen within ${FREEZE_DEADLINE_MS / 1000} s: something in it is stuck in the kernel`);
      await sleep(LOOK_AGAIN_MS, undefined, { signal });
    }
  }

  async thaw(): Promise<void> {
    await this.#write(this.#files.thaw);
  }

  /** For whoever removes it. */
  async thawIfThere(): Promise<void> {
    await this.thaw().catch((error: unknown) => {
      if (!(error instanceof GloveboxError)) throw error;
    });
  }

  /** False also when the group is gone. */
  async isFrozen(): Promise<boolean> {
    try {
      return this.#files.frozen.test(await readFile(join(this.#directory, this.#files.look), 'utf8'));
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  }

  async #write(value: string): Promise<void> {
    try {
      await writeFile(join(this.#directory, this.#files.ask), value, { flag: 'r+' });
    } catch (error) {
      if (isGone(error)) throw new GloveboxError('sandbox_lost', 'the sandbox has ended', { cause: error });
      throw error;
    }
  }
}

/** A directory may be removed while one of its files is open: using it is then ENODEV. */
function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '');
}
