import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { Patch, TreeId } from '../../src/contracts/index.ts';
import type { GitWorkspace } from '../../src/workspace/index.ts';
import { plainFolderOf, repositoryOf, temporaryFolder, userGit, workspaceOf, writeFiles, type Content } from '../unit/workspace/support.ts';

const LINES = Array.from({ length: 20 }, (_, index) => `line ${index}\n`);
const text = (changes: Readonly<Record<number, string>> = {}) => LINES.map((line, index) => changes[index] ?? line).join('');

/** The patch from a captured tree to the same files with these changes. */
async function patchOf(workspace: GitWorkspace, base: TreeId, files: Readonly<Record<string, Content>>): Promise<Patch> {
  return workspace.diff(base, await workspace.capture(plainFolderOf(files)));
}

describe('apply', () => {
  it('changes the files and stages nothing', async () => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ a: text(), gone: 'g', run: 'r' });
    const base = await workspace.capture(folder);
    const patch = await patchOf(workspace, base, { a: text({ 3: 'changed\n' }), 'new/file': 'n', run: { executable: 'r' } });
    await workspace.apply(folder, patch);
    expect(userGit(folder, ['status', '--porcelain'])).toBe(' M a\n D gone\n M run\n?? new/\n');
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe(text({ 3: 'changed\n' }));
  });

  it('keeps uncommitted work, in the same file too where it does not touch the patch', async () => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ a: text(), other: 'o' });
    writeFiles(folder, { other: 'mine' });
    const base = await workspace.capture(folder);
    writeFiles(folder, { a: text({ 18: 'mine\n' }) });
    await workspace.apply(folder, await patchOf(workspace, base, { a: text({ 2: 'theirs\n' }), other: 'mine' }));
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe(text({ 2: 'theirs\n', 18: 'mine\n' }));
    expect(readFileSync(join(folder, 'other'), 'utf8')).toBe('mine');
  });

  it('writes nothing at all when one file does not fit, and names it', async () => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ a: text(), b: text(), c: 'c' });
    const base = await workspace.capture(folder);
    const patch = await patchOf(workspace, base, { a: text({ 1: 'new\n' }), b: text({ 5: 'theirs\n' }), d: 'd' });
    writeFiles(folder, { b: text({ 5: 'mine\n' }) });
    await expect(workspace.apply(folder, patch)).rejects.toMatchObject({ code: 'patch_conflict', message: expect.stringMatching(/nothing was written: "b"$/), details: { files: '["b"]' } });
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe(text());
    expect(existsSync(join(folder, 'd'))).toBe(false);
    expect(existsSync(join(folder, 'c'))).toBe(true);
  });

  it('does not overwrite a file that appeared, or bring back one that went', async () => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ a: 'a\n' });
    const base = await workspace.capture(folder);
    const patch = await patchOf(workspace, base, { a: 'b\n', new: 'theirs' });
    writeFiles(folder, { new: 'mine' });
    await expect(workspace.apply(folder, patch)).rejects.toMatchObject({ code: 'patch_conflict', details: { files: '["new"]' } });
    rmSync(join(folder, 'new'));
    rmSync(join(folder, 'a'));
    await expect(workspace.apply(folder, patch)).rejects.toMatchObject({ code: 'patch_conflict', details: { files: '["a"]' } });
  });

  it('is exact about bytes, whatever .gitattributes and configuration say', async () => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ 'dos.txt': 'a\r\nb\r\n' });
    writeFiles(folder, { '.gitattributes': '* text=auto eol=crlf ident\n' });
    userGit(folder, ['config', 'core.autocrlf', 'true']);
    const base = await workspace.capture(folder);
    const patch = await patchOf(workspace, base, { '.gitattributes': '* text=auto eol=crlf ident\n', 'dos.txt': 'a\r\nc\n$Id$\n' });
    await workspace.apply(folder, patch);
    expect(readFileSync(join(folder, 'dos.txt'), 'utf8')).toBe('a\r\nc\n$Id$\n');
  });

  it('works in a plain folder, and with an empty patch', async () => {
    const workspace = workspaceOf();
    const folder = plainFolderOf({ a: '1\n' });
    const base = await workspace.capture(folder);
    await workspace.apply(folder, await patchOf(workspace, base, { a: '2\n' }));
    await workspace.apply(folder, await workspace.diff(base, base));
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('2\n');
    await expect(workspace.apply(join(folder, 'missing'), await patchOf(workspace, base, { a: '2\n' }))).rejects.toMatchObject({ code: 'repository_invalid' });
  });

  it.each([
    ['leaves the folder', '../escaped'],
    ['is absolute', '/tmp/glovebox-escaped'],
    ['lies in .git', '.git/hooks/post-checkout'],
    ['lies in .GIT', '.GIT/config'],
    ['goes through a link', 'out/escaped'],
  ])('refuses a patch whose path %s', async (_, path) => {
    const folder = repositoryOf({ a: 'a' });
    const outside = temporaryFolder();
    symlinkSync(outside, join(folder, 'out'));
    const forged = `diff --git a/${path} b/${path}\nnew file mode 100755\n--- /dev/null\n+++ b/${path}\n@@ -0,0 +1 @@\n+x\n`;
    const patch: Patch = { text: Buffer.from(forged), files: [{ path, change: 'added', binary: false }] };
    await expect(workspaceOf().apply(folder, patch)).rejects.toMatchObject({ code: 'patch_conflict' });
    for (const place of [join(folder, path), join(outside, 'escaped')]) expect(existsSync(place)).toBe(false);
  });

  it('refuses to make a link and write through it in one patch', async () => {
    const folder = plainFolderOf({ a: 'a' });
    const outside = temporaryFolder();
    const forged = [
      `diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+${outside}\n\\ No newline at end of file\n`,
      'diff --git a/l/x b/l/x\nnew file mode 100644\n--- /dev/null\n+++ b/l/x\n@@ -0,0 +1 @@\n+x\n',
    ].join('');
    await expect(workspaceOf().apply(folder, { text: Buffer.from(forged), files: [] })).rejects.toMatchObject({ code: 'patch_conflict' });
    expect(existsSync(join(outside, 'x'))).toBe(false);
    expect(existsSync(join(folder, 'l'))).toBe(false);
  });
});

