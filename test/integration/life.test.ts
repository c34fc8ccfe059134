import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseId } from '../../src/contracts/index.ts';
import type { SandboxId } from '../../src/contracts/index.ts';
import { listProcesses } from '../../src/sandbox/bubblewrap/processes.ts';
import { finish, processNames, run, shell, specOf, start, until } from '../support/sandbox-commands.ts';
import { KINDS, openWorld } from '../support/sandbox-kinds.ts';
import type { SandboxWorld } from '../support/sandbox-world.ts';

/** Short, so that a pause can be longer than it: the switch and the pings go by it. */
const GRACE_MS = 1000;
/** What is shown is that nothing happens while time passes; there is no event to wait for. */
const LONGER_THAN_GRACE_MS = 2500;
/** An engine that gives up on freezing, as runc does, did so in one of three of these. */
const PAUSES = 12;
const OWNER = fileURLToPath(new URL('life.owner.ts', import.meta.url));

const inTurn = { concurrent: false };

// The kinds beside each other, because most of it is waiting.
describe.concurrent.each(KINDS)('a %s sandbox', (kind) => {
  let world: SandboxWorld;
  beforeEach(() => {
    world = openWorld(kind);
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  test('that is paused uses no CPU, outlives its grace time, and goes on where it was', inTurn, async () => {
    await using sandbox = await world.driver.create(specOf({ graceMs: GRACE_MS }));
    const uid = Number((await run(sandbox, ['id', '-u'])).stdout);
    const spinning = start(sandbox, ['/bin/sh', '-c', 'echo ready; i=0; while [ $i -lt 2000000 ]; do i=$((i + 1)); done; echo $i'], { limits: { wallMs: 0 } });
    const output = spinning.output[Symbol.asyncIterator]();
    await until(output, 'ready');
    await sandbox.pause();
    expect(await world.driver.list()).toEqual([expect.objectContaining({ id: sandbox.id, paused: true })]);
    const [ticks, tasks] = [cpuTicks(uid), processesOf(uid).length];
    expect(tasks).toBeGreaterThan(1);
    await sleep(LONGER_THAN_GRACE_MS);
    expect(cpuTicks(uid)).toBe(ticks);
    await sandbox.resume();
    await until(output, '2000000');
    expect(await spinning.end).toMatchObject({ cause: 'exited', exitCode: 0, tree: 'dead' });
    expect(await world.driver.list()).toEqual([expect.objectContaining({ paused: false })]);
    // And the switch is as sharp as before: both ends listen to each other again.
    await sleep(LONGER_THAN_GRACE_MS);
    expect(await run(sandbox, ['echo', 'alive'])).toMatchObject({ stdout: 'alive\n' });
  });

  test('can be paused again and again while it wants far more of a CPU than it has', inTurn, async () => {
    await using sandbox = await world.driver.create(specOf({ limits: { cpu: 0.1 } }));
    const spinning = start(sandbox, ['/bin/sh', '-c', 'for i in 1 2 3 4 5 6 7 8; do (while :; do :; done) & done; echo ready; wait'], { limits: { wallMs: 0 } });
    await until(spinning.output[Symbol.asyncIterator](), 'ready');
    for (let turn = 0; turn < PAUSES; turn++) {
      await sandbox.pause();
      expect(await world.driver.list()).toEqual([expect.objectContaining({ id: sandbox.id, paused: true })]);
      await sandbox.resume();
    }
  });

  test('takes nothing from a command’s wall time while it is paused', inTurn, async () => {
    await using sandbox = await world.driver.create(specOf({ graceMs: GRACE_MS }));
    const command = start(sandbox, ['/bin/sh', '-c', 'echo ready; sleep 0.3; echo done'], { limits: { wallMs: 2000 } });
    const output = command.output[Symbol.asyncIterator]();
    await until(output, 'ready');
    await sandbox.pause();
    await sleep(LONGER_THAN_GRACE_MS);
    await sandbox.resume();
    await until(output, 'done');
    const end = await command.end;
    expect(end).toMatchObject({ cause: 'exited', exitCode: 0 });
    expect(end.usage.wallMs).toBeLessThan(2000);
    // What runs into its time after a pause still does.
    expect((await shell(sandbox, 'sleep 60', { limits: { wallMs: 300 } })).end).toMatchObject({ cause: 'timeout' });
  });

  test('that is paused lets commands wait, may be paused twice, and is destroyed as any other', inTurn, async () => {
    const sandbox = await world.driver.create(specOf());
    await Promise.all([sandbox.pause(), sandbox.pause()]);
    const waiting = finish(start(sandbox, ['echo', 'after']));
    await sandbox.resume();
    await sandbox.resume();
    expect((await waiting).stdout).toBe('after\n');
    const running = start(sandbox, ['sleep', '1000']);
    await sandbox.pause();
    await sandbox.destroy();
    expect(await running.end).toMatchObject({ cause: 'lost' });
    expect(await world.remains()).toEqual([]);
    await expect(sandbox.pause()).rejects.toMatchObject({ code: 'sandbox_lost' });
  });

  test('whose owner died while it was paused is found and swept', inTurn, async () => {
    const id = await leftPaused(world, kind, 30_000);
    expect(await world.driver.list()).toEqual([expect.objectContaining({ id, owner: 'dead', paused: true })]);
    expect((await world.driver.sweep()).join()).toContain(id);
    expect(await world.remains()).toEqual([]);
  });

  test('whose owner died while it was paused is adopted with what ran, long after its grace time', inTurn, async () => {
    // Of what is left of it after the waking, an engine under load takes its share until it has attached.
    const graceMs = 8 * GRACE_MS;
    const id = await leftPaused(world, kind, graceMs);
    await sleep(graceMs + GRACE_MS);
    await using sandbox = await world.driver.adopt(id);
    expect(await processNames(sandbox)).toContain('sleep');
    expect((await shell(sandbox, 'cat /workspace/left')).stdout).toBe('left\n');
  });
});

/** Starts a process that pauses its sandbox, and kills it. */
async function leftPaused(world: SandboxWorld, kind: string, graceMs: number): Promise<SandboxId> {
  const child = spawn(process.execPath, [OWNER, kind, world.stateDir, String(graceMs)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), exited.then(() => expect.fail('it ended before it had paused anything'))])) as [string];
  child.kill('SIGKILL');
  await exited;
  return parseId('sbx', line) ?? expect.fail(line);
}

function processesOf(uid: number): number[] {
  return listProcesses().flatMap((each) => (each.uid === uid ? [each.pid] : []));
}

/** Fields 14 and 15 of /proc/<pid>/stat: user and system time. */
function cpuTicks(uid: number): number {
  return processesOf(uid).reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return sum + Number(fields[11]) + Number(fields[12]);
  }, 0);
}
