import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SandboxDriver, SandboxSpec } from '../../src/contracts/index.ts';
import { ensureStateLabel } from '../../src/sandbox/docker/state-label.ts';
import { FolderOwnership } from '../../src/sandbox/folder-ownership.ts';
import { bubblewrapDriver } from '../support/sandbox-bubblewrap.ts';
import { run, shell, specOf } from '../support/sandbox-commands.ts';
import { DockerWorld } from '../support/sandbox-docker.ts';
import { KINDS } from '../support/sandbox-kinds.ts';
import type { Kind } from '../support/sandbox-kinds.ts';

const MiB = 2 ** 20;
const DEADLINE_MS = 60_000;
const root = process.platform === 'linux' && process.getuid?.() === 0;
/** A workspace that lies on the disk of the state folder. */
const ON_DISK = specOf({ limits: { diskBytes: 300 * MiB } });

describe.skipIf(!root).each(KINDS)('a full disk under the state folder of %s sandboxes', (kind) => {
  test('opens none, says so, keeps nothing, and opens one when there is room', async () => {
    await using state = new SmallState(kind);
    const [used, fresh] = [await state.driver.create(specOf()), await state.driver.create(specOf())];
    await run(used, ['true']);
    const before = state.files();
    for (const spec of [specOf(), ON_DISK]) {
      using _ = state.fill();
      await refused(state.driver, spec);
      expect(state.files()).toEqual(before);
      // Whoever has begun needs no room of ours; before anything else a number is written down.
      expect((await run(used, ['echo', 'alive'])).stdout).toBe('alive\n');
      expect((await run(fresh, ['echo', 'alive'])).end).toMatchObject({ cause: 'not_started', startError: 'ENOSPC', tree: 'dead' });
    }
    expect((await run(fresh, ['echo', 'alive'])).stdout).toBe('alive\n');
    await using sandbox = await state.driver.create(specOf());
    expect((await run(sandbox, ['echo', 'alive'])).stdout).toBe('alive\n');
  }, DEADLINE_MS);

  test('lets one be destroyed that it has', async () => {
    await using state = new SmallState(kind);
    const before = state.files();
    const held = await state.driver.create(specOf());
    using _ = state.fill();
    await held.destroy();
    expect(await held.gone).toBe('destroyed');
    expect(state.files()).toEqual(before);
  }, DEADLINE_MS);

  test('sweeps none that it cannot take over, says why, and sweeps it when there is room', async () => {
    await using state = new SmallState(kind);
    const before = state.files();
    const held = await state.driver.create(specOf());
    {
      using _ = state.fill();
      await expect(state.driver.sweep({ all: true })).rejects.toMatchObject({ name: 'GloveboxError', message: expect.stringMatching(/no room left on the disk of/) as string });
      expect((await held.ping()).commands).toBe(0);
    }
    expect((await state.driver.sweep({ all: true })).join()).toContain(held.id);
    await held.gone;
    expect(state.files()).toEqual(before);
  }, DEADLINE_MS);

  test('with too little room for a workspace on disk says so, and gives the next one its disk', async () => {
    await using state = new SmallState(kind);
    await (await state.driver.create(specOf())).destroy();
    const before = state.files();
    {
      // Enough for the record and not for a file system.
      using _ = state.fill(24 * 1024);
      await refused(state.driver, ON_DISK);
      expect(state.files()).toEqual(before);
    }
    await using sandbox = await state.driver.create(ON_DISK);
    expect(sandbox.workspaceIs).toBe('disk');
    expect((await shell(sandbox, 'head -c 280M /dev/zero > /workspace/f && rm /workspace/f && echo fits')).stdout).toBe('fits\n');
  }, DEADLINE_MS);
});

async function refused(driver: SandboxDriver, spec: SandboxSpec): Promise<void> {
  const startedMs = performance.now();
  await expect(driver.create(spec)).rejects.toMatchObject({ name: 'GloveboxError', code: 'disk_full', message: expect.stringMatching(/no room left on the disk of \/tmp\/state-disk-.*make some/) as string });
  expect(performance.now() - startedMs).toBeLessThan(20_000);
}

/** A state folder on a disk of its own. */
class SmallState implements AsyncDisposable {
  readonly path = mkdtempSync(join(tmpdir(), 'state-disk-'));
  readonly driver: SandboxDriver;
  readonly #ownership: FolderOwnership;

  constructor(kind: Kind) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400m,mode=700', 'state-disk', this.path]);
    this.#ownership = new FolderOwnership(this.path);
    // Its lock and its containers' label are there from the beginning on.
    expect(this.#ownership.owner.lock).toBeDefined();
    ensureStateLabel(this.path);
    const of = { stateDir: this.path, ownership: this.#ownership };
    this.driver = kind === 'container' ? new DockerWorld('container', of).driver : bubblewrapDriver(of.stateDir, of.ownership);
  }

  files(): string[] {
    return readdirSync(this.path, { recursive: true, encoding: 'utf8' }).filter((name) => !name.startsWith('filler') && !lstatSync(join(this.path, name)).isDirectory()).toSorted();
  }

  /** But for so much, for as long as it is not disposed of. */
  fill(roomBytes = 0): Disposable {
    const file = join(this.path, 'filler');
    const { bavail, bsize } = statfsSync(this.path);
    execFileSync('fallocate', ['--length', String(bavail * bsize - roomBytes), file]);
    if (roomBytes === 0) expect(() => writeFileSync(join(this.path, 'filler-more'), 'x')).toThrow('ENOSPC');
    rmSync(join(this.path, 'filler-more'), { force: true });
    return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.driver.sweep({ all: true });
    this.#ownership[Symbol.dispose]();
    execFileSync('umount', [this.path]);
    rmSync(this.path, { recursive: true });
  }
}
