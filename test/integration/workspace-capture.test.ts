import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { TreeId } from '../../src/contracts/index.ts';
import type { GitWorkspace } from '../../src/workspace/index.ts';
import { plainFolderOf, repositoryOf, temporaryFolder, userGit, workspaceOf, writeFiles } from '../unit/workspace/support.ts';

async function capture(folder: string, workspace: GitWorkspace = workspaceOf()): Promise<{ tree: TreeId; files: readonly string[]; notes: string[] }> {
  const notes: string[] = [];
  const tree = await workspace.capture(folder, { onNote: (note) => notes.push(note) });
  return { tree, files: await workspace.files(tree), notes };
}

describe('capture takes', () => {
  it('what is committed, changed and new, and leaves the repository as it was', async () => {
    const folder = repositoryOf({ committed: '1', changed: '1', gone: '1' });
    writeFiles(folder, { changed: '2', 'new/file': 'n' });
    rmSync(join(folder, 'gone'));
    const before = userGit(folder, ['status', '--porcelain']);
    const index = readFileSync(join(folder, '.git/index'));
    const workspace = workspaceOf();
    const { tree, files, notes } = await capture(folder, workspace);
    expect(files).toEqual(['changed', 'committed', 'new/file']);
    expect((await workspace.read(tree, 'changed'))?.toString()).toBe('2');
    expect(notes).toEqual([]);
    expect(readFileSync(join(folder, '.git/index')).equals(index)).toBe(true);
    expect(userGit(folder, ['status', '--porcelain'])).toBe(before);
  });

  it('not what is ignored, by files of any folder, by info/exclude, by the operator', async () => {
    const folder = repositoryOf({ '.gitignore': '*.log\n!keep.log\nbuild/\n/only/*\n!/only/yes\n', 'sub/.gitignore': '/local\n', src: 's' });
    writeFiles(folder, { 'a.log': '', 'keep.log': '', 'build/x': '', 'deep/build/y': '', 'sub/local/x': '', 'sub/other': '', 'only/no': '', 'only/yes': '', mine: '', scratch: '' });
    writeFileSync(join(folder, '.git/info/exclude'), 'mine\n');
    const home = temporaryFolder();
    writeFiles(home, { '.config/git/ignore': 'scratch\n' });
    const { files } = await capture(folder, workspaceOf({ environment: { PATH: process.env['PATH'], HOME: home } }));
    expect(files).toEqual(['.gitignore', 'keep.log', 'only/yes', 'src', 'sub/.gitignore', 'sub/other']);
  });

  it('what is tracked although it is ignored', async () => {
    const folder = repositoryOf({ '.gitignore': 'vendor/\n*.min.js\n', 'vendor/lib/x': 'x', 'a.min.js': 'a' });
    writeFiles(folder, { 'vendor/lib/untracked': '' });
    expect((await capture(folder)).files).toEqual(['.gitignore', 'a.min.js', 'vendor/lib/x']);
  });

  it('the same from a split index, a sparse checkout and a linked work tree', async () => {
    const folder = repositoryOf({ '.gitignore': '*.x\n', 'a/kept.x': '1', 'b/y': '2', top: '3' });
    userGit(folder, ['update-index', '--split-index']);
    expect((await capture(folder)).files).toEqual(['.gitignore', 'a/kept.x', 'b/y', 'top']);
    const linked = join(temporaryFolder(), 'linked');
    userGit(folder, ['worktree', 'add', '-q', linked]);
    expect(await capture(linked)).toMatchObject({ files: ['.gitignore', 'a/kept.x', 'b/y', 'top'], notes: [] });
    userGit(folder, ['update-index', '--no-split-index']);
    userGit(folder, ['sparse-checkout', 'set', '--cone', '--sparse-index', 'a']);
    expect((await capture(folder)).files).toEqual(['.gitignore', 'a/kept.x', 'top']);
  });

  it('bytes as they are, whatever .gitattributes say', async () => {
    const attributes = '* text=auto eol=lf ident working-tree-encoding=UTF-16\n';
    const folder = repositoryOf({ 'plain.txt': 'x' });
    const bytes = Buffer.from('$Id$\r\nline\r\n');
    writeFiles(folder, { '.gitattributes': attributes, 'dos.txt': bytes });
    const workspace = workspaceOf();
    const { tree } = await capture(folder, workspace);
    expect((await workspace.read(tree, 'dos.txt'))?.equals(bytes)).toBe(true);
  });

  it('a plain folder, and says so', async () => {
    const { files, notes } = await capture(plainFolderOf({ a: 'a', '.gitignore': 'b\n', b: 'b' }));
    expect(files).toEqual(['.gitignore', 'a']);
    expect(notes).toEqual([expect.stringContaining('not the top of a git repository')]);
  });

  it('many levels of folders', async () => {
    const path = `${'d/'.repeat(100)}file`;
    expect((await capture(plainFolderOf({ [path]: 'deep' }))).files).toEqual([path]);
  });
});

