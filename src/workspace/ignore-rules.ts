import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { ObjectStore, ScratchRepository } from './object-store.ts';
import { splitNul } from './tree-listing.ts';

/** Longer files of rules are not read: they are no rules. */
export const MAX_RULES_BYTES = 2 ** 20;
const ONE_MINUTE_MS = 60_000;

export interface Candidate {
  readonly path: string;
  readonly folder: boolean;
}

/**
 * .gitignore rules, evaluated by git itself in an empty folder that holds nothing but copies of the .gitignore files (and the
 * folders, because a rule may mean folders only). So git decides, and never looks into a user's or a sandbox's tree.
 */
export class IgnoreRules implements AsyncDisposable {
  readonly #scratch: ScratchRepository;

  private constructor(scratch: ScratchRepository) {
    this.#scratch = scratch;
  }

  /** `extra` are rules of the lowest rank, as in .git/info/exclude. */
  static async create(store: ObjectStore, extra: string): Promise<IgnoreRules> {
    const scratch = await store.scratch();
    await writeFile(join(scratch.directory, 'info', 'exclude'), extra);
    return new IgnoreRules(scratch);
  }

  /** Adds a file of rules; `path` ends in `.gitignore`. */
  async add(path: string, rules: Buffer): Promise<void> {
    const file = join(this.#scratch.tree, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, rules);
  }

  /** Which of these are ignored. The .gitignore files above them have been added. */
  async ignored(candidates: readonly Candidate[], signal?: AbortSignal): Promise<Set<string>> {
    if (candidates.length === 0) return new Set();
    for (const { path, folder } of candidates) {
      if (folder) await mkdir(join(this.#scratch.tree, path), { recursive: true });
    }
    // `./` keeps a leading colon from being read as pathspec magic.
    const input = candidates.map(({ path }) => `./${path}\0`).join('');
    const { stdout } = await this.#scratch.run(['check-ignore', '--no-index', '-z', '--stdin'], {
      input,
      signal,
      cwd: this.#scratch.tree,
      env: { GIT_WORK_TREE: this.#scratch.tree },
      // 1: none is ignored.
      accept: [0, 1],
      // Rules are hostile too: a pattern of many stars takes for ever.
      timeoutMs: ONE_MINUTE_MS,
    });
    return new Set(splitNul(stdout).map((record) => record.toString('utf8').slice(2)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]();
  }
}
