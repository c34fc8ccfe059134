import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { TreeId } from '../../src/contracts/index.ts';
import type { GitWorkspace } from '../../src/workspace/index.ts';
import { parentsOf, pathProblem } from '../../src/workspace/tree-path.ts';
import { archiveOf, inChunks, plainFolderOf, userGit, workspaceOf, writeFiles, type Content } from '../unit/workspace/support.ts';

type Files = Readonly<Record<string, Content>>;

const name = fc
  .array(fc.constantFrom('a', 'b', 'B', ' ', '\n', '\t', '"', '\\', "'", ':', '*', '?', '[', '!', '#', '-', '~', '.', 'ä', '😀', '\u0301', '\u001b', '$', '{'), { minLength: 1, maxLength: 6 })
  .map((characters) => characters.join(''));
const longName = fc.integer({ min: 90, max: 250 }).map((length) => 'n'.repeat(length));
const path = fc.array(fc.oneof({ weight: 6, arbitrary: name }, { weight: 1, arbitrary: longName }), { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const content: fc.Arbitrary<Content> = fc.oneof(
  fc.string({ unit: fc.constantFrom('x', 'y', '\n', '\r\n', '\0', '$Id$', 'é'), maxLength: 40 }),
  fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ maxLength: 20 }).map((executable) => ({ executable })),
  path.map((link) => ({ link })),
);
const files: fc.Arbitrary<Files> = fc.array(fc.tuple(path, content), { maxLength: 8 }).map(possible);

/** What can stand in one folder: no file inside a file, no name that a tree refuses. */
function possible(pairs: readonly (readonly [string, Content])[]): Files {
  const kept = new Map<string, Content>([['keep', 'k']]);
  for (const [candidate, value] of pairs) {
    const taken = Array.from(kept.keys()).some((other) => other === candidate || parentsOf(other).includes(candidate) || parentsOf(candidate).includes(other));
    if (!taken && pathProblem(candidate) === undefined) kept.set(candidate, value);
  }
  return Object.fromEntries(kept);
}

async function captured(workspace: GitWorkspace, tree: Files): Promise<{ folder: string; tree: TreeId }> {
  const folder = plainFolderOf(tree);
  return { folder, tree: await workspace.capture(folder) };
}

/** git cannot tell the two names of an empty file's header apart. */
const SPACED: [Files, Files][] = [
  [{ keep: 'k' }, { keep: 'k', ' /a': '', 'a b/a b': '', 'b/ b/ b': { executable: '' } }],
  // What only looks like such a header is a line of a file, whatever stands before it.
  [{ keep: 'k' }, { keep: 'k', 'a b': '', 'a c': 'one\rdiff --git a/x y b/x y\ndiff --git a/x y b/x y\n' }],
  [{ keep: 'k', ' ': '', 'x b/x': { executable: 'x' } }, { keep: 'k', 'x b/x': 'x' }],
];

describe('a tree', () => {
  it('is the same after capture, tar and store, whatever its names, modes and links', async () => {
    const workspace = workspaceOf();
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 100, max: 5000 }), async (content_, chunkSize) => {
        const { tree } = await captured(workspace, content_);
        const paths = await workspace.files(tree);
        expect(paths.toSorted()).toEqual(Object.keys(content_).toSorted());
        const tar = Buffer.concat(await Array.fromAsync(workspace.tar(tree)));
        expect(await workspace.store(inChunks(tar, chunkSize), paths)).toBe(tree);
      }),
      { numRuns: 25 },
    );
  });

  it('becomes the other one when their diff is applied', async () => {
    const workspace = workspaceOf();
    await fc.assert(
      fc.asyncProperty(files, files, async (before, after) => {
        const from = await captured(workspace, before);
        const to = await captured(workspace, after);
        const patch = await workspace.diff(from.tree, to.tree);
        await workspace.apply(from.folder, patch);
        expect(await workspace.capture(from.folder)).toBe(to.tree);
      }),
      { numRuns: 20, examples: SPACED },
    );
  });

  it('has the name that git gives it', async () => {
    const folder = plainFolderOf({ 'a.txt': 'one\r\n', 'bin/run': { executable: '#!/bin/sh\n' }, link: { link: 'a.txt' } });
    const tree = await workspaceOf().capture(folder);
    userGit(folder, ['init', '-q']);
    userGit(folder, ['add', '-A']);
    expect(tree).toBe(userGit(folder, ['write-tree']).trim());
  });

  it('is the same archive every time', async () => {
    const workspace = workspaceOf();
    const { tree } = await captured(workspace, { 'a/b/c': '1', 'a/d': '2', e: { executable: '3' } });
    const once = Buffer.concat(await Array.fromAsync(workspace.tar(tree)));
    expect(Buffer.concat(await Array.fromAsync(workspace.tar(tree))).equals(once)).toBe(true);
  });

  it('streams files that are larger than any buffer', async () => {
    const workspace = workspaceOf();
    const large = Buffer.alloc(20 * 2 ** 20, 'glovebox');
    const { tree } = await captured(workspace, { large, small: 's' });
    let bytes = 0;
    let longest = 0;
    const watched = async function* () {
      for await (const chunk of workspace.tar(tree)) {
        bytes += chunk.length;
        longest = Math.max(longest, chunk.length);
        yield chunk;
      }
    };
    expect(await workspace.store(watched(), ['large', 'small'])).toBe(tree);
    expect(bytes).toBeGreaterThan(large.length);
    expect(longest).toBeLessThan(2 ** 20);
  });

  it('leaves no process and no scratch when its reader stops early', async () => {
    const workspace = workspaceOf();
    const { tree } = await captured(workspace, { large: Buffer.alloc(5 * 2 ** 20), z: 'z' });
    for await (const chunk of workspace.tar(tree)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(await workspace.files(tree)).toEqual(['large', 'z']);
  });

  it('keeps the executable bit and nothing else of a mode', async () => {
    const workspace = workspaceOf();
    const { folder, tree } = await captured(workspace, { a: 'a' });
    chmodSync(join(folder, 'a'), 0o4711);
    const changed = await workspace.capture(folder);
    expect((await workspace.diff(tree, changed)).files).toEqual([{ path: 'a', change: 'mode', binary: false }]);
  });

  it('may be empty when it comes from a sandbox', async () => {
    const workspace = workspaceOf();
    const { tree } = await captured(workspace, { a: 'a' });
    const empty = await workspace.store(inChunks(await archiveOf([])), []);
    expect(await workspace.files(empty)).toEqual([]);
    expect((await workspace.diff(tree, empty)).files).toEqual([{ path: 'a', change: 'deleted', binary: false }]);
    expect(Buffer.concat(await Array.fromAsync(workspace.tar(empty))).every((byte) => byte === 0)).toBe(true);
  });
});

