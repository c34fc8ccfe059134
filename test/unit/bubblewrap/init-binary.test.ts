import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { InitBinary } from '../../../src/sandbox/init-binary.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'init-binary-'));
  mkdirSync(join(folder, 'sources/init'), { recursive: true });
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'sources/init/main.c'), 'int main;');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The start of a program for a machine, and something to know it by. */
function program(machine: 'x64' | 'arm64' | 's390x', mark: string): Buffer {
  const bytes = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), Buffer.alloc(60), Buffer.from(mark)]);
  bytes.writeUInt16LE({ x64: 62, arm64: 183, s390x: 22 }[machine], 18);
  return bytes;
}
const here = process.arch === 'arm64' ? 'arm64' : 'x64';

function tool(name: string, script: string): void {
  writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'bin', name), 0o755);
}

/** A compiler that makes the program named in the folder's file `built`. */
function compiler(): void {
  writeFileSync(join(folder, 'built'), program(here, 'compiled'));
  tool('cc', 'exit 0');
  tool('make', `[ "$1" = -C ] && [ -e "$2/main.c" ] && /bin/cp ${join(folder, 'built')} "$2/glovebox-init"`);
}

function initBinary(extract?: (reference: string) => Promise<Buffer | undefined>): InitBinary {
  return new InitBinary({
    stateDir: join(folder, 'state'),
    sources: join(folder, 'sources'),
    searchPath: join(folder, 'bin'),
    ...(extract && { extract }),
  });
}

const content = async (init: InitBinary): Promise<string> => readFileSync(await init.path()).subarray(64).toString();

test('an engine\'s image is asked first, by the hash of the source', async () => {
  compiler();
  const asked: string[] = [];
  const init = initBinary(async (reference) => {
    asked.push(reference);
    return program(here, 'extracted');
  });
  expect(await content(init)).toBe('extracted');
  expect(asked).toEqual([expect.stringMatching(/^glovebox\/init:[0-9a-f]{12}$/)]);
  expect(await init.path()).toBe(join(folder, 'state/init', asked[0]!.slice(-12), 'glovebox-init'));
  expect(statSync(await init.path()).mode & 0o777).toBe(0o755);
});

test('what is kept is not made again', async () => {
  expect(await content(initBinary(async () => program(here, 'first')))).toBe('first');
  const never = initBinary(async () => {
    throw new Error('asked again');
  });
  expect(await content(never)).toBe('first');
  expect(await never.obtainable()).toEqual({ ok: true, detail: 'glovebox-init is built' });
});

test('another source is another program', async () => {
  const first = await initBinary(async () => program(here, 'first')).path();
  writeFileSync(join(folder, 'sources/init/main.c'), 'int main2;');
  expect(await initBinary(async () => program(here, 'second')).path()).not.toBe(first);
});

test('without an image it is compiled, in a copy that goes away', async () => {
  compiler();
  expect(await content(initBinary(async () => undefined))).toBe('compiled');
  expect(readdirSync(join(folder, 'sources/init'))).toEqual(['main.c']);
  expect(readdirSync(join(folder, 'state/init')).filter((name) => name.startsWith('build-'))).toEqual([]);
});

test('a program for the engine\'s machine, which is not ours, is not used', async () => {
  compiler();
  expect(await content(initBinary(async () => program('s390x', 'extracted')))).toBe('compiled');
  expect(await content(initBinary(async () => Buffer.from('not found')))).toBe('compiled');
});

test('a compiler that fails is quoted, and leaves nothing', async () => {
  compiler();
  tool('make', 'echo "main.c:1: no such luck" >&2; exit 2');
  await expect(initBinary().path()).rejects.toMatchObject({ code: 'image_build_failed', message: expect.stringContaining('main.c:1: no such luck') as string });
  expect(readdirSync(join(folder, 'state/init'))).toEqual([]);
});

test('with neither image nor compiler it is said what to install', async () => {
  const init = initBinary(async () => undefined);
  await expect(init.path()).rejects.toMatchObject({ code: 'image_missing', message: expect.stringContaining('apt-get install make musl-tools') as string });
  expect(await init.obtainable()).toMatchObject({ ok: false, detail: expect.stringContaining('glovebox images build') as string });
  expect(existsSync(join(folder, 'state'))).toBe(false);
});
