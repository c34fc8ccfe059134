import { GloveboxError } from '../contracts/index.ts';
import { type BranchOptions, checkRef, commitWithLine, makeCommit, patchedTree, LOOKED_AT } from './branch-commit.ts';
import type { ObjectStore } from './object-store.ts';
import { FETCHED, fetchRemote } from './remote-fetch.ts';
import { RemoteFailure, remoteGit, type RemoteOptions } from './remote-git.ts';
import { quoted } from './tree-path.ts';

/** A branch of a repository on another machine. */
export interface RemoteBranch extends RemoteOptions {
  readonly url: string;
  readonly name: string;
  /** A repository that sends more is not fetched. */
  readonly maxBytes: number;
}

export interface PushOptions extends Omit<BranchOptions, 'folder'>, RemoteBranch {}

/**
 * One commit with a patch on top of the other side's HEAD, pushed as a new branch; nothing that is there is ever replaced. Gives the commit. Errors: `usage` for a
 * name that cannot be or is taken, `patch_conflict`, `repository_invalid` where it could not even be fetched, `egress_failed` where nobody knows whether it was pushed.
 */
export async function pushBranch(store: ObjectStore, options: PushOptions): Promise<string> {
  const { url, name, signal } = options;
  const ref = `refs/heads/${name}`;
  // What the other side sends stays outside of the store, whose files a three-way merge may need.
  await using work = await store.scratch({ objects: 'own', alternates: [store.repository.objects] });
  await checkRef(work, name, ref, signal);
  await fetchRemote(work, url, { ...options, from: 'HEAD', depth: 1 });
  const { stdout } = await work.run(['rev-parse', '--verify', `${FETCHED}^{commit}`], { signal });
  const head = stdout.toString('latin1').trim();
  const commit = await makeCommit(work, head, await patchedTree(work, head, options), options);
  try {
    // An empty expectation: it must not be there.
    await remoteGit(work, url, ['push', '--quiet', `--force-with-lease=${ref}:`, '--', url, `${commit}:${ref}`], options);
    return commit;
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error;
    if (/stale info|already exists/.test(error.words)) throw new GloveboxError('usage', `there is a branch ${quoted(name)} at ${quoted(url)} already: choose another name`, { cause: error });
    throw new GloveboxError('egress_failed', `the branch ${quoted(name)} could not be pushed to ${quoted(url)}: ${error.words}`, { cause: error });
  }
}

/** See `Workspace.findPushed`. */
export async function findPushed(store: ObjectStore, { line, ...branch }: RemoteBranch & { readonly line: string }): Promise<string | undefined> {
  const { url, name, signal } = branch;
  const ref = `refs/heads/${name}`;
  await using work = await store.scratch({ objects: 'own' });
  await checkRef(work, name, ref, signal);
  const found = await remoteGit(work, url, ['ls-remote', '--heads', '--', url, ref], branch);
  if (found.trim() === '') return undefined;
  await fetchRemote(work, url, { ...branch, from: ref, depth: LOOKED_AT });
  return await commitWithLine(work, FETCHED, line, signal);
}
