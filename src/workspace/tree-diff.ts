import { GloveboxError, type Patch, type PatchFile, type TreeId } from '../contracts/index.ts';
import type { GitRepository } from './git-repository.ts';
import { treeId } from './tree-id.ts';
import { formatBytes } from './workspace-limits.ts';

/** Renames are off: a patch that says delete and add applies where a patch that says rename may not. */
const DIFF = ['diff-tree', '-r', '--no-renames', '--no-ext-diff', '--no-textconv', '--no-color', '--full-index'];

/** A line of a file never begins so in a patch; lines end in a line feed and nothing else. */
const HEADER = /(^|\n)diff --git a\/([^\n]*)(?=\n)/g;

export interface DiffOptions {
  readonly base: TreeId;
  readonly changed: TreeId;
  readonly maxPatchBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** What turns one tree of a repository into another. */
export async function diffTrees(repository: GitRepository, options: DiffOptions): Promise<Patch> {
  const { signal, maxPatchBytes } = options;
  const trees = [treeId(options.base), treeId(options.changed)];
  if (trees[0] === trees[1]) return { text: Buffer.alloc(0), files: [] };
  await using running = repository.start([...DIFF, '--binary', '--src-prefix=a/', '--dst-prefix=b/', '-p', ...trees], { signal });
  const text = await running.collect(maxPatchBytes, () => new GloveboxError('archive_hostile', `the patch is larger than ${formatBytes(maxPatchBytes)}`));
  await running.end();
  const { stdout } = await repository.run([...DIFF, '--raw', '--numstat', '-z', ...trees], { signal });
  const files = parseFiles(stdout.toString('utf8'));
  return { text: files.some(({ path }) => path.includes(' ')) ? withQuotedNames(text) : text, files };
}

/** A header of two names that hold spaces is read in several ways, and where no text follows it git refuses what it wrote itself; it reads names in quotes in one. */
function withQuotedNames(text: Buffer): Buffer {
  const quoted = text.toString('latin1').replaceAll(HEADER, (header, before: string, names: string) => {
    const name = names.slice(0, (names.length - ' b/'.length) / 2);
    // git has put what is not printable in quotes already.
    return name.includes(' ') && names === `${name} b/${name}` ? `${before}diff --git "a/${name}" "b/${name}"` : header;
  });
  return Buffer.from(quoted, 'latin1');
}

/** First the records `:<mode> <mode> <object> <object> <letter>` NUL path NUL, then `<added>\t<deleted>\t<path>` NUL of each. */
function parseFiles(output: string): PatchFile[] {
  const changes = new Map<string, PatchFile['change']>();
  const binary = new Set<string>();
  const records = output.split('\0');
  for (let index = 0; index < records.length - 1; index++) {
    const record = records[index] ?? '';
    if (record.startsWith(':')) {
      changes.set(records[++index] ?? '', changeOf(record.slice(1).split(' ')));
      continue;
    }
    if (record.startsWith('-\t-\t')) binary.add(record.slice('-\t-\t'.length));
  }
  return Array.from(changes, ([path, change]) => ({ path, change, binary: binary.has(path) }));
}

function changeOf([, , before, after, letter]: readonly string[]): PatchFile['change'] {
  if (letter === 'A') return 'added';
  if (letter === 'D') return 'deleted';
  return before === after && letter === 'M' ? 'mode' : 'modified';
}
