import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newCredentials } from '../../src/broker/index.ts';
import type { TreeId, Workspace } from '../../src/contracts/index.ts';
import { FolderBlobs } from '../../src/journal/index.ts';
import { GitWorkspaces } from '../../src/workspace/index.ts';
import { OPERATOR, SealedPlace } from '../support/sealed-place.ts';
import { archiveOf, inChunks, plainFolderOf, temporaryFolder, userGit, workspaceOf, writeFiles } from '../unit/workspace/support.ts';

const TENANT = 'acme';

/** Machines that share blobs, and nothing else. */
function shared(blobsFolder = temporaryFolder()) {
  const blobs = new FolderBlobs(blobsFolder);
  const machine = (folder = temporaryFolder(), olderDirs: readonly string[] = []) => new GitWorkspaces({ folder, olderDirs, blobs, credentials: newCredentials });
  return { blobs, blobsFolder, machine };
}

async function changed(workspace: Workspace, tree: TreeId, name: string, content: string, removed: readonly string[] = []): Promise<TreeId> {
  return workspace.update(tree, inChunks(await archiveOf([{ name, content }])), { paths: [name], removed });
}

const text = async (workspace: Workspace, tree: TreeId, path: string): Promise<string | undefined> => (await workspace.read(tree, path))?.toString();

/** A file of each blob, the newest last. */
function blobFiles(folder: string): readonly string[] {
  const files = readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name))).filter((name) => statSync(name).isFile());
  return files.toSorted((one, other) => statSync(one).mtimeMs - statSync(other).mtimeMs);
}

test('a tree of 36 changes is had by another machine, which goes on with it, and by the first one when its own are gone', { timeout: 120_000 }, async () => {
  const { machine, blobsFolder } = shared();
  const [one, other] = [machine(), machine()];
  const folder = plainFolderOf(Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`d${at % 10}/f${at}`, `content of ${at} `.repeat(200)])));
  let tree = await one.of(TENANT).capture(folder);
  const [base = 'none'] = blobFiles(blobsFolder);
  for (let at = 1; at <= 36; at++) tree = await changed(one.of(TENANT), tree, `d${at % 10}/f${at}`, `changed ${at}`, [`d0/f${100 + at * 10}`]);
  const expected = await one.of(TENANT).files(tree);
  const sizes = blobFiles(blobsFolder).map((name) => statSync(name).size);
  expect(sizes).toHaveLength(37);
  // What was changed, and the folders above it: nothing of the other files.
  expect(Math.max(...sizes.slice(1)) * 2).toBeLessThan(statSync(base).size);
  expect(await other.of(TENANT).files(tree)).toEqual(expected);
  expect([await text(other.of(TENANT), tree, 'd7/f7'), await text(other.of(TENANT), tree, 'd1/f51')]).toEqual(['changed 7', 'content of 51 '.repeat(200)]);
  const further = await changed(other.of(TENANT), tree, 'new/file', 'elsewhere');
  await one.forget(TENANT);
  expect(await one.of(TENANT).files(further)).toEqual([...expected, 'new/file']);
  expect((await one.of(TENANT).diff(tree, further)).files).toEqual([{ path: 'new/file', change: 'added', binary: false }]);
});

test('a repository that is captured again is kept as what is new since the first time in the month, and whole in the next', async () => {
  let nowMs = Date.UTC(2026, 10, 3);
  const { blobs, blobsFolder, machine } = shared();
  const one = new GitWorkspaces({ folder: temporaryFolder(), blobs, credentials: newCredentials, clock: { now: () => nowMs } }).of(TENANT);
  const folder = plainFolderOf(Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`f${at}`, Array.from({ length: 100 }, (__, place) => (at * place * 7919) % 10_007).join(' ')])));
  const sizes: number[] = [];
  const capture = async (): Promise<TreeId> => {
    const tree = await one.capture(folder);
    sizes.push(...blobFiles(blobsFolder).slice(sizes.length).map((file) => statSync(file).size));
    return tree;
  };
  const first = await capture();
  expect(await capture()).toBe(first);
  writeFiles(folder, { f7: 'changed' });
  const second = await capture();
  nowMs = Date.UTC(2026, 11, 1);
  const third = await capture();
  expect([third.split('.')[0] === second.split('.')[0], third === second]).toEqual([true, false]);
  const [whole = 0, since = whole, again = 0] = sizes;
  expect([sizes.length, since * 2 < whole, again * 1.1 > whole]).toEqual([3, true, true]);
  // What nobody can read is not stood on.
  for (const file of blobFiles(blobsFolder)) rmSync(file);
  writeFiles(folder, { f8: 'changed' });
  const fourth = await capture();
  expect([await text(machine().of(TENANT), fourth, 'f8'), await text(machine().of(TENANT), fourth, 'f0')]).toEqual(['changed', '0 '.repeat(100).trim()]);
});

