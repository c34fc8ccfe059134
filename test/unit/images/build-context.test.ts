import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { extract, pack } from 'tar-stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BuildContext } from '../../../src/sandbox/images/build-context.ts';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'glovebox-context-')));
  write('Dockerfile', 'FROM scratch\n');
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(path: string, text = path): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

const read = (): Promise<BuildContext> => BuildContext.read(folder, join(folder, 'Dockerfile'));

/** Sent to nobody. */
function send(context: BuildContext): Promise<void> {
  const tar = pack();
  tar.on('error', () => {});
  return context.fill(tar, AbortSignal.timeout(10_000));
}

/** Names in the context, with contents of files and targets of links. */
async function entries(context: BuildContext): Promise<Record<string, string>> {
  const tar = pack();
  const unpacking = extract();
  tar.pipe(unpacking);
  const filling = context.fill(tar, AbortSignal.timeout(10_000)).then(() => tar.finalize());
  const found: Record<string, string> = {};
  for await (const entry of unpacking) {
    let text = '';
    for await (const chunk of entry) text += String(chunk);
    found[entry.header.name] = entry.header.type === 'symlink' ? `-> ${entry.header.linkname}` : text;
  }
  await filling;
  return found;
}

test('what .dockerignore leaves out is not there, except the Dockerfile itself', async () => {
  for (const path of ['keep.txt', 'node_modules/a/index.js', 'src/a.ts', 'src/a.test.ts', 'docs/a.md', 'docs/kept.md', 'Thing.log']) write(path);
  write('.dockerignore', '# comment\nnode_modules\n**/*.test.ts\ndocs\n!docs/kept.md\nDockerfile\n*.LOG\n');
  expect(Object.keys(await entries(await read()))).toEqual(['.dockerignore', 'Dockerfile', 'Thing.log', 'docs/kept.md', 'keep.txt', 'src', 'src/a.ts']);
});

test("the Dockerfile's own rules come before the folder's", async () => {
  for (const path of ['a', 'b']) write(path);
  write('.dockerignore', 'a\n');
  write('Dockerfile.dockerignore', 'b\n');
  const names = Object.keys(await entries(await read()));
  expect(names).toContain('a');
  expect(names).not.toContain('b');
});

test('the hash is that of names, modes and contents', async () => {
  write('a', 'one');
  const { hash } = await read();
  utimesSync(join(folder, 'a'), 1, 1);
  expect((await read()).hash).toBe(hash);
  write('a', 'two');
  const changed = (await read()).hash;
  expect(changed).not.toBe(hash);
  write('a', 'one');
  expect((await read()).hash).toBe(hash);
  chmodSync(join(folder, 'a'), 0o755);
  expect((await read()).hash).not.toBe(hash);
});

test('what is left out does not change the hash', async () => {
  write('.dockerignore', 'log\n');
  write('log', '1');
  const { hash } = await read();
  write('log', '2');
  expect((await read()).hash).toBe(hash);
});

test('links are sent as links, wherever they lead, and not followed', async () => {
  symlinkSync('/etc', join(folder, 'etc'));
  symlinkSync('a', join(folder, 'b'));
  const found = await entries(await read());
  expect(found).toMatchObject({ etc: '-> /etc', b: '-> a' });
  expect(Object.keys(found).some((name) => name.startsWith('etc/'))).toBe(false);
});

test('a Dockerfile from outside of the context is sent along', async () => {
  write('app/x');
  const context = await BuildContext.read(join(folder, 'app'), join(folder, 'Dockerfile'));
  expect((await entries(context))[context.dockerfile]).toBe('FROM scratch\n');
});

test('a context without end is refused before it is read', async () => {
  for (let i = 0; i < 5; i++) write(`f${i}`, 'x'.repeat(100));
  const bounded = (entries: number, bytes: number): Promise<BuildContext> => BuildContext.read(folder, join(folder, 'Dockerfile'), { bounds: { entries, bytes } });
  await expect(bounded(3, 1e6)).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('.dockerignore') as string });
  await expect(bounded(100, 250)).rejects.toMatchObject({ code: 'usage' });
  await expect(bounded(6, 600)).resolves.toBeDefined();
});

test('a pipe is refused by its name, and nobody waits for a writer', async () => {
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  await expect(read()).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining(join(folder, 'pipe')) as string });
  write('.dockerignore', 'pipe\n');
  expect(Object.keys(await entries(await read()))).not.toContain('pipe');
});

test.each([
  ['other contents', 'two'],
  ['less', ''],
  ['more', 'one and a half'],
])('a file that changed to %s since it was hashed ends the build', async (_, text) => {
  write('a', 'one');
  const context = await read();
  write('a', text);
  await expect(send(context)).rejects.toMatchObject({ code: 'image_build_failed', message: expect.stringContaining(join(folder, 'a')) as string });
});

test('a file that is gone since it was hashed ends the build', async () => {
  write('a');
  const context = await read();
  rmSync(join(folder, 'a'));
  await expect(send(context)).rejects.toMatchObject({ code: 'image_build_failed' });
});

test('reading stops when it is cancelled', async () => {
  await expect(BuildContext.read(folder, join(folder, 'Dockerfile'), { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
});

test('large files arrive whole', async () => {
  write('large', 'x'.repeat(3 * 2 ** 20));
  expect((await entries(await read()))['large']).toBe(readFileSync(join(folder, 'large'), 'utf8'));
});