describe('diff', () => {
  it('says of each file what happened to it', async () => {
    const workspace = workspaceOf();
    const { folder, tree } = await captured(workspace, { gone: '1', 'text\twith\ttabs': 'a\n', blob: Buffer.from([0, 1, 2]), run: 'r', turned: 't' });
    rmSync(join(folder, 'gone'));
    rmSync(join(folder, 'turned'));
    writeFiles(folder, { 'text\twith\ttabs': 'b\n', blob: Buffer.from([0, 2, 3]), new: 'n', turned: { link: 'run' } });
    chmodSync(join(folder, 'run'), 0o755);
    const patch = await workspace.diff(tree, await workspace.capture(folder));
    expect(patch.files).toEqual([
      { path: 'blob', change: 'modified', binary: true },
      { path: 'gone', change: 'deleted', binary: false },
      { path: 'new', change: 'added', binary: false },
      { path: 'run', change: 'mode', binary: false },
      { path: 'text\twith\ttabs', change: 'modified', binary: false },
      { path: 'turned', change: 'modified', binary: false },
    ]);
    expect(patch.text.toString()).toContain('GIT binary patch');
  });

  it('of a tree with itself is empty', async () => {
    const workspace = workspaceOf();
    const { tree } = await captured(workspace, { a: 'a' });
    expect(await workspace.diff(tree, tree)).toEqual({ text: Buffer.alloc(0), files: [] });
  });

  it('is bounded', async () => {
    const workspace = workspaceOf({ limits: { maxPatchBytes: 100 } });
    const { folder, tree } = await captured(workspace, { a: 'a' });
    writeFiles(folder, { a: 'long\n'.repeat(100) });
    const changed = await workspace.capture(folder);
    await expect(workspace.diff(tree, changed)).rejects.toMatchObject({ code: 'archive_hostile', message: 'the patch is larger than 100 B' });
  });
});

describe('restore', () => {
  it('brings files and folders back to what they were, absent ones included', async () => {
    const workspace = workspaceOf();
    const base = await captured(workspace, { 'test/a': '1', 'test/b': '2', src: 'x', 'was/file': 'f' });
    const changed = await captured(workspace, { 'test/a': 'changed', 'test/new': 'n', src: 'y', was: 'now a file' });
    const restored = await workspace.restore(base.tree, changed.tree, ['test', 'was/file']);
    const expected = await captured(workspace, { 'test/a': '1', 'test/b': '2', src: 'y', 'was/file': 'f' });
    expect(restored).toBe(expected.tree);
  });

  it('takes away what was not there', async () => {
    const workspace = workspaceOf();
    const base = await captured(workspace, { a: 'a' });
    const changed = await captured(workspace, { a: 'a', b: 'b' });
    expect(await workspace.restore(base.tree, changed.tree, ['b'])).toBe(base.tree);
  });
});

describe('read', () => {
  it('gives the bytes of a file, and nothing for links, folders and what is not there', async () => {
    const workspace = workspaceOf();
    const { tree } = await captured(workspace, { 'd/ä\nb': 'bytes', link: { link: 'd' } });
    expect(await workspace.read(tree, 'd/ä\nb')).toEqual(Buffer.from('bytes'));
    for (const absent of ['link', 'd', 'x', '../x', '']) expect(await workspace.read(tree, absent)).toBeUndefined();
  });
});

it('a name that is not a tree reaches no command line', async () => {
  const workspace = workspaceOf();
  for (const name_ of ['--output=/tmp/x', 'HEAD', '../x', '']) {
    // What an id may be is checked at run time, because ids come back from outside.
    await expect(workspace.files(name_ as TreeId)).rejects.toMatchObject({ code: 'usage' });
    await expect(workspace.diff(name_ as TreeId, name_ as TreeId)).rejects.toMatchObject({ code: 'usage' });
    await expect(Array.fromAsync(workspace.tar(name_ as TreeId))).rejects.toMatchObject({ code: 'usage' });
  }
});
