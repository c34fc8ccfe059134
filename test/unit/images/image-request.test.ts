import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readImageName, readImageRequest } from '../../../src/sandbox/images/image-request.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'glovebox-request-')));
beforeAll(() => {
  for (const path of ['docker/Dockerfile', 'both/Dockerfile', 'both/.devcontainer/devcontainer.json', 'dev/devcontainer.json', 'dev/Dockerfile', 'hidden/.devcontainer.json', 'empty/x', 'Dockerfile.test', 'tool.Dockerfile']) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), '');
  }
  symlinkSync(join(folder, 'docker/Dockerfile'), join(folder, 'linked'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('--image', () => {
  test.each(['base', 'node', 'python', 'data', 'polyglot'])('%s is ours', async (name) => {
    expect(await readImageRequest(name, folder)).toEqual({ kind: 'own', name });
  });

  test.each([
    'debian',
    'debian:bookworm-slim',
    'ghcr.io/owner/tool:1.2',
    'localhost/thing',
    'registry:5000/a/b__c/d-e.f:T_1',
    'node:22',
    `debian@sha256:${'a'.repeat(64)}`,
    `registry.test/x:1@sha256:${'0'.repeat(64)}`,
    `sha256:${'f'.repeat(64)}`,
    'docker/dev',
  ])('%s is a reference', async (reference) => {
    expect(await readImageRequest(reference, folder)).toEqual({ kind: 'reference', reference });
  });

  test.each(['', ' ', 'Debian', 'a b', '-x', 'x:', 'x:-1', 'a//b', 'build:/etc/Dockerfile', 'x@sha256:12', 'a'.repeat(600), 'x\n', 'http://registry.test/x'])('%j is neither a name nor a path', async (text) => {
    await expect(readImageRequest(text, folder)).rejects.toMatchObject({ code: 'usage' });
  });

  test.each([
    ['./docker/Dockerfile', 'dockerfile', 'docker/Dockerfile'],
    ['docker/Dockerfile', 'dockerfile', 'docker/Dockerfile'],
    ['./docker', 'dockerfile', 'docker/Dockerfile'],
    ['Dockerfile.test', 'dockerfile', 'Dockerfile.test'],
    ['tool.Dockerfile', 'dockerfile', 'tool.Dockerfile'],
    ['./linked', 'dockerfile', 'docker/Dockerfile'],
    ['dev/devcontainer.json', 'devcontainer', 'dev/devcontainer.json'],
    ['./dev', 'devcontainer', 'dev/devcontainer.json'],
    ['./hidden', 'devcontainer', 'hidden/.devcontainer.json'],
    ['both/Dockerfile', 'dockerfile', 'both/Dockerfile'],
    [join(folder, 'docker'), 'dockerfile', 'docker/Dockerfile'],
  ])('%s is a %s', async (text, kind, path) => {
    expect(await readImageRequest(text, folder)).toEqual({ kind, path: join(folder, path) });
  });

  test('says what is missing, and what cannot be told apart', async () => {
    await expect(readImageRequest('./nothing', folder)).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining(join(folder, 'nothing')) as string });
    await expect(readImageRequest('./empty', folder)).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('neither a Dockerfile nor a devcontainer.json') as string });
    await expect(readImageRequest('./both', folder)).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('.devcontainer/devcontainer.json and Dockerfile') as string });
  });
});

test('a policy names no path', () => {
  expect(() => readImageName('./Dockerfile')).toThrow(/no name of an image/);
  expect(() => readImageName('build:/srv/Dockerfile')).toThrow(/no name of an image/);
});
