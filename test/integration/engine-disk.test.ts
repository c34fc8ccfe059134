import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/contracts/index.ts';
import type { GloveboxError } from '../../src/contracts/index.ts';
import { DockerDriver } from '../../src/sandbox/docker/index.ts';
import type { Engine } from '../../src/sandbox/docker/index.ts';
import { Label } from '../../src/sandbox/docker/labels.ts';
import { FolderOwnership } from '../../src/sandbox/folder-ownership.ts';
import { OperatorImages, SandboxImages } from '../../src/sandbox/images/index.ts';
import { OwnImages } from '../../src/sandbox/own-images.ts';
import { SandboxState } from '../../src/sandbox/state.ts';
import { OwnEngine } from '../support/own-engine.ts';
import { ids, run, specOf } from '../support/sandbox-commands.ts';
import { DockerWorld } from '../support/sandbox-docker.ts';

const GiB = 2 ** 30;
/** What an engine refuses is refused at once. */
const PROMPT_MS = 15_000;
const DEADLINE_MS = 120_000;

describe.skipIf(OwnEngine.missing !== undefined)('an engine whose disk is full', () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'engine-disk-'));
  let own: OwnEngine;
  let engine: Engine;
  let driver: DockerDriver;
  const driverOn = (): DockerDriver => {
    const images = new OwnImages(async () => new SandboxImages(await engine.client()));
    return new DockerDriver({ kind: 'container', engine, stateDir, ownership: new FolderOwnership(stateDir), ids, clock: systemClock, imageReference: (name) => images.reference(name) });
  };
  const images = (): OperatorImages => new OperatorImages(() => engine.client());

  beforeAll(async () => {
    own = new OwnEngine({ diskBytes: GiB });
    await own.start();
    engine = own.client();
    driver = driverOn();
    await using world = new DockerWorld('container');
    for (const name of ['init', 'base'] as const) await own.load(await world.images.reference(name));
  }, DEADLINE_MS);
  afterAll(async () => {
    await own[Symbol.asyncDispose]();
    rmSync(stateDir, { recursive: true });
  }, DEADLINE_MS);

  /** Whatever there is of ours on the engine and in the state folder. */
  async function remains(): Promise<string[]> {
    const docker = await engine.client();
    const { Volumes } = await docker.listVolumes();
    return [
      ...(await docker.listContainers({ all: true })).map(({ Names, State }) => `${Names.join()} ${State}`),
      ...(Volumes ?? []).map(({ Name }) => Name),
      ...(await docker.listImages({ all: true })).map(({ Id, RepoTags }) => `${Id} ${RepoTags?.join()}`).toSorted(),
      ...SandboxState.list(stateDir).states.map(({ id }) => id),
    ];
  }

  /** But for so much, for as long as it is not disposed of. */
  function fill(roomBytes = 0): Disposable {
    const file = join(own.dataRoot, 'filler');
    const { bavail, bsize } = statfsSync(own.dataRoot);
    execFileSync('fallocate', ['--length', String(bavail * bsize - roomBytes), file]);
    if (roomBytes > 0) return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
    expect(() => writeFileSync(join(own.dataRoot, 'more'), Buffer.alloc(8192))).toThrow('ENOSPC');
    rmSync(join(own.dataRoot, 'more'));
    return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
  }

  async function initVolumes(): Promise<string[]> {
    return (await engine.volumes(Label.init)).map(({ Name }) => Name);
  }

  async function forgetInit(): Promise<void> {
    for (const name of await initVolumes()) expect(await engine.removeVolume(name)).toBe(true);
  }

  async function refusal(work: () => Promise<unknown>): Promise<GloveboxError> {
    const startedMs = performance.now();
    const error = await work().then(() => 'nothing went wrong', (thrown: unknown) => thrown);
    expect(performance.now() - startedMs).toBeLessThan(PROMPT_MS);
    expect(error).toMatchObject({ name: 'GloveboxError' });
    return error as GloveboxError;
  }

  test('opens no sandbox, says what to do, keeps nothing, and opens one when there is room', async () => {
    const before = await remains();
    {
      using _ = fill();
      for (const each of [driver, driverOn()]) expect(await refusal(() => each.create(specOf()))).toMatchObject({ code: 'disk_full', message: expect.stringMatching(/its disk is full.*docker system df/s) as string });
      expect(await remains()).toEqual(before);
    }
    await using sandbox = await driver.create(specOf());
    expect((await run(sandbox, ['echo', 'alive'])).stdout).toBe('alive\n');
  }, DEADLINE_MS);

  test.each([64, 160])('with room for %i KiB, which is not enough for init, keeps nothing that would be taken for it later', async (roomKiB) => {
    await forgetInit();
    const before = await remains();
    {
      using _ = fill(roomKiB * 1024);
      expect(await refusal(() => driverOn().create(specOf()))).toMatchObject({ code: 'disk_full', message: expect.stringContaining('init') as string });
      expect(await remains()).toEqual(before);
    }
    await using sandbox = await driverOn().create(specOf());
    expect((await run(sandbox, ['echo', 'alive'])).stdout).toBe('alive\n');
  }, DEADLINE_MS);

  test.each([
    ['an engine left half filled', async (init: string) => (truncateSync(init, 0), chmodSync(init, 0o600))],
    ['somebody removed', forgetInit],
  ])('the volume with init that %s costs one start, and not every one from then on', async (_, spoil) => {
    await forgetInit();
    const used = driverOn();
    await (await used.create(specOf())).destroy();
    const [name = ''] = await initVolumes();
    await spoil(join(own.dataRoot, 'volumes', name, '_data', 'init'));
    expect(await refusal(() => used.create(specOf()))).toMatchObject({ code: 'sandbox_start_failed', message: expect.stringContaining('/.glovebox/init') as string });
    await using sandbox = await used.create(specOf());
    expect((await run(sandbox, ['echo', 'alive'])).stdout).toBe('alive\n');
    expect(await initVolumes()).toEqual([name]);
  }, DEADLINE_MS);

  test('leaves a sandbox that runs alone, and lets it be destroyed', async () => {
    const sandbox = await driver.create(specOf());
    const before = await remains();
    using _ = fill();
    expect((await run(sandbox, ['sh', '-c', 'echo kept > /workspace/f; cat /workspace/f'])).stdout).toBe('kept\n');
    await refusal(() => driver.create(specOf()));
    expect(await remains()).toEqual(before);
    await sandbox.destroy();
    expect((await remains()).filter((each) => each.includes(sandbox.id))).toEqual([]);
  }, DEADLINE_MS);

  test('builds nothing, says what to do, keeps nothing, and builds when there is room', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'engine-disk-build-'));
    writeFileSync(join(folder, 'Dockerfile'), `FROM ${await new SandboxImages(await engine.client()).reference('base')}\nRUN head -c 100000000 /dev/zero > /tmp/large\n`);
    const build = async (): Promise<unknown> => (await images().choose(folder)).prepare({ again: true });
    const before = await remains();
    for (const roomBytes of [0, 40_000_000]) {
      using _ = fill(roomBytes);
      expect(await refusal(build)).toMatchObject({ code: 'image_build_failed', message: expect.stringMatching(/its disk is full.*docker system df/s) as string });
      expect(await remains()).toEqual(before);
    }
    expect(await build()).toMatchObject({ id: expect.stringMatching(/^sha256:/) as string });
    rmSync(folder, { recursive: true });
  }, DEADLINE_MS);

  test('pulls nothing, says what to do, keeps nothing, and pulls when there is room', async () => {
    const registry = own.spawnBeside([process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'engine-disk.registry.ts')]);
    try {
      const host = String((await once(registry.stdout!, 'data'))[0]).trim();
      const pull = async (): Promise<unknown> => (await images().choose(`${host}/thing:1`)).prepare();
      const before = await remains();
      {
        using _ = fill();
        expect(await refusal(pull)).toMatchObject({ code: 'image_missing', message: expect.stringMatching(/its disk is full.*docker system df/s) as string });
        expect(await remains()).toEqual(before);
      }
      expect(await pull()).toMatchObject({ id: expect.stringMatching(/^sha256:/) as string });
    } finally {
      registry.kill('SIGKILL');
    }
  }, DEADLINE_MS);
});