test('a pack has what its tree has, whatever else the store knew', async () => {
  const { machine } = shared();
  const one = machine().of(TENANT);
  const folder = plainFolderOf({ a: 'first' });
  // Enough for a pack of their own, which git does not write again.
  const others = plainFolderOf(Object.fromEntries(Array.from({ length: 150 }, (_, at) => [`f${at}`, `other ${at}`])));
  await one.capture(others);
  const tree = await changed(one, await one.capture(folder), 'b', 'other 7');
  expect(await text(machine().of(TENANT), tree, 'b')).toBe('other 7');
});

test('a store that is removed or half-made is filled again', async () => {
  const { machine } = shared();
  const folder = temporaryFolder();
  const one = machine(folder).of(TENANT);
  const tree = await one.capture(plainFolderOf({ a: 'first', 'b/c': 'second' }));
  rmSync(join(folder, `${TENANT}.git`), { recursive: true });
  expect(await one.files(tree)).toEqual(['a', 'b/c']);
  // As a process leaves it that is killed while it fetches: objects, and no word that they are all.
  rmSync(join(folder, `${TENANT}.git`, 'whole'), { recursive: true });
  for (const name of readdirSync(join(folder, `${TENANT}.git`, 'objects')).slice(0, 1)) rmSync(join(folder, `${TENANT}.git`, 'objects', name), { recursive: true });
  expect(await text(one, tree, 'b/c')).toBe('second');
});

test.each([
  ['is missing', 'not_found', (file: string) => rmSync(file)],
  ['was altered', 'journal_tampered', (file: string) => writeFileSync(file, readFileSync(file).subarray(0, -20))],
])('where a blob %s the error says which tree cannot be had, and nothing is taken for it', async (_, code, harm) => {
  const { machine, blobsFolder } = shared();
  const one = machine().of(TENANT);
  const base = await one.capture(plainFolderOf({ a: 'first' }));
  const tree = await changed(one, base, 'b', 'second');
  harm(blobFiles(blobsFolder).at(-1) ?? 'none');
  const other = machine().of(TENANT);
  for (let attempt = 1; attempt <= 2; attempt++) await expect(other.files(tree)).rejects.toMatchObject({ code, message: expect.stringContaining(tree), details: { tree } });
  expect(await text(other, base, 'a')).toBe('first');
});

test('a tree is its tenant’s own, and of one who is erased no machine has it any more', async () => {
  using place = new SealedPlace();
  await using at = place.open();
  const machine = () => new GitWorkspaces({ folder: temporaryFolder(), blobs: at.blobs, credentials: newCredentials });
  const tree = await machine().of(TENANT).capture(plainFolderOf({ a: 'first' }));
  expect(await machine().of(TENANT).files(tree)).toEqual(['a']);
  await expect(machine().of('umbrella').files(tree)).rejects.toMatchObject({ code: 'not_found', message: expect.stringContaining(tree) });
  await at.tenants.erase(TENANT, OPERATOR);
  await expect(machine().of(TENANT).files(tree)).rejects.toMatchObject({ code: 'erased', message: expect.stringContaining(tree) });
});

test('trees of an older version are read where they are, and what is made on top of them is kept whole', async () => {
  const { machine } = shared();
  const olderDir = join(temporaryFolder(), 'trees.git');
  const older = await workspaceOf({ storeDir: olderDir }).capture(plainFolderOf({ a: 'first', 'b/c': 'second' }));
  expect(older).toMatch(/^[0-9a-f]{40}$/);
  const upgraded = machine(temporaryFolder(), [temporaryFolder(), olderDir]).of(TENANT);
  const tree = await changed(upgraded, older, 'd', 'third');
  expect(await upgraded.files(older)).toEqual(['a', 'b/c']);
  const other = machine().of(TENANT);
  expect([await other.files(tree), await text(other, tree, 'b/c')]).toEqual([['a', 'b/c', 'd'], 'second']);
  await expect(other.files(older)).rejects.toMatchObject({ code: 'not_found', message: expect.stringContaining(older) });
});

test('a blob is a line and a pack that git reads', async () => {
  const { machine, blobsFolder } = shared();
  const one = machine().of(TENANT);
  const tree = await changed(one, await one.capture(plainFolderOf({ a: 'first' })), 'b', 'second');
  const repository = temporaryFolder();
  userGit(repository, ['init', '-q']);
  for (const file of blobFiles(blobsFolder)) {
    const bytes = readFileSync(file);
    writeFiles(repository, { pack: bytes.subarray(bytes.indexOf('\n') + 1) });
    userGit(repository, ['index-pack', '-o', `.git/objects/pack/pack-${bytes.length}.idx`, 'pack']);
    writeFiles(join(repository, '.git/objects/pack'), { [`pack-${bytes.length}.pack`]: bytes.subarray(bytes.indexOf('\n') + 1) });
  }
  expect(userGit(repository, ['ls-tree', '-r', '--name-only', tree.slice(0, 40)])).toBe('a\nb\n');
});
