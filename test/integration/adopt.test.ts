import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseId } from '../../src/contracts/index.ts';
import type { CommandId, Sandbox, SandboxId } from '../../src/contracts/index.ts';
import { run, specOf } from '../support/sandbox-commands.ts';
import { KINDS, openWorld, STREAMING, worldIn } from '../support/sandbox-kinds.ts';
import type { Kind } from '../support/sandbox-kinds.ts';
import type { SandboxWorld } from '../support/sandbox-world.ts';

const MiB = 2 ** 20;
const OWNER = fileURLToPath(new URL('adopt.owner.ts', import.meta.url));

/** A process with a sandbox in which a command streams, until it is killed. */
class Owner implements AsyncDisposable {
  readonly sandbox: SandboxId;
  readonly command: CommandId;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(process: ChildProcess, exited: Promise<unknown>, sandbox: SandboxId, command: CommandId) {
    this.#process = process;
    this.#exited = exited;
    this.sandbox = sandbox;
    this.command = command;
  }

  static async start(kind: Kind, stateDir: string, file: string): Promise<Owner> {
    const child = spawn(process.execPath, [OWNER, kind, stateDir, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const [sandbox = '', command = ''] = line.split(' ');
    return new Owner(child, exited, parseId('sbx', sandbox) ?? expect.fail(line), parseId('cmd', command) ?? expect.fail(line));
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

describe.each(KINDS)('a %s sandbox whose owner was killed', (kind) => {
  let world: SandboxWorld;
  let folder: string;
  beforeEach(() => {
    world = openWorld(kind);
    folder = mkdtempSync(join(tmpdir(), 'adopt-'));
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  /** Killed with the stream in the middle: some of it was read, and by far not all. */
  async function killedOwner(file = join(folder, 'copy')): Promise<Owner> {
    const owner = await Owner.start(kind, world.stateDir, file);
    await expect.poll(() => sizeOf(file), { timeout: 20_000, interval: 5 }).toBeGreaterThan(MiB);
    await owner.kill();
    return owner;
  }

  test('is adopted by the next process: no byte of its output is lost, and the command ran once', async () => {
    const file = join(folder, 'copy');
    await using owner = await killedOwner(file);
    const read = sizeOf(file);
    expect(read).toBeLessThan(20 * MiB);
    expect(await world.driver.list()).toEqual([expect.objectContaining({ id: owner.sandbox, kind, image: 'base', owner: 'dead', paused: false })]);

    await using adopted = await world.driver.adopt(owner.sandbox);
    expect(await world.driver.list()).toEqual([expect.objectContaining({ id: owner.sandbox, owner: 'alive' })]);
    const running = adopted.exec({ id: owner.command, ...STREAMING });
    const first = await copyOn(running.output, file);
    // What the dead owner was done with is gone from init; what it had in hand came again.
    expect(first).toBeLessThanOrEqual(read);
    expect(await running.end).toMatchObject({ cause: 'exited', exitCode: 7, tree: 'dead', output: { lostBytes: first } });
    expect(sha256(readFileSync(file))).toBe(sha256(Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => `${i + 1}\n`).join(''))));
    expect(await adopted.exec({ id: owner.command, ...STREAMING }).end).toEqual(await running.end);
    expect((await adopted.files.read('/workspace/ran')).toString()).toBe('x\n');
    expect((await run(adopted, ['sh', '-c', 'echo "$FROM"'])).stdout).toBe('the spec\n');
  });

  test('belongs to one of those who adopt it at once, and works for that one', async () => {
    await using owner = await killedOwner();
    const adoptions = await Promise.allSettled([world.driver, worldIn(kind, world.stateDir), worldIn(kind, world.stateDir)].map((driver) => driver.adopt(owner.sandbox)));
    const adopted = adoptions.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    for (const each of adoptions) if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'sandbox_lost', details: { superseded: true } });
    expect(await Promise.all(adopted.map(works))).toEqual(expect.arrayContaining([true]));
    expect((await Promise.all(adopted.map(works))).filter(Boolean)).toEqual([true]);
    await Promise.all(adopted.map((each) => each.destroy()));
    expect(await world.remains()).toEqual([]);
  });

  test('is adopted or swept, never half of each', async () => {
    await using owner = await killedOwner();
    const [swept, adopted] = await Promise.allSettled([worldIn(kind, world.stateDir).sweep(), world.driver.adopt(owner.sandbox)]);
    const removed = swept.status === 'fulfilled' && swept.value.join().includes(owner.sandbox);
    if (adopted.status === 'fulfilled') {
      expect(removed).toBe(false);
      expect(await works(adopted.value)).toBe(true);
      await adopted.value.destroy();
    } else {
      expect(removed).toBe(true);
    }
    expect(await world.remains()).toEqual([]);
  });

  test('is left running by an adoption that is cancelled, for the next', async () => {
    await using owner = await killedOwner();
    await expect(world.driver.adopt(owner.sandbox, AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
    await using adopted = await world.driver.adopt(owner.sandbox);
    expect(await works(adopted)).toBe(true);
  });
});

test.each(KINDS)('a %s sandbox that is not there is said to be so', async (kind) => {
  await using world = openWorld(kind);
  await using sandbox = await world.driver.create(specOf());
  const { id } = sandbox;
  await sandbox.destroy();
  await expect(world.driver.adopt(id)).rejects.toMatchObject({ code: 'not_found' });
  expect(await world.driver.list()).toEqual([]);
});

/** Writes each piece at its offset, and tells the first offset. What is there already must be the same. */
async function copyOn(output: AsyncIterable<{ offset: number; bytes: Buffer }>, file: string): Promise<number> {
  const before = readFileSync(file);
  const copy = openSync(file, 'r+');
  let first: number | undefined;
  for await (const { offset, bytes } of output) {
    first ??= offset;
    const known = before.subarray(offset, offset + bytes.length);
    expect(known.equals(bytes.subarray(0, known.length))).toBe(true);
    writeSync(copy, bytes, 0, bytes.length, offset);
  }
  closeSync(copy);
  return first ?? 0;
}

async function works(sandbox: Sandbox): Promise<boolean> {
  return (await run(sandbox, ['echo', 'alive'])).stdout === 'alive\n';
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
