import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { extract, type Header } from 'tar-stream';
import { describe, expect, it } from 'vitest';

import { archiveOf, END_OF_ARCHIVE, headerBlock, inChunks, padded, temporaryFolder, workspaceOf } from '../unit/workspace/support.ts';

interface Hostile {
  readonly entries: readonly (Partial<Header> & { readonly name: string; content?: string })[];
  readonly paths: readonly string[];
  readonly why: string;
}

const limits = { maxFiles: 10, maxBytes: 1000, maxFileBytes: 600 };

const SHAPES: Readonly<Record<string, Hostile>> = {
  'a name with ..': { entries: [{ name: '../escape', content: 'x' }], paths: ['a'], why: '"../escape"' },
  'a name with .. that was asked for': { entries: [{ name: '../escape', content: 'x' }], paths: ['../escape'], why: '"../escape"' },
  'an absolute name': { entries: [{ name: '/etc/cron.d/x', content: 'x' }], paths: ['/etc/cron.d/x'], why: '"/etc/cron.d/x"' },
  'a hook': { entries: [{ name: '.git/hooks/post-checkout', content: 'x', mode: 0o755 }], paths: ['.git/hooks/post-checkout'], why: 'holds a .git' },
  'a hook on a system without case': { entries: [{ name: 'sub/.GIT/config', content: 'x' }], paths: ['sub/.GIT/config'], why: 'holds a .git' },
  'a hard link': { entries: [{ name: 'a', type: 'link', linkname: '/etc/shadow' }], paths: ['a'], why: 'type "1": "a"' },
  'a character device': { entries: [{ name: 'a', type: 'character-device' }], paths: ['a'], why: 'type "3": "a"' },
  'a block device': { entries: [{ name: 'a', type: 'block-device' }], paths: ['a'], why: 'type "4": "a"' },
  'a FIFO': { entries: [{ name: 'a', type: 'fifo' }], paths: ['a'], why: 'type "6": "a"' },
  'an entry that was not asked for': { entries: [{ name: 'a', content: 'a' }, { name: 'b', content: 'b' }], paths: ['a'], why: 'not asked for: "b"' },
  'an entry twice': { entries: [{ name: 'a', content: '1' }, { name: 'a', content: '2' }], paths: ['a'], why: 'twice: "a"' },
  'an entry twice in two spellings': { entries: [{ name: 'a', content: '1' }, { name: './a', content: '2' }], paths: ['a'], why: 'twice: "a"' },
  'a missing entry': { entries: [{ name: 'a', content: 'a' }], paths: ['a', 'b'], why: 'asked for: "b"' },
  'a file in a file': { entries: [{ name: 'a', content: 'a' }, { name: 'a/b', content: 'b' }], paths: ['a', 'a/b'], why: 'file in a file: "a/b"' },
  'a file behind a link': { entries: [{ name: 'l', type: 'symlink', linkname: '/etc' }, { name: 'l/x', content: 'x' }], paths: ['l', 'l/x'], why: 'file in a file: "l/x"' },
  'a link for .gitmodules': { entries: [{ name: '.gitmodules', type: 'symlink', linkname: 'x' }], paths: ['.gitmodules'], why: '".gitmodules"' },
  'a link to nothing': { entries: [{ name: 'l', type: 'symlink', linkname: '' }], paths: ['l'], why: 'usable target: "l"' },
  'a file beyond the limit': { entries: [{ name: 'a', content: 'x'.repeat(601) }], paths: ['a'], why: '601 B: "a"' },
  'files beyond the limit together': { entries: [{ name: 'a', content: 'x'.repeat(600) }, { name: 'b', content: 'x'.repeat(600) }], paths: ['a', 'b'], why: 'more than 1000 B at "b"' },
  'more files than allowed': { entries: [], paths: Array.from({ length: 11 }, (_, index) => String(index)), why: '11 files; 10 are allowed' },
};

