import { mkdir, mkdtemp, readdir, rename, rm, rmdir, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';

import { describeError, GloveboxError } from '../contracts/index.ts';
import type { GitProcess } from './git-process.ts';
import { GitRepository } from './git-repository.ts';

const DAY_MS = 86_400_000;

/** A throw-away git directory with its own refs and index; gone when disposed. */
export class ScratchRepository extends GitRepository implements AsyncDisposable {
  readonly #base: string;

  constructor(git: GitProcess, base: string, env: Readonly<Record<string, string>>) {
    super(git, join(base, 'git'), env);
    this.#base = base;
  }

  /** An empty folder beside it, for use as a work tree. */
  get tree(): string {
    return join(this.#base, 'tree');
  }

  override async create(): Promise<void> {
    await super.create();
    await mkdir(this.tree);
  }

  /** Shows another folder's refs instead of its own. */
  async showRefs(folder: string): Promise<void> {
    await rmdir(join(this.directory, 'refs'));
    await symlink(folder, join(this.directory, 'refs'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Links in it are removed, never followed.
    await rm(this.#base, { recursive: true, force: true });
  }
}

export interface ScratchOptions {
  /** Where objects are written: the store by default, or a folder of its own. */
  readonly objects?: 'store' | 'own' | { readonly directory: string };
  /** More folders that objects are read from. */
  readonly alternates?: readonly string[];
}

/** Our content-addressed store: one bare git directory, which holds objects and no refs. It may go away at any time, and is made again then. */
export class ObjectStore {
  readonly repository: GitRepository;
  /** A folder of empty files: what is whole here, by name. */
  readonly marks: string;
  readonly #git: GitProcess;
  readonly #scratchRoot: string;
  readonly #now: () => number;
  #opened: Promise<void> | undefined;

  constructor(git: GitProcess, directory: string, now: () => number) {
    this.#git = git;
    this.#now = now;
    this.repository = new GitRepository(git, directory);
    this.#scratchRoot = join(directory, 'scratch');
    this.marks = join(directory, 'whole');
  }

  /** Makes the store where there is none. */
  async open(): Promise<void> {
    await this.#opened;
    if (this.#opened === undefined || !(await stat(this.marks).catch(() => undefined))?.isDirectory()) this.#opened = this.#create();
    await this.#opened;
  }

  /** A git directory that writes its objects into the store and forgets everything else. */
  async scratch(options: ScratchOptions = {}): Promise<ScratchRepository> {
    await this.open();
    const base = await mkdtemp(join(this.#scratchRoot, 'work-'));
    const { objects = 'store', alternates = [] } = options;
    const env: Record<string, string> = {};
    if (objects !== 'own') env['GIT_OBJECT_DIRECTORY'] = objects === 'store' ? this.repository.objects : objects.directory;
    // git splits the list at colons, except in quotes.
    if (alternates.length > 0) env['GIT_ALTERNATE_OBJECT_DIRECTORIES'] = alternates.map((path) => JSON.stringify(path)).join(':');
    const scratch = new ScratchRepository(this.#git, base, env);
    await scratch.create();
    return scratch;
  }

  /**
   * Takes over the objects that a scratch directory of its own made. Until then nothing of them is in the store, so what is
   * refused or cut off half-way leaves nothing behind. A pack counts once its index is there: that comes last.
   */
  async adopt(scratch: ScratchRepository): Promise<void> {
    for (const folder of await readdir(scratch.objects)) {
      await mkdir(join(this.repository.objects, folder), { recursive: true });
      const names = await readdir(join(scratch.objects, folder));
      const indexLast = [...names.filter((name) => !name.endsWith('.idx')), ...names.filter((name) => name.endsWith('.idx'))];
      for (const name of indexLast) await rename(join(scratch.objects, folder, name), join(this.repository.objects, folder, name));
    }
  }

  async #create(): Promise<void> {
    try {
      await this.repository.create();
      for (const folder of [this.#scratchRoot, this.marks]) await mkdir(folder, { recursive: true, mode: 0o700 });
      await this.#sweep();
    } catch (cause) {
      const message = `the store ${this.repository.directory} cannot be made (${describeError(cause)}): give a folder that glovebox may write to`;
      throw new GloveboxError('config_invalid', message, { cause });
    }
  }

  /** Removes what a process that was killed left behind, once it is a day old. */
  async #sweep(): Promise<void> {
    for (const name of await readdir(this.#scratchRoot)) {
      const path = join(this.#scratchRoot, name);
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined && this.#now() - found.mtimeMs > DAY_MS) await rm(path, { recursive: true, force: true });
    }
  }
}
