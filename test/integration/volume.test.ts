import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Volumes } from '../../src/sandbox/volume/index.ts';
import { ids, run, shell, specOf } from '../support/sandbox-commands.ts';
import { KINDS, openWorld } from '../support/sandbox-kinds.ts';
import type { SandboxWorld } from '../support/sandbox-world.ts';

const MiB = 2 ** 20;
const OWNER = fileURLToPath(new URL('volume.owner.ts', import.meta.url));
/** Four times its memory. */
const LARGE = { memoryBytes: 256 * MiB, diskBytes: 1024 * MiB, inodes: 4000 };

const missing = new Volumes('/nowhere').missing;
if (missing !== undefined) process.stderr.write(`\nvolumes: not run here: ${missing}\n`);

describe.skipIf(missing !== undefined).each(KINDS)('a %s sandbox with more disk than memory', (kind) => {
  let world: SandboxWorld;
  beforeEach(() => {
    world = openWorld(kind);
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
    expect(volumesOf(world)).toEqual([]);
  });

  test('has a workspace that is larger than its memory, empty, its own, and mounted without devices and set-user-ids', async () => {
    await using sandbox = await world.driver.create(specOf({ limits: LARGE }));
    expect(sandbox.workspaceIs).toBe('disk');
    expect((await shell(sandbox, 'ls -A /workspace; stat -c "%a %U:%u" /workspace; id -u')).stdout).toMatch(/^700 \S+:(\d+)\n\1\n$/);
    expect((await shell(sandbox, 'grep " /workspace " /proc/self/mounts')).stdout).toMatch(/ ext4 rw,nosuid,nodev,/);
    const { stdout, end } = await shell(sandbox, 'head -c 536870912 /dev/urandom > f && sync f && sha256sum < f > a && sha256sum < f > b && cmp a b && stat -c %s f', { limits: { wallMs: 100_000 } });
    expect(stdout).toBe('536870912\n');
    expect(end).toMatchObject({ cause: 'exited', exitCode: 0, limitsHit: [], oomKills: { count: 0 } });
  }, 120_000);

  test('still has a limit of its disk, says when it is hit, and goes on when there is room again', async () => {
    const diskBytes = 300 * MiB;
    await using sandbox = await world.driver.create(specOf({ limits: { ...LARGE, diskBytes } }));
    const { stdout, stderr, end } = await shell(sandbox, 'cat /dev/zero > full; stat -c %s full', { limits: { wallMs: 100_000 } });
    expect(stderr).toMatch(/No space left on device/);
    expect(end).toMatchObject({ cause: 'exited', limitsHit: ['disk'] });
    expect(Number(stdout)).toBeGreaterThan(diskBytes * 0.98);
    expect(Number(stdout)).toBeLessThan(diskBytes * 1.02);
    expect(await shell(sandbox, 'rm full && echo ok > f && cat f')).toMatchObject({ stdout: 'ok\n', end: { limitsHit: [] } });
  }, 120_000);

  test('has a limit of inodes as well', async () => {
    await using sandbox = await world.driver.create(specOf({ limits: { ...LARGE, inodes: 500 } }));
    const { stderr, end } = await shell(sandbox, 'for i in $(seq 2000); do : > f$i || exit 3; done');
    expect(end).toMatchObject({ cause: 'exited', limitsHit: ['inodes'] });
    expect(stderr).toMatch(/No space left on device/);
    expect(Number((await shell(sandbox, 'ls | wc -l')).stdout)).toBeLessThan(600);
    expect((await shell(sandbox, 'rm -f f*; : > again && ls')).stdout).toBe('again\n');
  });

  test('leaves no file, no loop device and no mount, from the moment that it runs', async () => {
    const sandbox = await world.driver.create(specOf({ limits: LARGE }));
    expect(existsSync(join(world.stateDir, 'volumes', sandbox.id))).toBe(false);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(world.stateDir);
    expect(volumesOf(world)).toHaveLength(1);
    await sandbox.destroy();
    await expect.poll(() => volumesOf(world), { timeout: 10_000 }).toEqual([]);
    expect(await world.remains()).toEqual([]);
  });

  test('leaves nothing when its owner is killed: the kernel takes it back when init goes', async () => {
    const child = spawn(process.execPath, [OWNER, kind, world.stateDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    await once(createInterface(child.stdout), 'line');
    expect(volumesOf(world)).toHaveLength(1);
    child.kill('SIGKILL');
    await exited;
    await expect.poll(() => volumesOf(world), { timeout: 30_000, interval: 100 }).toEqual([]);
    await world.driver.sweep();
    expect(await world.remains()).toEqual([]);
  });

  test('whose start fails leaves nothing either', async () => {
    const controller = new AbortController();
    const opening = world.driver.create(specOf({ limits: LARGE }), controller.signal);
    controller.abort();
    await expect(opening).rejects.toMatchObject({ code: 'cancelled' });
    expect(volumesOf(world)).toEqual([]);
    expect(await world.remains()).toEqual([]);
  });

  test('can be adopted and knows where its workspace lies', async () => {
    const first = await world.driver.create(specOf({ limits: LARGE }));
    await run(first, ['sh', '-c', 'echo kept > /workspace/f']);
    await using second = await world.driver.adopt(first.id);
    expect(second.workspaceIs).toBe('disk');
    expect((await shell(second, 'cat f')).stdout).toBe('kept\n');
  });
});

test.skipIf(missing !== undefined)('what somebody left who died before it was mounted is swept, and what is about to be mounted is not', async () => {
  await using world = openWorld('container');
  const volumes = new Volumes(world.stateDir);
  // Nobody has a record of this one: its maker is gone.
  const id = ids.next('sbx');
  await volumes.device(id, specOf({ limits: LARGE }).limits, 1000);
  expect(volumesOf(world)).toHaveLength(1);
  const [swept, sandbox] = await Promise.all([world.driver.sweep(), world.driver.create(specOf({ limits: LARGE }))]);
  // What died under other state folders on this engine is swept as well.
  expect(swept).toContain(`volume of sandbox ${id}`);
  expect(swept.join()).not.toContain(sandbox.id);
  expect((await run(sandbox, ['echo', 'alive'])).stdout).toBe('alive\n');
  await sandbox.destroy();
  expect(volumesOf(world)).toEqual([]);
});

test('a workspace that fits into memory lies there', async () => {
  await using world = openWorld('container');
  await using sandbox = await world.driver.create(specOf());
  expect(sandbox.workspaceIs).toBe('memory');
  expect((await shell(sandbox, 'grep " /workspace " /proc/self/mounts')).stdout).toMatch(/^tmpfs /);
});

/** Files of volumes that are still used, whether they still have a name or not. */
function volumesOf({ stateDir }: SandboxWorld): string[] {
  const files = readdirSync('/sys/block').flatMap((name) => {
    try {
      return [readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim()];
    } catch {
      return [];
    }
  });
  return files.filter((file) => file.startsWith(stateDir));
}