describe('an archive from a sandbox is refused when it holds', () => {
  it.each(Object.keys(SHAPES))('%s', async (name) => {
    const { entries, paths, why } = SHAPES[name]!;
    const tar = entries.some(({ linkname }) => linkname === '') ? Buffer.concat([headerBlock({ name: 'l', type: '2' }), END_OF_ARCHIVE]) : await archiveOf(entries);
    await expect(workspaceOf({ limits }).store(inChunks(tar), paths)).rejects.toMatchObject({ code: 'archive_hostile', message: expect.stringContaining(why) });
  });

  it('folders without end', async () => {
    const folders = async function* () {
      for (let index = 0; ; index++) yield headerBlock({ name: `d${index}/`, type: '5' });
    };
    await expect(workspaceOf({ limits }).store(folders(), ['a'])).rejects.toMatchObject({ code: 'archive_hostile', message: expect.stringContaining('too many folders') });
  });

  it('zeros without end', async () => {
    const zeros = async function* () {
      for (;;) yield Buffer.alloc(65_536);
    };
    await expect(workspaceOf({ limits }).store(zeros(), [])).rejects.toMatchObject({ code: 'archive_hostile' });
  });

  it('less than it announces, with the entry named', async () => {
    const tar = await archiveOf([{ name: 'a', content: 'x'.repeat(500) }]);
    await expect(workspaceOf().store(inChunks(tar.subarray(0, 700)), ['a'])).rejects.toMatchObject({ code: 'archive_hostile', message: 'the archive is cut off in "a"', details: { entry: 'a' } });
  });

  it('control characters in a name: the message shows them escaped', async () => {
    const tar = await archiveOf([{ name: 'a\u001b[2Jb\nfake log line', content: 'x' }]);
    await expect(workspaceOf().store(inChunks(tar), [])).rejects.toThrow(String.raw`"a\u001b[2Jb\nfake log line"`);
  });
});

describe('records before headers', () => {
  const keys = Array.from({ length: 60_000 }, (_, index) => {
    const rest = ` k${index}=\n`;
    const length = rest.length + 2;
    return `${length >= 10 && String(length).length === 2 ? length : rest.length + 1}${rest}`;
  }).join('');
  const global = Buffer.from(keys);
  const bomb = Buffer.concat([
    headerBlock({ type: 'g', size: global.length }),
    padded(global),
    ...Array.from({ length: 30 }, () => [headerBlock({ type: 'x', size: 7 }), padded(Buffer.from('7 a=bc\n'))]).flat(),
    END_OF_ARCHIVE,
  ]);

  it('cost nothing, although they are a bomb to a reader that merges them', async () => {
    const start = performance.now();
    await expect(workspaceOf().store(inChunks(bomb), [])).rejects.toMatchObject({ code: 'archive_hostile', message: expect.stringContaining('type "g"') });
    const ours = performance.now() - start;
    const reader = extract();
    const merged = Promise.withResolvers<void>();
    reader.on('close', () => merged.resolve());
    reader.on('error', () => merged.resolve());
    const before = performance.now();
    reader.end(bomb);
    await merged.promise;
    expect(performance.now() - before).toBeGreaterThan(ours);
  });
});

it('a refused archive leaves no tree, no half-made pack and no scratch folder behind', async () => {
  const home = temporaryFolder();
  const workspace = workspaceOf({ storeDir: join(home, 'store'), limits });
  const tar = await archiveOf([{ name: 'a', content: 'a' }, { name: '../b', content: 'b' }]);
  await expect(workspace.store(inChunks(tar), ['a'])).rejects.toMatchObject({ code: 'archive_hostile' });
  expect(readdirSync(join(home, 'store/scratch'))).toEqual([]);
  expect(readdirSync(join(home, 'store/objects'))).toEqual([]);
  expect(readdirSync(home)).toEqual(['store']);
});

it('what GNU tar writes in pax format is read', async () => {
  const folder = join(temporaryFolder(), 'in');
  mkdirSync(join(folder, 'd'.repeat(120)), { recursive: true });
  execFileSync('sh', ['-c', `cd ${folder} && echo hi > ${'d'.repeat(120)}/ä && ln -s ä ${'d'.repeat(120)}/l`]);
  const tar = execFileSync('tar', ['--format=pax', '-C', folder, '-cf', '-', '.']);
  const paths = [`${'d'.repeat(120)}/l`, `${'d'.repeat(120)}/ä`];
  const workspace = workspaceOf();
  expect(await workspace.files(await workspace.store(inChunks(tar), paths))).toEqual(paths);
});