describe('branch', () => {
  it('makes one commit on top of HEAD and touches neither checkout nor index', async () => {
    const home = temporaryFolder();
    writeFiles(home, { '.gitconfig': '[user]\n\tname = Ada\n\temail = ada@example.test\n' });
    const workspace = workspaceOf({ environment: { PATH: process.env['PATH'], HOME: home }, clock: { now: () => 1_700_000_000_000 } });
    const folder = repositoryOf({ a: text(), b: 'b' });
    const index = readFileSync(join(folder, '.git/index'));
    const head = userGit(folder, ['rev-parse', 'HEAD']).trim();
    const base = await workspace.capture(folder);
    const commit = await workspace.branch(folder, 'fix/tests', await patchOf(workspace, base, { a: text({ 3: 'fixed\n' }), b: 'b', 'c/d': 'new' }), 'Fix the tests\n\nBecause.');
    expect(userGit(folder, ['log', '-1', '--format=%H|%P|%an|%ce|%at|%B', 'fix/tests'])).toBe(`${commit}|${head}|Ada|ada@example.test|1700000000|Fix the tests\n\nBecause.\n\n`);
    expect(userGit(folder, ['diff', '--stat', 'HEAD', 'fix/tests'])).toContain('2 files changed, 2 insertions(+), 1 deletion(-)');
    expect(readFileSync(join(folder, '.git/index')).equals(index)).toBe(true);
    expect(userGit(folder, ['status', '--porcelain', '--branch'])).toBe('## main\n');
    expect(userGit(folder, ['fsck', '--strict'])).toBe('');
    userGit(folder, ['checkout', '-q', 'fix/tests']);
    expect(readFileSync(join(folder, 'c/d'), 'utf8')).toBe('new');
  });

  it('commits as glovebox where the operator has no name', async () => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ a: 'a\n' });
    userGit(folder, ['config', 'user.name', 'Somebody Else']);
    userGit(folder, ['config', 'user.email', 'else@example.test']);
    await workspace.branch(folder, 'x', await patchOf(workspace, await workspace.capture(folder), { a: 'b\n' }), 'm');
    expect(userGit(folder, ['log', '-1', '--format=%an <%ae>', 'x'])).toBe('glovebox <glovebox@localhost>\n');
  });

  it('leaves uncommitted work out of the commit and in the checkout', async () => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ a: text(), b: 'b' });
    writeFiles(folder, { a: text({ 17: 'uncommitted\n' }), b: 'uncommitted' });
    const base = await workspace.capture(folder);
    const patch = await patchOf(workspace, base, { a: text({ 2: 'fixed\n', 17: 'uncommitted\n' }), b: 'uncommitted' });
    await workspace.branch(folder, 'x', patch, 'm');
    expect(userGit(folder, ['show', 'x:a'])).toBe(text({ 2: 'fixed\n' }));
    expect(userGit(folder, ['show', 'x:b'])).toBe('b');
    expect(userGit(folder, ['status', '--porcelain'])).toBe(' M a\n M b\n');
  });

  it('merges three ways where only the context is uncommitted', async () => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ a: text() });
    writeFiles(folder, { a: text({ 4: 'uncommitted\n' }) });
    const patch = await patchOf(workspace, await workspace.capture(folder), { a: text({ 4: 'uncommitted\n', 6: 'fixed\n' }) });
    await workspace.branch(folder, 'x', patch, 'm');
    expect(userGit(folder, ['show', 'x:a'])).toBe(text({ 6: 'fixed\n' }));
  });

  it('refuses, and makes nothing, when the patch needs uncommitted work', async () => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ a: text(), b: 'b' });
    writeFiles(folder, { a: text({ 4: 'uncommitted\n' }) });
    const patch = await patchOf(workspace, await workspace.capture(folder), { a: text({ 4: 'fixed\n' }), b: 'b' });
    await expect(workspace.branch(folder, 'x', patch, 'm')).rejects.toMatchObject({ code: 'patch_conflict', message: expect.stringMatching(/uncommitted work.*"a"$/), details: { files: '["a"]' } });
    expect(userGit(folder, ['branch', '--format=%(refname)'])).toBe('refs/heads/main\n');
  });

  it('refuses names that are taken or cannot be', async () => {
    const workspace = workspaceOf();
    const folder = repositoryOf({ a: 'a\n' });
    userGit(folder, ['branch', 'taken']);
    userGit(folder, ['branch', 'packed']);
    userGit(folder, ['pack-refs', '--all']);
    const patch = await patchOf(workspace, await workspace.capture(folder), { a: 'b\n' });
    for (const name of ['main', 'taken', 'packed']) {
      await expect(workspace.branch(folder, name, patch, 'm')).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('already') });
    }
    await expect(workspace.branch(folder, 'taken/below', patch, 'm')).rejects.toMatchObject({ code: 'usage' });
    for (const name of ['', '-f', 'HEAD', '../../config', 'a..b', 'a b', 'x.lock', '/x', 'x/', '@{-1}', 'a\nb']) {
      await expect(workspace.branch(folder, name, patch, 'm')).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('cannot be') });
    }
  });

  it('works from a linked work tree, a detached HEAD, packed refs and a shallow clone', async () => {
    const workspace = workspaceOf();
    const origin = repositoryOf({ a: '1\n' });
    writeFiles(origin, { a: '2\n' });
    userGit(origin, ['commit', '-qam', 'second']);
    const home = temporaryFolder();
    userGit(home, ['clone', '-q', '--depth=1', `file://${origin}`, 'shallow']);
    userGit(join(home, 'shallow'), ['worktree', 'add', '-q', '--detach', join(home, 'linked')]);
    userGit(join(home, 'shallow'), ['pack-refs', '--all']);
    const linked = realpathSync(join(home, 'linked'));
    const commit = await workspace.branch(linked, 'fix/a', await patchOf(workspace, await workspace.capture(linked), { a: '3\n' }), 'm');
    expect(userGit(join(home, 'shallow'), ['log', '-1', '--format=%H %s', 'fix/a'])).toBe(`${commit} m\n`);
    expect(userGit(join(home, 'shallow'), ['show', 'fix/a:a'])).toBe('3\n');
    userGit(join(home, 'shallow'), ['fsck']);
  });

  it('needs a repository with a commit', async () => {
    const workspace = workspaceOf();
    const plain = plainFolderOf({ a: 'a\n' });
    const patch = await patchOf(workspace, await workspace.capture(plain), { a: 'b\n' });
    await expect(workspace.branch(plain, 'x', patch, 'm')).rejects.toMatchObject({ code: 'repository_invalid', message: expect.stringContaining('not the top of a git repository') });
    userGit(plain, ['init', '-q']);
    await expect(workspace.branch(plain, 'x', patch, 'm')).rejects.toMatchObject({ code: 'repository_invalid', message: expect.stringContaining('no commit') });
  });

  it('says that it cannot work with SHA-256 repositories', async () => {
    const workspace = workspaceOf();
    const folder = join(temporaryFolder(), 'sha256');
    mkdirSync(folder);
    userGit(folder, ['init', '-q', '--object-format=sha256']);
    writeFileSync(join(folder, 'a'), 'a\n');
    userGit(folder, ['add', 'a']);
    userGit(folder, ['commit', '-qm', 'x']);
    const notes: string[] = [];
    const base = await workspace.capture(folder, { onNote: (note) => notes.push(note) });
    expect(await workspace.files(base)).toEqual(['a']);
    await expect(workspace.branch(folder, 'x', await patchOf(workspace, base, { a: 'b\n' }), 'm')).rejects.toMatchObject({ code: 'repository_invalid' });
  });
});
