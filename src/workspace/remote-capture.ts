import { GloveboxError, type TreeId } from '../contracts/index.ts';
import { checkCaptureLimits } from './capture-limits.ts';
import { isLfsPointer, LFS_NOTE, MAX_LFS_POINTER_BYTES } from './lfs-pointer.ts';
import type { Notes } from './notes.ts';
import type { ObjectStore } from './object-store.ts';
import { FETCHED, fetchRemote } from './remote-fetch.ts';
import { RemoteFailure } from './remote-git.ts';
import type { FetchProtocol } from './repository-source.ts';
import { readFiles } from './tree-content.ts';
import { isTreeMode, wholeContent, type TreeFile } from './tree-file.ts';
import { treeId } from './tree-id.ts';
import { importTree } from './tree-import.ts';
import { listTree, type TreeLine } from './tree-listing.ts';
import { isForbiddenLink, pathProblem, quoted } from './tree-path.ts';
import type { WorkspaceLimits } from './workspace-limits.ts';


export interface RemoteCaptureOptions {
  readonly protocols: readonly FetchProtocol[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly limits: WorkspaceLimits;
  readonly notes: Notes;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The files of a remote repository's HEAD. They are fetched into a git directory that is thrown away, never checked out, and
 * come into the store one by one like the files of any other source: what the other side sent stays outside.
 */
export async function captureRemote(store: ObjectStore, url: string, options: RemoteCaptureOptions): Promise<TreeId> {
  const { limits, signal } = options;
  await using scratch = await store.scratch({ objects: 'own' });
  await fetchRemote(scratch, url, { ...options, from: 'HEAD', depth: 1, maxBytes: limits.maxBytes }).catch((error: unknown) => {
    if (!(error instanceof RemoteFailure)) throw error;
    throw new GloveboxError('repository_invalid', `${quoted(url)} could not be fetched: ${error.words}. If it is private, clone it yourself and give the clone's path`, { cause: error });
  });
  const { stdout } = await scratch.run(['rev-parse', '--verify', `${FETCHED}^{tree}`], { signal });
  const lines = await listTree(scratch, treeId(stdout.toString('latin1').trim()), { signal, sizes: true });
  const kept = lines.filter((line) => canStand(line, options.notes));
  checkCaptureLimits(kept.map(({ path = '', sizeBytes }) => ({ path, sizeBytes })), limits);
  if (kept.length === 0) throw new GloveboxError('repository_invalid', `${quoted(url)} holds no files`);
  return await importTree(store, noteLfs(readFiles(scratch, kept, signal), options.notes), { signal });
}

/** A tree that someone else made may hold names that no git would check out. */
function canStand({ mode, path }: TreeLine, notes: Notes): boolean {
  if (path === undefined) notes.add('names that are not UTF-8 are left out', '(unreadable)');
  else if (mode === '160000') notes.add('repositories inside the repository (submodules too) are left out', path);
  else if (pathProblem(path) !== undefined) notes.add(`files are left out because of their name (${pathProblem(path)})`, path);
  else if (!isTreeMode(mode) || (mode === '120000' && isForbiddenLink(path))) notes.add('symbolic links that a tree must not hold are left out', path);
  else return true;
  return false;
}

async function* noteLfs(files: AsyncIterable<TreeFile>, notes: Notes): AsyncGenerator<TreeFile> {
  for await (const file of files) {
    if (file.sizeBytes > MAX_LFS_POINTER_BYTES) {
      yield file;
      continue;
    }
    const content = Buffer.concat(await Array.fromAsync(file.content));
    if (isLfsPointer(content)) notes.add(LFS_NOTE, file.path);
    yield { ...file, content: wholeContent(content) };
  }
}
