import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { LRUCache } from 'lru-cache';

import { systemClock, type Blobs, type Clock, type CredentialSearch, type FileEntry, type Patch, type PatchFindings, type RepositoryName, type TreeChange, type TreeId, type Workspace } from '../contracts/index.ts';
import { storeArchive } from './archive-intake.ts';
import { commitToBranch, findCommit } from './branch-commit.ts';
import { CapturedBases } from './captured-bases.ts';
import { captureCheckout } from './checkout-capture.ts';
import { GitProcess } from './git-process.ts';
import { GitRepository } from './git-repository.ts';
import { trustedPath } from './git-settings.ts';
import { inspectPatch } from './inspection/inspect-patch.ts';
import { Notes } from './notes.ts';
import { ObjectStore } from './object-store.ts';
import { OperatorSettings } from './operator-settings.ts';
import { applyPatch, isApplied } from './patch-apply.ts';
import { captureRemote } from './remote-capture.ts';
import { operatorLogin } from './operator-login.ts';
import { originOf, remoteAddress } from './origin-repository.ts';
import { findPushed, pushBranch, type RemoteBranch } from './remote-push.ts';
import { parseSource, type FetchProtocol } from './repository-source.ts';
import { selectEntries, withinLimits } from './selection.ts';
import { archiveTree } from './tree-archive.ts';
import { readTree } from './tree-content.ts';
import { diffTrees } from './tree-diff.ts';
import { listTree, type TreeLine } from './tree-listing.ts';
import { TreePacks } from './tree-packs.ts';
import { restorePaths } from './tree-restore.ts';
import { DEFAULT_LIMITS, type WorkspaceLimits } from './workspace-limits.ts';

/** So many lines of trees are remembered, for so long. */
const MOST_LISTED = 50_000;
const LISTED_MS = 10 * 60_000;

export interface GitWorkspaceOptions {
  /** A folder of ours, made on demand; processes may share it. */
  readonly storeDir: string;
  /** Where trees are kept that others are to have as well; without, they are in `storeDir` alone. */
  readonly blobs?: Blobs | undefined;
  /** Where stores of an older version may be, which trees of that time are read from. */
  readonly olderDirs?: readonly string[];
  readonly limits?: Partial<WorkspaceLimits>;
  /** Over what repositories are fetched; `https` alone by default. With `file`, git reads the other repository's configuration. */
  readonly protocols?: readonly FetchProtocol[];
  /** The operator's environment: PATH, HOME, proxies. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
  /** Looks through patches. */
  readonly credentials: CredentialSearch;
}

/** A workspace on one machine: trees are git trees in a store of ours, and what is new in each is kept as a blob. */
export class GitWorkspace implements Workspace {
  readonly #git: GitProcess;
  readonly #store: ObjectStore;
  readonly #packs: TreePacks;
  readonly #captured: CapturedBases;
  readonly #operator: OperatorSettings;
  /** By their names in git. */
  readonly #listed = new LRUCache<TreeId, readonly TreeLine[]>({ maxSize: MOST_LISTED, sizeCalculation: ({ length }) => length + 1, ttl: LISTED_MS, ttlAutopurge: true });
  readonly #limits: WorkspaceLimits;
  readonly #protocols: readonly FetchProtocol[];
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #now: () => number;
  readonly #credentials: CredentialSearch;

