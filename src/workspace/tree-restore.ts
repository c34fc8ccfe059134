import type { TreeId } from '../contracts/index.ts';
import type { ObjectStore } from './object-store.ts';
import { listTree, type TreeLine } from './tree-listing.ts';
import { treeId } from './tree-id.ts';
import { parentsOf } from './tree-path.ts';

export interface RestoreOptions {
  readonly base: TreeId;
  readonly changed: TreeId;
  /** Files, or folders with all that is in them. */
  readonly paths: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** `changed`, but with these paths as they are in `base`, absent ones absent. */
export async function restorePaths(store: ObjectStore, options: RestoreOptions): Promise<TreeId> {
  const { signal } = options;
  const paths = new Set(options.paths);
  const named = (path: string) => paths.has(path) || parentsOf(path).some((parent) => paths.has(parent));
  const result = new Map<string, TreeLine>();
  for (const line of await listTree(store.repository, options.changed, { signal })) {
    if (line.path !== undefined && !named(line.path)) result.set(line.path, line);
  }
  for (const line of await listTree(store.repository, options.base, { signal })) {
    if (line.path === undefined || !named(line.path)) continue;
    // Where `changed` has a file in the place of a folder of this path, the file goes.
    for (const parent of parentsOf(line.path)) result.delete(parent);
    result.set(line.path, line);
  }
  return writeTree(store, result.values(), signal);
}

/** A tree of objects that the store has. Goes through git's index, which refuses names that a tree must not hold. */
async function writeTree(store: ObjectStore, lines: Iterable<TreeLine>, signal?: AbortSignal): Promise<TreeId> {
  await using scratch = await store.scratch();
  const input = Array.from(lines, ({ mode, object, path }) => `${mode} ${object}\t${path}\0`).join('');
  await scratch.run(['update-index', '-z', '--index-info'], { input, signal });
  const { stdout } = await scratch.run(['write-tree'], { signal });
  return treeId(stdout.toString('latin1').trim());
}
