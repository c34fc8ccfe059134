import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { GitCall, GitCommand, GitProcess, GitResult, RunningGit } from './git-process.ts';
import { configFile, NEUTRAL_ATTRIBUTES } from './git-settings.ts';

/** A git directory of ours, and git with it as GIT_DIR. */
export class GitRepository {
  readonly directory: string;
  readonly #git: GitProcess;
  readonly #env: Readonly<Record<string, string>>;

  constructor(git: GitProcess, directory: string, env: Readonly<Record<string, string>> = {}) {
    this.#git = git;
    this.directory = directory;
    this.#env = env;
  }

  /** Where its objects are. */
  get objects(): string {
    return this.#env['GIT_OBJECT_DIRECTORY'] ?? join(this.directory, 'objects');
  }

  /** The whole environment that git has with it. */
  get environment(): Readonly<Record<string, string>> {
    return { ...this.#git.environment, GIT_DIR: this.directory, ...this.#env };
  }

  /** Lays the directory out by hand: `git init` would copy templates and start a process. Harmless where it exists, and another process uses it. */
  async create(): Promise<void> {
    for (const name of ['objects', 'refs', 'info']) await mkdir(join(this.directory, name), { recursive: true, mode: 0o700 });
    await putFile(join(this.directory, 'config'), configFile());
    await putFile(join(this.directory, 'info', 'attributes'), NEUTRAL_ATTRIBUTES);
    // Without it git takes the directory for none: it comes last.
    await putFile(join(this.directory, 'HEAD'), 'ref: refs/heads/main\n');
  }

  start(args: readonly string[], options: Omit<GitCommand, 'args' | 'gitDir'> = {}): RunningGit {
    return this.#git.start(this.#command(args, options));
  }

  run(args: readonly string[], options: Omit<GitCall, 'args' | 'gitDir'> = {}): Promise<GitResult> {
    return this.#git.run(this.#command(args, options));
  }

  #command<Options extends Partial<GitCall>>(args: readonly string[], options: Options) {
    return { ...options, args, gitDir: this.directory, env: { ...this.#env, ...options.env } };
  }
}

/** Whoever reads the file sees all of what was there, or all of this. */
async function putFile(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return;
  const written = `${path}.${randomUUID()}`;
  await writeFile(written, text);
  await rename(written, path);
}