  constructor(options: GitWorkspaceOptions) {
    const clock = options.clock ?? systemClock;
    this.#now = () => clock.now();
    this.#credentials = options.credentials;
    this.#environment = options.environment ?? process.env;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#protocols = options.protocols ?? ['https'];
    this.#git = new GitProcess(trustedPath(this.#environment['PATH']));
    this.#store = new ObjectStore(this.#git, resolve(options.storeDir), this.#now);
    const older = (options.olderDirs ?? []).map((directory) => new GitRepository(this.#git, resolve(directory)));
    this.#packs = new TreePacks(this.#store, { blobs: options.blobs, older });
    this.#captured = new CapturedBases(this.#store, this.#packs, this.#now);
    this.#operator = new OperatorSettings(this.#store.repository, this.#environment);
  }

  async capture(repository: string, options: { signal?: AbortSignal; onNote?: (note: string) => void } = {}): Promise<TreeId> {
    const { signal, onNote = () => undefined } = options;
    await this.#store.open();
    const source = await parseSource(repository, this.#protocols);
    const notes = new Notes();
    const shared = { limits: this.#limits, notes, signal };
    const tree =
      source.kind === 'url'
        ? await captureRemote(this.#store, source.url, { ...shared, protocols: this.#protocols, environment: this.#environment })
        : await captureCheckout(this.#store, await realpath(source.path).catch(() => source.path), { ...shared, operator: this.#operator, onNote });
    notes.tell(onNote);
    return this.#captured.keep(source.kind === 'url' ? source.url : source.path, tree, signal);
  }

  async origin(repository: string): Promise<RepositoryName | undefined> {
    return await originOf(await parseSource(repository, this.#protocols));
  }

  async *tar(tree: TreeId, signal?: AbortSignal): AsyncGenerator<Buffer> {
    yield* archiveTree(this.#store.repository, await this.#packs.present(tree, signal), signal);
  }

  async select(base: TreeId, entries: readonly FileEntry[], signal?: AbortSignal): Promise<readonly string[]> {
    return withinLimits((await selectEntries(this.#store, { base: await this.#lines(base, signal), entries, signal })).kept, this.#limits);
  }

  async selectIgnored(base: TreeId, entries: readonly FileEntry[], signal?: AbortSignal): Promise<readonly string[]> {
    return withinLimits((await selectEntries(this.#store, { base: await this.#lines(base, signal), entries, signal })).ignored, this.#limits);
  }

  async store(tar: AsyncIterable<Buffer>, paths: readonly string[], signal?: AbortSignal): Promise<TreeId> {
    await this.#store.open();
    return this.#packs.keep(await storeArchive(this.#store, tar, { paths, limits: this.#limits, signal }), { signal });
  }

  async update(tree: TreeId, tar: AsyncIterable<Buffer>, { paths, removed }: TreeChange, signal?: AbortSignal): Promise<TreeId> {
    const onto = { tree: await this.#packs.present(tree, signal), removed };
    return this.#packs.keep(await storeArchive(this.#store, tar, { paths, onto, limits: this.#limits, signal }), { onto: tree, signal });
  }

  async diff(base: TreeId, changed: TreeId, signal?: AbortSignal): Promise<Patch> {
    return diffTrees(this.#store.repository, { ...(await this.#both(base, changed, signal)), maxPatchBytes: this.#limits.maxPatchBytes, signal });
  }

  async inspect(base: TreeId, changed: TreeId, patch: Patch, signal?: AbortSignal): Promise<PatchFindings> {
    return inspectPatch(this.#store.repository, { ...(await this.#both(base, changed, signal)), patch, credentials: this.#credentials, signal });
  }

  async restore(base: TreeId, changed: TreeId, paths: readonly string[], signal?: AbortSignal): Promise<TreeId> {
    return this.#packs.have(await restorePaths(this.#store, { ...(await this.#both(base, changed, signal)), paths, signal }));
  }

  async files(tree: TreeId, signal?: AbortSignal): Promise<readonly string[]> {
    const lines = await this.#lines(tree, signal);
    return lines.flatMap(({ path }) => path ?? []);
  }

  /** A link is not followed: it has no content of its own. */
  async read(tree: TreeId, path: string, signal?: AbortSignal): Promise<Buffer | undefined> {
    const present = await this.#packs.present(tree, signal);
    const only = (line: { path: string | undefined; mode: string }) => line.path === path && line.mode !== '120000';
    for await (const file of readTree(this.#store.repository, present, { signal, only })) {
      return Buffer.concat(await Array.fromAsync(file.content));
    }
    return undefined;
  }

  async apply(repository: string, patch: Patch, signal?: AbortSignal): Promise<void> {
    await applyPatch(this.#store, repository, patch, signal);
  }

  async isApplied(repository: string, patch: Patch, signal?: AbortSignal): Promise<'yes' | 'no' | 'neither'> {
    return isApplied(this.#store, repository, patch, signal);
  }

  async findCommit(repository: string, branch: string, line: string, signal?: AbortSignal): Promise<string | undefined> {
    await this.#store.open();
    return findCommit(this.#store, { folder: repository, name: branch, line, signal });
  }

  async branch(repository: string, name: string, patch: Patch, message: string, signal?: AbortSignal): Promise<string> {
    await this.#store.open();
    const shared = { operator: this.#operator, now: this.#now, signal };
    return commitToBranch(this.#store, { folder: repository, name, patch, message, ...shared });
  }

  async push(repository: string, name: string, patch: Patch, message: string, signal?: AbortSignal): Promise<string> {
    const remote = await this.#remoteBranch(repository, name, signal);
    return pushBranch(this.#store, { ...remote, patch, message, operator: this.#operator, now: this.#now });
  }

  async findPushed(repository: string, branch: string, line: string, signal?: AbortSignal): Promise<string | undefined> {
    return findPushed(this.#store, { ...(await this.#remoteBranch(repository, branch, signal)), line });
  }

  /** All of a tree. Runs ask again and again for that of their base. */
  async #lines(name: TreeId, signal: AbortSignal | undefined): Promise<readonly TreeLine[]> {
    const tree = await this.#packs.present(name, signal);
    const lines = this.#listed.get(tree) ?? (await listTree(this.#store.repository, tree, { signal }));
    this.#listed.set(tree, lines);
    return lines;
  }

  async #both(base: TreeId, changed: TreeId, signal: AbortSignal | undefined): Promise<{ readonly base: TreeId; readonly changed: TreeId }> {
    return { base: await this.#packs.present(base, signal), changed: await this.#packs.present(changed, signal) };
  }

  /** Where the repository is at home, and who comes there: whoever the operator's own git would come as. */
  async #remoteBranch(repository: string, name: string, signal: AbortSignal | undefined): Promise<RemoteBranch> {
    await this.#store.open();
    const url = await remoteAddress(await parseSource(repository, this.#protocols), this.#protocols);
    const login = await operatorLogin(this.#git, this.#environment, url, signal);
    return { url, name, login, maxBytes: this.#limits.maxBytes, protocols: this.#protocols, environment: this.#environment, signal };
  }
}
