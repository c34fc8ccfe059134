import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describeError, GloveboxError, type Policies, type PolicyFile } from '../contracts/index.ts';
import type { FilePolicies } from './file-policies.ts';
import { type Versions, versionOf } from './read-bounded.ts';

/** What became of a policy whose files changed. */
export type PolicyReload =
  | { readonly policy: string; readonly outcome: 'changed'; readonly was: string; readonly hash: string }
  /** The new version is none: what was there before goes on. */
  | { readonly policy: string; readonly outcome: 'kept'; readonly hash: string; readonly error: GloveboxError };

export interface LivePoliciesOptions {
  readonly onReload?: (reload: PolicyReload) => void;
  /** Files that are written one after the other are one version: it is read when none of them has changed for so long. */
  readonly quietMs?: number;
  /** How often is looked for changes that nobody told of: network file systems, folders that came later. */
  readonly pollMs?: number;
}

const DEFAULT_QUIET_MS = 100;
const DEFAULT_POLL_MS = 2_000;
/** A version of which files change while it is read is read again. */
const ATTEMPTS_TO_READ = 5;
/** Then the next change, or poll, begins anew. */
const ATTEMPTS_TO_SETTLE = 100;

/** A policy as it is now, and what it was read from: with what it extends, and with files that were looked for and not found. */
interface Loaded {
  readonly policy: PolicyFile;
  readonly versions: Versions;
}

/**
 * Policies that follow their files, for processes that live long. A policy, its `rules.cedar` and everything that it extends are one version: it is replaced as a whole, and only by one
 * that is valid. Whoever has loaded a policy keeps what he has: it is a session's for good, and no change of files weakens or tightens one that runs.
 */
export class LivePolicies implements Policies, AsyncDisposable {
  readonly #files: FilePolicies;
  readonly #onReload: (reload: PolicyReload) => void;
  readonly #quietMs: number;
  readonly #pollMs: number;
  readonly #loaded = new Map<string, Loaded>();
  readonly #watchers = new Map<string, FSWatcher>();
  /** Of all files: whatever else is written beside them is nobody's concern here. */
  #names: ReadonlySet<string> = new Set();
  #poll: NodeJS.Timeout | undefined;
  #checking: Promise<void> | undefined;
  #isStirred = false;
  readonly #closed = new AbortController();

  constructor(files: FilePolicies, { onReload = () => {}, quietMs = DEFAULT_QUIET_MS, pollMs = DEFAULT_POLL_MS }: LivePoliciesOptions = {}) {
    this.#files = files;
    this.#onReload = onReload;
    this.#quietMs = quietMs;
    this.#pollMs = pollMs;
  }

  /** The newest valid version. Errors: those of `FilePolicies.load`, for what was never valid. */
  async load(nameOrPath: string): Promise<PolicyFile> {
    const known = this.#loaded.get(nameOrPath);
    if (known !== undefined) return known.policy;
    const read = await this.#read(nameOrPath);
    if (!('policy' in read)) throw read.error;
    const loaded = this.#loaded.get(nameOrPath) ?? read;
    if (!this.#closed.signal.aborted) this.#keep(nameOrPath, loaded);
    return loaded.policy;
  }

  compile(text: string, file: string): Promise<PolicyFile> {
    return this.#files.compile(text, file);
  }

  names(): Promise<readonly string[]> {
    return this.#files.names();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    clearInterval(this.#poll);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#checking;
  }

  #keep(name: string, loaded: Loaded): void {
    this.#loaded.set(name, loaded);
    this.#poll ??= setInterval(() => this.#check(), this.#pollMs).unref();
    this.#watch();
  }

  /** The folders of all files, so that one that is renamed into its place is seen. Where a folder cannot be watched, polling finds what happens in it. */
  #watch(): void {
    const files = [...this.#loaded.values()].flatMap(({ versions }) => [...versions.keys()]);
    this.#names = new Set(files.map((file) => basename(file)));
    const folders = new Set(files.map((file) => dirname(file)));
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of folders) {
      if (this.#watchers.has(folder)) continue;
      const watcher = watching(folder, (name) => {
        if (name === null || this.#names.has(name)) this.#check();
      });
      watcher?.on('error', () => this.#unwatch(folder));
      if (watcher !== undefined) this.#watchers.set(folder, watcher);
    }
  }

  #unwatch(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  /** One at a time; what changes while it goes on is looked at once more after it. */
  #check(): void {
    this.#isStirred = true;
    this.#checking ??= this.#checkAll().finally(() => (this.#checking = undefined));
  }

  async #checkAll(): Promise<void> {
    while (this.#isStirred) {
      this.#isStirred = false;
      for (const [name, loaded] of this.#loaded) {
        if (!(await isCurrent(loaded.versions)) && (await this.#settled(loaded.versions))) await this.#reload(name, loaded);
      }
    }
  }

  /** Whether the files have come to rest: what is written soon after belongs to the same version. False where they do not, or it is over. */
  async #settled(before: Versions): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS_TO_SETTLE && !this.#closed.signal.aborted; attempt++) {
      const versions = await versionsOf(before.keys());
      await setTimeout(this.#quietMs, undefined, { ref: false, signal: this.#closed.signal }).catch(() => {});
      if (await isCurrent(versions)) return !this.#closed.signal.aborted;
    }
    return false;
  }

  async #reload(name: string, { policy: old, versions: before }: Loaded): Promise<void> {
    const read = await this.#read(name);
    if (this.#closed.signal.aborted) return;
    if (!('policy' in read)) {
      // What the old version was read from stays of interest: putting it back makes it valid again.
      const seen = new Map([...(await versionsOf(before.keys())), ...read.versions]);
      this.#keep(name, { policy: old, versions: seen });
      this.#onReload({ policy: name, outcome: 'kept', hash: old.hash, error: read.error });
      return;
    }
    this.#keep(name, read);
    // Another layout or comment is the same version at other lines.
    if (read.policy.hash !== old.hash) this.#onReload({ policy: name, outcome: 'changed', was: old.hash, hash: read.policy.hash });
  }

  /** Files of one moment: none of them changed from when the first was read until the last had been. */
  async #read(name: string): Promise<Loaded | { readonly error: GloveboxError; readonly versions: Versions }> {
    let versions: Versions = new Map();
    for (let attempt = 0; attempt < ATTEMPTS_TO_READ; attempt++) {
      versions = new Map();
      const read = await this.#files.load(name, versions).then(
        (policy) => ({ policy }),
        (error: unknown) => ({ error: error instanceof GloveboxError ? error : new GloveboxError('policy_invalid', describeError(error), { cause: error }) }),
      );
      if (await isCurrent(versions)) return { ...read, versions };
    }
    return { error: new GloveboxError('policy_invalid', `the files of the policy ${name} changed each time while they were read: load it again`), versions };
  }
}

async function versionsOf(files: Iterable<string>): Promise<Versions> {
  const versions: Versions = new Map();
  for (const file of files) versions.set(file, await versionOf(file));
  return versions;
}

async function isCurrent(versions: Versions): Promise<boolean> {
  for (const [file, version] of versions) if ((await versionOf(file)) !== version) return false;
  return true;
}

function watching(folder: string, changed: (name: string | null) => void): FSWatcher | undefined {
  try {
    return watch(folder, { persistent: false }, (_, name) => changed(name));
  } catch {
    // It is not there yet, or there are too many watches: polling goes on.
    return undefined;
  }
}
