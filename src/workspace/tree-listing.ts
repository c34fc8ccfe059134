import { isUtf8 } from 'node:buffer';

import type { TreeId } from '../contracts/index.ts';
import type { GitRepository } from './git-repository.ts';
import { treeId } from './tree-id.ts';

/** A line of a tree, as git has it. `path` is undefined where the name is not UTF-8. */
export interface TreeLine {
  readonly mode: string;
  readonly object: string;
  readonly path: string | undefined;
  /** Only when asked for, and of blobs. */
  readonly sizeBytes: number;
}

export interface ListOptions {
  readonly signal?: AbortSignal | undefined;
  readonly sizes?: boolean;
}

/** Everything in a tree, recursively, in git's order. Also submodules (mode 160000), which trees of ours never hold. */
export async function listTree(repository: GitRepository, tree: TreeId, options: ListOptions = {}): Promise<TreeLine[]> {
  const long = options.sizes === true ? ['--long'] : [];
  const { stdout } = await repository.run(['ls-tree', '-r', '-z', '--full-tree', ...long, treeId(tree)], { signal: options.signal });
  return splitNul(stdout).map(parseLine);
}

/** Records that each end with a NUL. */
export function splitNul(bytes: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    const stop = end < 0 ? bytes.length : end;
    records.push(bytes.subarray(start, stop));
    start = stop + 1;
  }
  return records;
}

/** `<mode> <type> <object>[ <size>]\t<path>` */
function parseLine(record: Buffer): TreeLine {
  const tab = record.indexOf(0x09);
  const [mode = '', , object = '', size = '0'] = record.toString('latin1', 0, tab).split(/ +/);
  const name = record.subarray(tab + 1);
  return { mode, object, path: isUtf8(name) ? name.toString('utf8') : undefined, sizeBytes: Number(size) || 0 };
}
