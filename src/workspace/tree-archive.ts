import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { Pack } from 'tar-stream';

import type { TreeId } from '../contracts/index.ts';
import type { GitRepository } from './git-repository.ts';
import { readTree } from './tree-content.ts';
import type { TreeFile } from './tree-file.ts';
import { parentsOf } from './tree-path.ts';

/** The same tree is the same archive. Not 1970: programs that make zip files refuse times before 1980. */
const MODIFIED = new Date('2001-09-09T01:46:40Z');

/** A tree as a tar stream in constant memory: folders before what is in them, files as 0644 or 0755, links as links. */
export async function* archiveTree(repository: GitRepository, tree: TreeId, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const { pack } = await import('tar-stream');
  const archive = pack();
  const filling = fill(archive, readTree(repository, tree, { signal }));
  try {
    // tar-stream writes buffers; its types say nothing of it.
    for await (const chunk of archive as AsyncIterable<Buffer>) yield chunk;
  } finally {
    archive.destroy();
    await filling;
  }
}

async function fill(archive: Pack, files: AsyncIterable<TreeFile>): Promise<void> {
  try {
    let open: readonly string[] = [];
    for await (const file of files) {
      const folders = parentsOf(file.path);
      for (const folder of folders.filter((path) => !open.includes(path))) {
        archive.entry({ name: `${folder}/`, type: 'directory', mode: 0o755, mtime: MODIFIED });
      }
      open = folders;
      await add(archive, file);
    }
    archive.finalize();
  } catch (error) {
    // Whoever reads the archive gets it; when nobody does any more, there is nobody to tell.
    archive.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

async function add(archive: Pack, file: TreeFile): Promise<void> {
  if (file.mode === '120000') {
    const target = Buffer.concat(await Array.fromAsync(file.content)).toString('utf8');
    archive.entry({ name: file.path, type: 'symlink', linkname: target, mode: 0o777, mtime: MODIFIED });
    return;
  }
  const mode = file.mode === '100755' ? 0o755 : 0o644;
  const entry = archive.entry({ name: file.path, type: 'file', size: file.sizeBytes, mode, mtime: MODIFIED });
  await pipeline(Readable.from(file.content), entry);
}