describe('capture notes', () => {
  it('repositories in the repository, and leaves them out', async () => {
    const folder = repositoryOf({ a: 'a', 'empty/.git/nothing': '' });
    for (const name of ['nested', 'fresh']) {
      mkdirSync(join(folder, name));
      userGit(join(folder, name), ['init', '-q']);
      writeFiles(folder, { [`${name}/file`]: '' });
    }
    userGit(join(folder, 'nested'), ['add', 'file']);
    userGit(join(folder, 'nested'), ['commit', '-qm', 'x']);
    userGit(folder, ['-c', 'advice.addEmbeddedRepo=false', 'add', 'nested']);
    writeFiles(folder, { 'module/.git': 'gitdir: ../.git/modules/module\n', 'module/file': '', 'empty/file': '' });
    const { files, notes } = await capture(folder);
    expect(files).toEqual(['a', 'empty/file']);
    expect(notes).toEqual(['repositories inside the repository (submodules too) are left out: "fresh", "module", "nested"']);
  });

  it('pipes and sockets, without touching them', async () => {
    const folder = repositoryOf({ a: 'a' });
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const server = createServer().listen(join(folder, 'socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    const { files, notes } = await capture(folder);
    server.close();
    expect(files).toEqual(['a']);
    expect(notes).toEqual(['sockets, named pipes and devices are left out: "pipe", "socket"']);
  });

  it('links that point out, and keeps them as links', async () => {
    const folder = repositoryOf({ 'd/a': 'a', 'd/in': { link: '../d/a' }, 'd/out': { link: '../../secret' }, absolute: { link: '/etc/passwd' }, loop: { link: 'loop' } });
    const { files, notes } = await capture(folder);
    expect(files).toEqual(['absolute', 'd/a', 'd/in', 'd/out', 'loop']);
    expect(notes).toEqual([expect.stringMatching(/^symbolic links that point out of the repository are kept as links; .*: "absolute", "d\/out"$/)]);
  });

  it('LFS pointers, and keeps them as pointers', async () => {
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n';
    const folder = repositoryOf({ '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n', 'model.bin': pointer });
    const workspace = workspaceOf();
    const { tree, notes } = await capture(folder, workspace);
    expect((await workspace.read(tree, 'model.bin'))?.toString()).toBe(pointer);
    expect(notes).toEqual([expect.stringMatching(/LFS pointers.*"model\.bin"$/)]);
  });

  it('names that a tree cannot hold', async () => {
    const folder = repositoryOf({ a: 'a' });
    writeFiles(folder, { 'd/.GIT/hooks/post-checkout': 'x', 'git~1': 'x' });
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/latin-`), Buffer.from([0xe9])]), 'x');
    const { files, notes } = await capture(folder);
    expect(files).toEqual(['a']);
    expect(notes.map((note) => note.split(':')[0])).toEqual(expect.arrayContaining(['names that some system takes for .git are left out', 'names that are not UTF-8 are left out']));
  });

  it('an index that cannot be read', async () => {
    const folder = repositoryOf({ '.gitignore': 'x\n', a: 'a', x: 'tracked and ignored' });
    writeFileSync(join(folder, '.git/index'), 'DIRC and then nonsense');
    const { files, notes } = await capture(folder);
    expect(files).toEqual(['.gitignore', 'a']);
    expect(notes).toEqual([expect.stringContaining('index cannot be read')]);
  });
});

describe('capture refuses', () => {
  const refusal = async (path: string, code: string, why: string | RegExp, workspace = workspaceOf()) => {
    await expect(workspace.capture(path)).rejects.toMatchObject({ code, message: expect.stringMatching(why) });
  };

  it('what is not there, not a folder, bare, or empty', async () => {
    const folder = plainFolderOf({ file: 'x', 'ignored/.gitignore': '*\n' });
    await refusal(join(folder, 'missing'), 'repository_invalid', 'there is no folder .*give the path of a repository');
    await refusal(join(folder, 'file'), 'repository_invalid', 'is not a folder');
    await refusal(join(folder, 'ignored'), 'repository_invalid', 'holds no files');
    const bare = join(temporaryFolder(), 'bare.git');
    userGit(temporaryFolder(), ['init', '-q', '--bare', bare]);
    await refusal(bare, 'repository_invalid', 'bare repository');
    const empty = join(temporaryFolder(), 'empty');
    userGit(temporaryFolder(), ['init', '-q', empty]);
    await refusal(empty, 'repository_invalid', 'holds no files');
  });

  it('too many files, too many bytes, too large a file', async () => {
    const folder = repositoryOf({ 'data/a': 'x'.repeat(3000), 'data/b': 'x'.repeat(3000), c: 'c' });
    await refusal(folder, 'repository_too_large', 'more than 2 files.*"data" \\(2 files\\)', workspaceOf({ limits: { maxFiles: 2 } }));
    await refusal(folder, 'repository_too_large', '5.9 KiB, and 5.0 KiB is the limit.*"data" \\(5.9 KiB\\).*\\.gitignore', workspaceOf({ limits: { maxBytes: 5120 } }));
    await refusal(folder, 'repository_too_large', '"data/a" is 2.9 KiB', workspaceOf({ limits: { maxFileBytes: 2000 } }));
  });

  it('a folder that ends no walk', async () => {
    const folder = plainFolderOf({});
    for (let index = 0; index < 60; index++) writeFiles(folder, { [`d${index}/a`]: '', [`d${index}/e/b`]: '' });
    await refusal(folder, 'repository_too_large', 'more than 5 files', workspaceOf({ limits: { maxFiles: 5 } }));
  });

  it('what is cancelled', async () => {
    const folder = repositoryOf({ a: 'a' });
    await expect(workspaceOf().capture(folder, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
    const controller = new AbortController();
    const attempt = workspaceOf().capture(folder, { signal: controller.signal });
    controller.abort();
    await expect(attempt).rejects.toMatchObject({ code: 'cancelled' });
  });

  it.skipIf(process.getuid?.() !== 0)('what cannot be read, by name', () => {
    const folder = repositoryOf({ a: 'a', 'd/secret': 's' });
    chmodSync(join(folder, 'd/secret'), 0o000);
    // Root reads everything, so somebody else tries.
    const base = temporaryFolder();
    for (const path of [base, join(folder, '..'), folder]) chmodSync(path, 0o777);
    const program = `import { GitWorkspace } from ${JSON.stringify(realpathSync('src/workspace/index.ts'))}
      const workspace = new GitWorkspace({ storeDir: ${JSON.stringify(join(base, 'store'))} })
      await workspace.capture(${JSON.stringify(folder)}).catch((error) => console.log(error.code, error.message))`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', program], { uid: 65_534, gid: 65_534, encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: '/nonexistent' } });
    expect(stderr).not.toContain('Error');
    expect(stdout).toBe('repository_invalid "d/secret" cannot be read (EACCES): make it readable, or name it in .gitignore\n');
  });
});

it('a store that cannot be made is an error that says so', async () => {
  const folder = plainFolderOf({ file: 'x' });
  await expect(workspaceOf({ storeDir: join(folder, 'file/store') }).capture(folder)).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining('cannot be made') });
});

it('two workspaces share a store at the same time', async () => {
  const storeDir = join(temporaryFolder(), 'store');
  const folders = Array.from({ length: 6 }, (_, index) => plainFolderOf({ shared: 's', own: String(index) }));
  const trees = await Promise.all(folders.map((folder) => workspaceOf({ storeDir }).capture(folder)));
  expect(new Set(trees).size).toBe(6);
  for (const tree of trees) expect(await workspaceOf({ storeDir }).files(tree)).toEqual(['own', 'shared']);
});
