import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/contracts/index.ts';
import { DockerDriver, Engine } from '../../src/sandbox/docker/index.ts';
import { FolderOwnership } from '../../src/sandbox/folder-ownership.ts';
import { BuiltImages } from '../../src/sandbox/images/built-images.ts';
import { findEngine } from '../../src/sandbox/images/index.ts';
import { pullImage } from '../../src/sandbox/images/pull-image.ts';
import { ids, run, shell, specOf } from '../support/sandbox-commands.ts';
import { Registry } from './images.registry.ts';
import { ImagesRig } from './images.rig.ts';

const DEBIAN = 'FROM debian:bookworm-slim\n';
let rig: ImagesRig;
beforeAll(() => {
  rig = new ImagesRig();
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

describe('an image of the user, by name', () => {
  test('is what the engine has, pinned by its id', async () => {
    const { id, lines, name } = await rig.prepare('debian:bookworm-slim');
    expect(name).toBe('debian:bookworm-slim');
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(lines).toEqual([]);
    expect(await rig.prepare(id)).toMatchObject({ id });
  });

  test('is pulled where the engine does not have it, and its digest is kept', async () => {
    await using registry = await Registry.start();
    const { id, lines } = await rig.prepare(`${registry.host}/thing:1`);
    expect(lines.join('\n')).toContain('Pull complete');
    await using sandbox = await rig.world.driver.create(specOf({ image: id }));
    expect(sandbox.image).toBe(id);
    expect(sandbox.digests).toEqual([`${registry.host}/thing@${registry.digest}`]);
    expect((await sandbox.files.read('/greeting')).toString()).toBe('from a registry\n');
  });

  test('can be pulled by its digest', async () => {
    await using registry = await Registry.start();
    const reference = `${registry.host}/thing@${registry.digest}`;
    expect((await rig.prepare(reference)).reference).toBe(reference);
  });

  test('that the registry does not have is missing, in its words', async () => {
    await using registry = await Registry.start();
    await expect(rig.prepare(`${registry.host}/thing:2`)).rejects.toMatchObject({ code: 'image_missing', message: expect.stringMatching(/thing:2.*manifest unknown/s) as string });
  });

  test('of a registry that refuses is missing', async () => {
    await using registry = await Registry.start((_, response) => void response.writeHead(403).end('no'));
    await expect(rig.prepare(`${registry.host}/thing:1`)).rejects.toMatchObject({ code: 'image_missing' });
  });

  test('of a registry that nobody can find is missing, soon', async () => {
    await expect(rig.prepare('registry.invalid/thing:1')).rejects.toMatchObject({ code: 'image_missing', message: expect.stringContaining('registry.invalid/thing:1') as string });
  });

  test('of a registry that says nothing is given up after a short while', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const docker = await rig.docker();
    const reason = await pullImage(docker, `127.0.0.1:${(silent.address() as AddressInfo).port}/thing:1`, { firstWordMs: 300 });
    silent.close();
    expect(reason).toBe('its registry said nothing within 0.3 s');
  });

  test('by an id is never looked for elsewhere', async () => {
    await expect(rig.prepare(`sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({ code: 'image_missing', message: expect.stringContaining('an id names only what is there') as string });
  });
});

describe('an image by its Dockerfile', () => {
  test('is built with its folder as the context, once', async () => {
    rig.write({ 'once/Dockerfile': `${DEBIAN}COPY greeting /greeting\nENV WHO=me\n`, 'once/greeting': 'hello\n' });
    const first = await rig.prepare('./once/Dockerfile');
    expect(first.name).toBe(`build:${rig.folder}/once/Dockerfile`);
    expect(first.lines.join('\n')).toContain('Step 2');
    await using sandbox = await rig.world.driver.create(specOf({ image: first.id }));
    expect((await shell(sandbox, 'cat /greeting; echo $WHO; pwd; id -u')).stdout).toMatch(/^hello\nme\n\/workspace\n[1-9]\d{4,}\n$/);

    const second = await rig.prepare('./once');
    expect(second).toMatchObject({ id: first.id, reference: first.reference, lines: [] });
  });

  test('is another when the folder changes, and is built again when somebody says so', async () => {
    const before = await rig.build('changing', `${DEBIAN}COPY . /c\n`, { a: '1' });
    const after = await rig.build('changing', `${DEBIAN}COPY . /c\n`, { a: '2' });
    expect(after).not.toBe(before);
    expect((await rig.prepare('./changing', { again: true })).lines.join('\n')).toContain('Using cache');
  });

  test('does not see what .dockerignore leaves out', async () => {
    const id = await rig.build('ignoring', `${DEBIAN}COPY . /c\n`, { '.dockerignore': 'secrets\n*.log\n!kept.log\n', 'secrets/key': 'k', 'a.log': '', 'kept.log': '', 'b.txt': '' });
    await using sandbox = await rig.world.driver.create(specOf({ image: id }));
    expect((await shell(sandbox, 'ls -A /c')).stdout.split('\n').sort()).toEqual(['', '.dockerignore', 'Dockerfile', 'b.txt', 'kept.log']);
  });

  test('that fails says why, with the last lines of the build', async () => {
    rig.write({ 'failing/Dockerfile': `${DEBIAN}RUN echo said before; exit 7\n` });
    await expect(rig.prepare('./failing')).rejects.toMatchObject({ code: 'image_build_failed', message: expect.stringMatching(/failing\/Dockerfile.*returned a non-zero code: 7.*\| said before/s) as string });
  });

  test('that cannot be parsed says so', async () => {
    rig.write({ 'wrong/Dockerfile': `${DEBIAN}COPPY . /\n`, 'bare/Dockerfile': '' });
    await expect(rig.prepare('./wrong')).rejects.toMatchObject({ code: 'image_build_failed', message: expect.stringContaining('COPPY') as string });
    await expect(rig.prepare('./bare')).rejects.toMatchObject({ code: 'image_build_failed' });
  });

  test('that needs BuildKit says what to do', async () => {
    rig.write({ 'modern/Dockerfile': `${DEBIAN}RUN --mount=type=cache,target=/x true\n` });
    await expect(rig.prepare('./modern')).rejects.toMatchObject({ message: expect.stringContaining('build it with `docker build`') as string });
  });

  test('that starts from what is not there is not built', async () => {
    rig.write({ 'rootless/Dockerfile': 'FROM registry.invalid/nothing:1\n' });
    await expect(rig.prepare('./rootless')).rejects.toMatchObject({ code: 'image_build_failed', message: expect.stringContaining('registry.invalid') as string });
  });

  test('too large a context is refused before the engine hears of it', async () => {
    rig.write({ 'large/Dockerfile': DEBIAN, 'large/a': 'x'.repeat(2000) });
    const images = new BuiltImages(await rig.docker(), { entries: 100, bytes: 1000 });
    const path = join(rig.folder, 'large/Dockerfile');
    await expect(images.build({ source: path, dockerfile: path, context: join(rig.folder, 'large') })).rejects.toMatchObject({ code: 'usage' });
  });

  test('ends when it is cancelled, and the engine stops what it was running', async () => {
    rig.write({ 'slow/Dockerfile': `${DEBIAN}RUN sleep 7531\n` });
    const stop = new AbortController();
    const chosen = await rig.images.choose(join(rig.folder, 'slow'));
    const building = chosen.prepare({ signal: stop.signal, onLine: (line) => line.includes('Running in') && stop.abort(new Error('enough')) });
    await expect(building).rejects.toThrow('enough');
    const docker = await rig.docker();
    const running = async (): Promise<unknown[]> => (await docker.listContainers({ all: true })).filter(({ Command }) => Command.includes('sleep 7531'));
    await expect.poll(running, { timeout: 30_000 }).toEqual([]);
  });

  test('is listed with where it came from, and can be removed', async () => {
    await rig.build('listed', `${DEBIAN}LABEL x=y\n`);
    const source = `${rig.folder}/listed/Dockerfile`;
    const found = (await rig.images.listBuilt()).find((image) => image.source === source);
    expect(found?.sizeBytes).toBeGreaterThan(1e6);
    await rig.images.remove(found?.reference ?? '');
    expect((await rig.images.listBuilt()).some((image) => image.source === source)).toBe(false);
    await expect(rig.images.remove(found?.reference ?? '')).rejects.toMatchObject({ code: 'not_found' });
    await expect(rig.images.remove('debian:bookworm-slim')).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('an image by its devcontainer.json', () => {
  test('is built as it says, and gives its environment', async () => {
    rig.write({
      'dev/.devcontainer/devcontainer.json': JSON.stringify({
        build: { dockerfile: '../docker/Dockerfile', context: '..', args: { WHO: 'dev' }, target: 'wanted' },
        containerEnv: { PLACE: '${containerWorkspaceFolder}/x' },
        remoteEnv: { PATH: '${containerEnv:PATH}:/opt/bin', BOTH: '${containerEnv:PLACE}' },
      }),
      'dev/docker/Dockerfile': `${DEBIAN}ENV PATH=/usr/bin:/bin\nFROM scratch AS other\nFROM debian:bookworm-slim AS wanted\nENV PATH=/usr/bin:/bin\nARG WHO\nRUN echo $WHO > /who\nCOPY src/a /a\nFROM scratch\n`,
      'dev/src/a': 'a\n',
    });
    const { id, env, name } = await rig.prepare('./dev');
    expect(name).toBe(`build:${rig.folder}/dev/.devcontainer/devcontainer.json`);
    expect(env).toEqual({ PLACE: '/workspace/x', PATH: '/usr/bin:/bin:/opt/bin', BOTH: '/workspace/x' });
    await using sandbox = await rig.world.driver.create(specOf({ image: id, env }));
    expect((await shell(sandbox, 'cat /who /a; echo $PATH')).stdout).toBe('dev\na\n/usr/bin:/bin:/opt/bin\n');
  });

  test('may name an image, which policy then sees by that name', async () => {
    rig.write({ 'named/devcontainer.json': '{ "image": "debian:bookworm-slim" }', 'ours/devcontainer.json': '{ "image": "python" }' });
    expect(await rig.prepare('./named')).toMatchObject({ name: 'debian:bookworm-slim', env: {} });
    expect((await rig.images.choose(join(rig.folder, 'ours'))).name).toBe('docker.io/library/python');
  });

  test('that names a Dockerfile which is not there says so', async () => {
    rig.write({ 'lost/devcontainer.json': '{ "build": { "dockerfile": "Nowhere" } }' });
    await expect(rig.prepare('./lost')).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(/lost\/devcontainer\.json.*Nowhere/s) as string });
  });
});

describe('an image that goes away', () => {
  test('after it was prepared is missing', async () => {
    const id = await rig.build('going', `${DEBIAN}LABEL going=1\n`);
    await (await rig.docker()).getImage(id).remove({ force: true });
    await expect(rig.world.driver.create(specOf({ image: id }))).rejects.toMatchObject({ code: 'image_missing' });
    expect(await rig.world.remains()).toEqual([]);
  });

  test('between looking and creating is missing, too, and nothing is left', async () => {
    const id = await rig.build('gone', `${DEBIAN}LABEL gone=1\n`);
    /** Somebody removes the image just before it is used. */
    class Unlucky extends Engine {
      override async create(options: Parameters<Engine['create']>[0]): Promise<void> {
        if (options.Image === id) await (await this.client()).getImage(id).remove({ force: true });
        await super.create(options);
      }
    }
    const { stateDir } = rig.world;
    const driver = new DockerDriver({ kind: 'container', engine: new Unlucky(() => findEngine()), stateDir, ownership: new FolderOwnership(stateDir), ids, clock: systemClock, imageReference: async () => (await rig.images.list()).find(({ name }) => name === 'init')?.id ?? '' });
    await expect(driver.create(specOf({ image: id }))).rejects.toMatchObject({ code: 'image_missing', message: expect.stringContaining(id) as string });
    expect(await rig.world.remains()).toEqual([]);
  });
});

test('polyglot has what it promises, and compiles', async () => {
  const { id } = await rig.prepare('polyglot');
  await using sandbox = await rig.world.driver.create(specOf({ image: id, limits: { memoryBytes: 512 * 2 ** 20 } }));
  const tools = ['node', 'npm', 'npx', 'python', 'python3', 'pip', 'pytest', 'gcc', 'g++', 'make', 'cmake', 'ninja', 'pkg-config', 'autoconf', 'git', 'jq', 'zip', 'unzip', 'sqlite3', 'rg', 'patch', 'curl'];
  for (const tool of tools) expect(await run(sandbox, [tool, tool === 'unzip' || tool === 'zip' ? '-v' : '--version']), tool).toMatchObject({ end: { cause: 'exited', exitCode: 0 } });
  await sandbox.files.write('/workspace/CMakeLists.txt', Buffer.from('cmake_minimum_required(VERSION 3.20)\nproject(a CXX)\nadd_executable(a a.cpp)\n'));
  await sandbox.files.write('/workspace/a.cpp', Buffer.from('#include <iostream>\nint main() { std::cout << 6 * 7 << "\\n"; }\n'));
  expect((await shell(sandbox, 'cmake -G Ninja -S . -B out >/dev/null && cmake --build out >/dev/null && out/a')).stdout).toBe('42\n');
  expect((await shell(sandbox, 'python -m venv v && v/bin/python -c "print(1)"')).stdout).toBe('1\n');
});
