import { GloveboxError, type TreeId } from '../contracts/index.ts';
import { BytePortion } from './byte-portion.ts';
import { ByteReader } from './byte-reader.ts';
import type { GitRepository } from './git-repository.ts';
import { isTreeMode, type TreeFile } from './tree-file.ts';
import { listTree, type TreeLine } from './tree-listing.ts';

export interface ContentOptions {
  readonly signal?: AbortSignal | undefined;
  /** Which of its lines; all by default. */
  readonly only?: (line: TreeLine) => boolean;
}

/** The files of a tree with their content, one after the other, in constant memory. Submodules and names that are not UTF-8 are skipped. */
export async function* readTree(repository: GitRepository, tree: TreeId, options: ContentOptions = {}): AsyncGenerator<TreeFile> {
  const lines = await listTree(repository, tree, { signal: options.signal });
  yield* readFiles(repository, lines.filter(options.only ?? (() => true)), options.signal);
}

/** The content of these lines. */
export async function* readFiles(repository: GitRepository, lines: readonly TreeLine[], signal?: AbortSignal): AsyncGenerator<TreeFile> {
  const wanted = lines.filter((line) => isTreeMode(line.mode) && line.path !== undefined);
  if (wanted.length === 0) return;
  await using git = repository.start(['cat-file', '--batch'], { signal });
  const feeding = git.feed(requests(wanted));
  const reader = new ByteReader(git.stdout);
  for (const line of wanted) {
    const sizeBytes = await answerSize(reader, line);
    const body = new BytePortion(reader, sizeBytes, cutOff);
    if (isTreeMode(line.mode) && line.path !== undefined) yield { path: line.path, mode: line.mode, sizeBytes, content: body.chunks() };
    await body.skip();
    await reader.exactly(1);
  }
  await feeding;
  await git.end();
}

async function* requests(lines: readonly TreeLine[]): AsyncGenerator<string> {
  for (let start = 0; start < lines.length; start += 500) {
    yield lines
      .slice(start, start + 500)
      .map((line) => `${line.object}\n`)
      .join('');
  }
}

/** `<object> blob <size>` */
async function answerSize(reader: ByteReader, line: TreeLine): Promise<number> {
  const header = await reader.line(200);
  const match = /^([0-9a-f]{40}) blob (\d+)$/.exec(header ?? '');
  if (match === null || match[1] !== line.object) throw new GloveboxError('internal', `the store lost the object ${line.object}`);
  return Number(match[2]);
}

function cutOff(): GloveboxError {
  return new GloveboxError('internal', 'git cat-file ended in the middle of an object');
}
