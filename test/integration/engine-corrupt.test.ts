import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/contracts/index.ts';
import { DockerDriver } from '../../src/sandbox/docker/index.ts';
import type { Engine } from '../../src/sandbox/docker/index.ts';
import { FolderOwnership } from '../../src/sandbox/folder-ownership.ts';
import { SandboxImages } from '../../src/sandbox/images/index.ts';
import { OwnImages } from '../../src/sandbox/own-images.ts';
import { SandboxState } from '../../src/sandbox/state.ts';
import { OwnEngine } from '../support/own-engine.ts';
import { ids, run, specOf } from '../support/sandbox-commands.ts';
import { DockerWorld } from '../support/sandbox-docker.ts';

const PROMPT_MS = 15_000;
const DEADLINE_MS = 120_000;

/** What a disk that fails, or somebody who tidies up, does to what an engine keeps of an image, and what is said of it. Each gives back what makes it whole again. */
const DAMAGES: readonly (readonly [string, (image: StoredImage) => () => void, object])[] = [
  ['its configuration is gone', ({ config }) => moveAway(config), { code: 'image_missing' }],
  ['its configuration is cut short', ({ config }) => cutShort(config), { code: 'image_missing' }],
  ['a layer is gone', ({ layer }) => moveAway(layer), { code: 'image_unusable' }],
  ['the files of a layer are gone', ({ layer }) => moveAway(join(layer, 'diff')), { code: 'image_unusable' }],
  ['a layer is not known any more', ({ record }) => moveAway(record), { code: 'image_unusable' }],
];

describe.skipIf(OwnEngine.missing !== undefined)('an image of which', () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'engine-corrupt-'));
  let own: OwnEngine;
  let engine: Engine;
  let image: StoredImage;
  const driverOn = (): DockerDriver => {
    const images = new OwnImages(async () => new SandboxImages(await engine.client()));
    return new DockerDriver({ kind: 'container', engine, stateDir, ownership: new FolderOwnership(stateDir), ids, clock: systemClock, imageReference: (name) => images.reference(name) });
  };
  const remains = async (): Promise<string[]> => [
    ...(await (await engine.client()).listContainers({ all: true })).map(({ Names, State }) => `${Names.join()} ${State}`),
    ...SandboxState.list(stateDir).states.map(({ id }) => id),
  ];

  beforeAll(async () => {
    own = new OwnEngine();
    await own.start();
    engine = own.client();
    await using world = new DockerWorld('container');
    for (const name of ['init', 'base'] as const) await own.load(await world.images.reference(name));
    // It has its init before anything is broken, as an engine in use has.
    await (await driverOn().create(specOf())).destroy();
    image = await StoredImage.find(own, await world.images.reference('base'), engine);
  }, DEADLINE_MS);
  afterAll(async () => {
    await own[Symbol.asyncDispose]();
    rmSync(stateDir, { recursive: true });
  }, DEADLINE_MS);

  test.each(DAMAGES)('%s makes no sandbox, says what to do, leaves nothing, and works again when it is whole', async (_, damage, expected) => {
    const restore = damage(image);
    try {
      // What an engine has in memory it does not miss before that.
      await restart();
      const startedMs = performance.now();
      await expect(driverOn().create(specOf())).rejects.toMatchObject({ ...expected, message: expect.stringMatching(/glovebox\/base:[^]*build/) as string });
      expect(performance.now() - startedMs).toBeLessThan(PROMPT_MS);
      expect(await remains()).toEqual([]);
    } finally {
      restore();
      await restart();
    }
    await using whole = await driverOn().create(specOf());
    expect((await run(whole, ['echo', 'whole'])).stdout).toBe('whole\n');
  }, DEADLINE_MS);

  test('a layer goes while the engine runs makes no sandbox either', async () => {
    const restore = moveAway(image.layer);
    try {
      await expect(driverOn().create(specOf())).rejects.toMatchObject({ code: 'image_unusable', message: expect.stringMatching(/damaged.*docker image rm/) as string });
      expect(await remains()).toEqual([]);
    } finally {
      restore();
    }
  }, DEADLINE_MS);

  test('programs are gone makes a sandbox in which they cannot be started', async () => {
    const restore = moveAway(join(image.layer, 'diff', 'usr'));
    try {
      await using sandbox = await driverOn().create(specOf());
      expect((await run(sandbox, ['/bin/true'])).end).toMatchObject({ cause: 'not_started', startError: 'ENOENT', tree: 'dead' });
    } finally {
      restore();
    }
    expect(await remains()).toEqual([]);
  }, DEADLINE_MS);

  async function restart(): Promise<void> {
    await own.stop('SIGTERM');
    await own.start();
  }
});

/** Where an engine keeps what it has of an image. */
class StoredImage {
  readonly config: string;
  readonly layer: string;
  readonly record: string;

  private constructor(config: string, layer: string, record: string) {
    this.config = config;
    this.layer = layer;
    this.record = record;
  }

  static async find(own: OwnEngine, reference: string, engine: Engine): Promise<StoredImage> {
    const found = await engine.image(reference);
    const config = join(own.dataRoot, 'image/overlay2/imagedb/content/sha256', (found?.Id ?? '').replace('sha256:', ''));
    // The lowest: everything stands on it.
    const record = join(own.dataRoot, 'image/overlay2/layerdb/sha256', (found?.RootFS.Layers?.[0] ?? '').replace('sha256:', ''));
    const layer = join(own.dataRoot, 'overlay2', readFileSync(join(record, 'cache-id'), 'utf8'));
    for (const path of [config, record, layer]) if (!existsSync(path)) throw new Error(`this engine keeps its images elsewhere: no ${path}`);
    return new StoredImage(config, layer, record);
  }
}

function moveAway(path: string): () => void {
  renameSync(path, `${path}.away`);
  return () => {
    rmSync(path, { recursive: true, force: true });
    renameSync(`${path}.away`, path);
  };
}

function cutShort(path: string): () => void {
  const whole = readFileSync(path);
  truncateSync(path, Math.floor(whole.length / 2));
  return () => writeFileSync(path, whole);
}
