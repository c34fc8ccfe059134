import { describe, expect, it } from 'vitest';

import { archiveOf, entryOf, inChunks, plainFolderOf, workspaceOf } from '../unit/workspace/support.ts';

describe('select', () => {
  it('takes files and links that are in the base or not ignored by its rules', async () => {
    const workspace = workspaceOf();
    const base = await workspace.capture(
      plainFolderOf({ '.gitignore': '*.log\n!keep.log\nbuild/\n', 'pkg/.gitignore': '/out\n', src: 's' }),
    );
    const listing = [
      entryOf('.gitignore'),
      entryOf('src'),
      entryOf('new'),
      entryOf('link', 'symlink'),
      entryOf('pkg', 'directory'),
      entryOf('x.log'),
      entryOf('pkg/keep.log'),
      entryOf('build/artifact'),
      entryOf('deep/down/build/artifact'),
      entryOf('build-notes'),
      entryOf('pkg/out/a'),
      entryOf('out'),
      entryOf(':(glob)**'),
    ];
    expect(await workspace.select(base, listing)).toEqual(['.gitignore', 'src', 'new', 'link', 'pkg/keep.log', 'build-notes', 'out', ':(glob)**']);
  });

  it('keeps what the base has even where it is ignored', async () => {
    const workspace = workspaceOf();
    const tar = await archiveOf([
      { name: '.gitignore', content: 'vendor/\n' },
      { name: 'vendor/lib', content: 'l' },
    ]);
    const base = await workspace.store(inChunks(tar), ['.gitignore', 'vendor/lib']);
    expect(await workspace.select(base, [entryOf('vendor/lib'), entryOf('vendor/new')])).toEqual(['vendor/lib']);
  });

  it('leaves out by-products of test runs, unless the rules want them', async () => {
    const workspace = workspaceOf();
    const listing = [entryOf('a.py'), entryOf('__pycache__/a.cpython-311.pyc'), entryOf('.pytest_cache/v/x'), entryOf('web/node_modules/x/index.js')];
    const plain = await workspace.capture(plainFolderOf({ 'a.py': '' }));
    expect(await workspace.select(plain, listing)).toEqual(['a.py']);
    const wanted = await workspace.capture(plainFolderOf({ 'a.py': '', '.gitignore': '!node_modules/\n' }));
    expect(await workspace.select(wanted, listing)).toEqual(['a.py', 'web/node_modules/x/index.js']);
  });

  it('leaves out what no tree holds: .git in any spelling, devices, names that are not UTF-8, git files as links', async () => {
    const workspace = workspaceOf();
    const base = await workspace.capture(plainFolderOf({ a: 'a' }));
    const listing = [
      entryOf('a'),
      entryOf('.git/config'),
      entryOf('sub/.GIT/hooks/pre-commit'),
      entryOf('GIT~1/config'),
      entryOf('x\\.git\\config'),
      entryOf('.gitmodules', 'symlink'),
      entryOf('.gitattributes', 'symlink'),
      { ...entryOf('link', 'symlink'), target: 'latin-\ufffd' },
      entryOf('pipe', 'fifo'),
      entryOf('socket', 'socket'),
      entryOf('disk', 'block'),
      entryOf('tty', 'character'),
      entryOf('latin-\ufffd'),
      entryOf(`${'d/'.repeat(200)}deep`),
    ];
    expect(await workspace.select(base, listing)).toEqual(['a']);
  });

  it.each(['../escape', '/etc/passwd', 'a/../../b', 'a//b', './a', '', 'a\0b'])('refuses a listing with the name %j', async (path) => {
    const workspace = workspaceOf();
    const base = await workspace.capture(plainFolderOf({ a: 'a' }));
    await expect(workspace.select(base, [entryOf(path)])).rejects.toMatchObject({ code: 'archive_hostile' });
  });

  it('refuses a listing that names a file twice, or holds too much', async () => {
    const workspace = workspaceOf({ limits: { maxFiles: 3, maxBytes: 1000, maxFileBytes: 600 } });
    const base = await workspace.capture(plainFolderOf({ a: 'a', '.gitignore': 'big\n' }));
    const refusal = (listing: ReturnType<typeof entryOf>[], why: string) =>
      expect(workspace.select(base, listing)).rejects.toMatchObject({ code: 'archive_hostile', message: expect.stringContaining(why) });
    await refusal([entryOf('a'), entryOf('a')], 'cannot be: "a"');
    await refusal(['a', 'b', 'c', 'd'].map((path) => entryOf(path)), '4 files; 3 are allowed');
    await refusal([entryOf('core', 'file', 601)], '"core" with 601 B');
    await refusal([entryOf('b', 'file', 600), entryOf('c', 'file', 600)], '1.2 KiB; 1000 B are allowed');
    expect(await workspace.select(base, [entryOf('a'), entryOf('big', 'file', 10_000)])).toEqual(['a']);
  });
});

describe('store', () => {
  it('makes a tree of exactly what was asked for', async () => {
    const workspace = workspaceOf();
    const tar = await archiveOf([
      { name: 'd/', type: 'directory' },
      { name: './d/a', content: 'a', mode: 0o755 },
      { name: 'l', type: 'symlink', linkname: '../../outside' },
    ]);
    const tree = await workspace.store(inChunks(tar, 100), ['d/a', 'l']);
    expect(tree).toBe(await workspace.capture(plainFolderOf({ 'd/a': { executable: 'a' }, l: { link: '../../outside' } })));
  });

  it('does not mind what does not change a tree: times, owners, other bits of the mode', async () => {
    const workspace = workspaceOf();
    const one = await archiveOf([{ name: 'a', content: 'a', mode: 0o600, uid: 0, mtime: new Date(0) }]);
    const two = await archiveOf([{ name: 'a', content: 'a', mode: 0o666, uid: 1000, uname: 'x', mtime: new Date() }]);
    expect(await workspace.store(inChunks(one), ['a'])).toBe(await workspace.store(inChunks(two), ['a']));
  });

  it('ends when it is cancelled, although the sandbox sends nothing more', async () => {
    const workspace = workspaceOf();
    const tar = await archiveOf([{ name: 'a', content: 'a'.repeat(10_000) }]);
    const controller = new AbortController();
    const stalled = async function* () {
      yield tar.subarray(0, 5000);
      controller.abort();
      await new Promise(() => undefined);
    };
    await expect(workspace.store(stalled(), ['a'], controller.signal)).rejects.toMatchObject({ code: 'cancelled' });
  });
});
