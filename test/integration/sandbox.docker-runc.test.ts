import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { containerName } from '../../src/sandbox/docker/labels.ts';
import { run, shell, specOf } from '../support/sandbox-commands.ts';
import { DockerWorld } from '../support/sandbox-docker.ts';
import { sandboxSuite } from './sandbox.suite.ts';
import { FolderOwnership } from '../../src/sandbox/folder-ownership.ts';

sandboxSuite('containers on runc', async () => new DockerWorld('container'));

let world: DockerWorld;
beforeAll(() => {
  world = new DockerWorld('container');
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('an image with nothing of ours in it works as well', async () => {
  await using sandbox = await world.driver.create(specOf({ image: 'debian:bookworm-slim' }));
  expect(sandbox.image).toMatch(/^sha256:/);
  expect((await shell(sandbox, 'cat /etc/debian_version; pwd; touch x; echo $HOME')).stdout).toMatch(/^12[^]*\/workspace\n\/home\/sandbox\n$/);
  await sandbox.files.write('/workspace/f', Buffer.from('f'));
  expect((await run(sandbox, ['cat', 'f'])).stdout).toBe('f');
});

test('an image that is missing is named, with what to do', async () => {
  await expect(world.driver.create(specOf({ image: 'nowhere.invalid/nothing:1' }))).rejects.toMatchObject({ code: 'image_missing', message: expect.stringContaining('nowhere.invalid/nothing:1') as string });
  expect(await world.remains()).toEqual([]);
});

test('a start that the engine refuses says why, and leaves nothing', async () => {
  // Less memory than the engine gives to anything: it is refused when it is made.
  const tooSmall = world.driver.create(specOf({ limits: { memoryBytes: 1024 } }));
  await expect(tooSmall).rejects.toMatchObject({ code: 'engine_failed', message: expect.stringMatching(/memory/i) as string });
  // A workspace that cannot be mounted: it is refused when it is started.
  const unmountable = world.driver.create(specOf({ limits: { diskBytes: -1 } }));
  await expect(unmountable).rejects.toMatchObject({ code: 'sandbox_start_failed' });
  expect(await world.remains()).toEqual([]);
});

test('the engine is told no secret, and keeps every limit', async () => {
  await using sandbox = await world.driver.create(specOf({ env: { TOKEN: 'canary-7f3a' } }));
  const seen = await world.engine.container(containerName(sandbox.id));
  const state = JSON.parse(readFileSync(join(world.stateDir, 'sandboxes', `${sandbox.id}.json`), 'utf8')) as { toGuest: string; fromGuest: string };
  for (const secret of [state.toGuest, state.fromGuest, 'canary-7f3a', world.stateDir]) expect(JSON.stringify(seen)).not.toContain(secret);
  expect(seen?.HostConfig).toMatchObject({
    AutoRemove: true,
    CapDrop: ['ALL'],
    IpcMode: 'private',
    LogConfig: { Type: 'none' },
    Memory: 256 * 2 ** 20,
    MemorySwap: 256 * 2 ** 20,
    NanoCpus: 2e9,
    NetworkMode: 'none',
    PidsLimit: 64,
    Privileged: false,
    ReadonlyRootfs: true,
    SecurityOpt: ['no-new-privileges'],
  });
});

test('an engine that is not there is said to be so', async () => {
  const { Engine, DockerDriver } = await import('../../src/sandbox/docker/index.ts');
  const engine = new Engine(async () => ({ state: 'missing', tried: ['unix:///nowhere.sock'] }));
  const driver = new DockerDriver({ kind: 'container', engine, stateDir: world.stateDir, ownership: new FolderOwnership(world.stateDir), ids: { next: () => 'x' as never }, clock: { now: () => 0 }, imageReference: async (name) => name });
  expect(await driver.status()).toMatchObject({ available: false, detail: expect.stringContaining('/nowhere.sock') as string });
  await expect(driver.create(specOf())).rejects.toMatchObject({ code: 'engine_unavailable' });
});
