import type { PatchFindings } from './decision.ts';
import type { FileEntry } from './sandbox.ts';

/** A tree of files, content-addressed: a git tree's hash and, after a dot, the SHA-256 of the blob from which it can be had anywhere. Equal trees that were kept twice may have two names. */
export type TreeId = string & { readonly __tree: true };

export interface PatchFile {
  readonly path: string;
  readonly change: 'added' | 'modified' | 'deleted' | 'mode' | 'renamed';
  readonly binary: boolean;
}

export interface Patch {
  /** Unified diff with git's extensions (`--binary --full-index`); empty when nothing changed. */
  readonly text: Buffer;
  readonly files: readonly PatchFile[];
}

/** From one tree to the next: paths of files and links. */
export interface TreeChange {
  /** New ones, and those that are there with another content. */
  readonly paths: readonly string[];
  readonly removed: readonly string[];
}

/** As its forge has it. From outside: it may be anything that stands between slashes. */
export interface RepositoryName {
  readonly owner: string;
  readonly repo: string;
}

/** Where workspaces are, each tenant's apart: what is kept of one is sealed as his. */
export interface Workspaces {
  of(tenant: string): Workspace;
  /** Throws away what this machine holds of his trees to work with them. What is kept comes again when it is asked for, for as long as anybody can read it. */
  forget(tenant: string): Promise<void>;
}

/**
 * Repositories in, patches out. The host runs nothing that a repository or a sandbox brought: every git process works on a store of
 * ours, with hooks, filters, fsmonitor, external diffs and protocols off. What a tree that is named was kept as can be gone: `not_found`, `erased`, or `journal_tampered`, of all that are given one.
 */
export interface Workspace {
  /** Takes a repository's files as they are now (uncommitted ones too, ignored ones not). Errors: `repository_invalid`, `repository_too_large`. */
  capture(repository: string, options?: { signal?: AbortSignal; onNote?: (note: string) => void }): Promise<TreeId>;
  /** What the repository is called where it came from; nothing of it is run. Undefined where that cannot be told. Errors: `repository_invalid`. */
  origin(repository: string): Promise<RepositoryName | undefined>;
  /** The tree as a tar stream for `SandboxFiles.unpack`. */
  tar(tree: TreeId, signal?: AbortSignal): AsyncIterable<Buffer>;
  /** Which of these entries of a sandbox belong to the tree: not ignored, not `.git`, of a type that a tree can hold. */
  select(base: TreeId, entries: readonly FileEntry[], signal?: AbortSignal): Promise<readonly string[]>;
  /** What `select` leaves out of these because rules say that it is to be ignored. */
  selectIgnored(base: TreeId, entries: readonly FileEntry[], signal?: AbortSignal): Promise<readonly string[]>;
  /** A tree from a hostile tar stream: exactly the entries `paths`, checked one by one. Errors: `archive_hostile` with the entry named. */
  store(tar: AsyncIterable<Buffer>, paths: readonly string[], signal?: AbortSignal): Promise<TreeId>;
  /** `tree` with these entries of a hostile tar stream beside or instead of its own, and without `removed`. Errors: as `store`. */
  update(tree: TreeId, tar: AsyncIterable<Buffer>, change: TreeChange, signal?: AbortSignal): Promise<TreeId>;
  diff(base: TreeId, changed: TreeId, signal?: AbortSignal): Promise<Patch>;
  /** What a patch between these trees holds that somebody may not want to let out. What could not be looked through in time counts as found. */
  inspect(base: TreeId, changed: TreeId, patch: Patch, signal?: AbortSignal): Promise<PatchFindings>;
  /** `changed` with the given paths as they were in `base` (or absent, where they were). It is not kept: it is there for as long as this machine has it. */
  restore(base: TreeId, changed: TreeId, paths: readonly string[], signal?: AbortSignal): Promise<TreeId>;
  files(tree: TreeId, signal?: AbortSignal): Promise<readonly string[]>;
  /** One file of a tree; undefined where there is none. */
  read(tree: TreeId, path: string, signal?: AbortSignal): Promise<Buffer | undefined>;
  /** Writes the patch into the user's checkout. Nothing is written unless all of it fits. Errors: `patch_conflict`. */
  apply(repository: string, patch: Patch, signal?: AbortSignal): Promise<void>;
  /** Whether the files of a folder are those that the patch makes: `neither` where they are not those that it is made for, either. Errors: `repository_invalid`. */
  isApplied(repository: string, patch: Patch, signal?: AbortSignal): Promise<'yes' | 'no' | 'neither'>;
  /** Puts the patch as one commit on a new branch of the user's repository, on top of its HEAD; the checkout stays as it is. */
  branch(repository: string, name: string, patch: Patch, message: string, signal?: AbortSignal): Promise<string>;
  /** The newest commit of a branch (of its last hundred) whose message has this line; undefined where there is none, or no such branch. Errors: `repository_invalid`. */
  findCommit(repository: string, branch: string, line: string, signal?: AbortSignal): Promise<string | undefined>;
  /**
   * Pushes the patch as one commit on a new branch, on top of the HEAD of where the repository is at home (its address, or the `origin` of a checkout), logged in as the operator's own git
   * would be; gives the commit. Errors: `usage`, `patch_conflict`, `repository_invalid`; `egress_failed` where nobody knows whether it was done.
   */
  push(repository: string, name: string, patch: Patch, message: string, signal?: AbortSignal): Promise<string>;
  /** As `findCommit`, of a branch there. Errors: `usage`, `repository_invalid`. */
  findPushed(repository: string, branch: string, line: string, signal?: AbortSignal): Promise<string | undefined>;
}
