import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type Docker from 'dockerode';
import { PooledSandboxes } from '../../src/sandbox/pool/index.ts';
import { containerName } from '../../src/sandbox/docker/labels.ts';
import { AvailableSandboxes } from '../../src/sandbox/sandboxes.ts';
import { SandboxState } from '../../src/sandbox/state.ts';
import { run, specOf } from '../support/sandbox-commands.ts';
import { DockerWorld } from '../support/sandbox-docker.ts';
import { until as soon } from './bubblewrap.harness.ts';
import { poolSuite } from './pool.suite.ts';

poolSuite('a pool of containers on runc', async () => new DockerWorld('container'), {
  kill: async (world, id) => {
    // A world of this suite is always this one.
    await (world as DockerWorld).engine.remove(containerName(id));
  },
});

const REPOSITORY = 'glovebox-test-pool';
const REFERENCE = `${REPOSITORY}:moving`;
let world: DockerWorld;
let docker: Docker;

beforeAll(async () => {
  world = new DockerWorld('container');
  docker = await world.engine.client();
});
// What a test left of the other's image is gone.
beforeEach(() => docker.getImage('debian:bookworm-slim').tag({ repo: REPOSITORY, tag: 'moving' }));
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await docker.getImage(REFERENCE).remove({ force: true }).catch(() => undefined);
});

/** The name means another image from now on. */
async function rebuild(): Promise<string> {
  const container = await docker.createContainer({ Image: 'debian:bookworm-slim', Cmd: ['true'], Labels: { rebuilt: String(Date.now()) } });
  try {
    await container.commit({ repo: REPOSITORY, tag: 'moving' });
  } finally {
    await container.remove();
  }
  return (await docker.getImage(REFERENCE).inspect()).Id;
}

function pooled(): PooledSandboxes {
  return new PooledSandboxes({ sandboxes: new AvailableSandboxes([world.driver]) });
}

test('an image that was rebuilt: the next sandbox is of the new one, and those of the old one are gone', async () => {
  await using pool = pooled();
  await pool.warm(['container'], specOf({ image: REFERENCE }), { floor: 2 });
  const old = SandboxState.list(world.stateDir).states.map(({ id }) => id);
  const digest = await rebuild();
  await using sandbox = await pool.create(['container'], specOf({ image: REFERENCE }));
  expect(sandbox.image).toBe(digest);
  expect(old).not.toContain(sandbox.id);
  await soon('the old ones are gone', () => SandboxState.list(world.stateDir).states.every(({ id }) => !old.includes(id)));
});

test('an image that was removed: nothing of it stands ready any more, although nobody asks', async () => {
  await using pool = pooled();
  await pool.warm(['container'], specOf({ image: REFERENCE }), { floor: 1 });
  await docker.getImage(REFERENCE).remove({ force: true });
  await soon('it is gone', () => SandboxState.list(world.stateDir).states.length === 0);
  expect(pool.stock()[0]?.failure?.message).toContain(REFERENCE);
  await expect(pool.create(['container'], specOf({ image: REFERENCE }))).rejects.toMatchObject({ code: 'image_missing' });
});

test('one that does not answer is not handed out', async () => {
  await using pool = pooled();
  await pool.warm(['container'], specOf(), { floor: 1 });
  const [stuck] = SandboxState.list(world.stateDir).states.map(({ id }) => id);
  await docker.getContainer(containerName(stuck!)).pause();
  await using sandbox = await pool.create(['container'], specOf());
  expect(sandbox.id).not.toBe(stuck);
  expect((await run(sandbox, ['/bin/true'])).end.exitCode).toBe(0);
  await soon('the stuck one is gone', () => !SandboxState.list(world.stateDir).states.some(({ id }) => id === stuck));
});
