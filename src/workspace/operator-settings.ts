import { homedir } from 'node:os';
import { join } from 'node:path';

import { readDataFile } from './data-file.ts';
import type { GitRepository } from './git-repository.ts';
import { MAX_RULES_BYTES } from './ignore-rules.ts';

export interface Identity {
  readonly name: string;
  readonly email: string;
}

/** What the operator has set for all of their repositories: read from their own configuration, never from a repository's. */
export class OperatorSettings {
  readonly #repository: GitRepository;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #defaultExcludes: string;

  /** `repository` is one of ours: git must stand somewhere. `environment` is the operator's. */
  constructor(repository: GitRepository, environment: Readonly<Record<string, string | undefined>>) {
    this.#repository = repository;
    const home = environment['HOME'] ?? homedir();
    const config = environment['XDG_CONFIG_HOME'] ?? join(home, '.config');
    this.#env = { HOME: home, XDG_CONFIG_HOME: config, GIT_CONFIG_GLOBAL: environment['GIT_CONFIG_GLOBAL'] };
    this.#defaultExcludes = join(config, 'git', 'ignore');
  }

  /** Who commits. Both or neither: half an identity would be a stranger's. */
  async identity(signal?: AbortSignal): Promise<Identity> {
    const name = await this.#get(['user.name'], signal);
    const email = await this.#get(['user.email'], signal);
    return name === undefined || email === undefined ? { name: 'glovebox', email: 'glovebox@localhost' } : { name, email };
  }

  /** The rules of the operator's own ignore file; empty where there is none. */
  async excludes(signal?: AbortSignal): Promise<string> {
    const named = await this.#get(['--type=path', 'core.excludesFile'], signal);
    return (await readDataFile(named ?? this.#defaultExcludes, MAX_RULES_BYTES))?.toString('utf8') ?? '';
  }

  async #get(key: readonly string[], signal?: AbortSignal): Promise<string | undefined> {
    // 1: not set.
    const { code, stdout } = await this.#repository.run(['config', '--global', '--get', ...key], { signal, env: this.#env, accept: [0, 1] });
    const value = stdout.toString('utf8').trim();
    return code === 0 && value !== '' ? value : undefined;
  }
}
