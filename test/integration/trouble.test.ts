import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/contracts/index.ts';
import type { GloveboxError, SandboxDriver, Sandboxes } from '../../src/contracts/index.ts';
import { Runs } from '../../src/runs/index.ts';
import { killProcess, listProcesses } from '../../src/sandbox/bubblewrap/processes.ts';
import { DockerDriver } from '../../src/sandbox/docker/index.ts';
import type { Engine } from '../../src/sandbox/docker/index.ts';
import { containerName, Label, sandboxLabels } from '../../src/sandbox/docker/labels.ts';
import { stateLabel } from '../../src/sandbox/docker/state-label.ts';
import { FolderOwnership } from '../../src/sandbox/folder-ownership.ts';
import { SandboxImages } from '../../src/sandbox/images/index.ts';
import { OwnImages } from '../../src/sandbox/own-images.ts';
import { currentOwner, ownerText } from '../../src/sandbox/owner.ts';
import { SandboxState } from '../../src/sandbox/state.ts';
import { OwnEngine } from '../support/own-engine.ts';
import { finish, ids, run, specOf, start, until } from '../support/sandbox-commands.ts';
import { DockerWorld } from '../support/sandbox-docker.ts';
import { KINDS, openWorld } from '../support/sandbox-kinds.ts';
import { SlowSocket } from '../support/slow-socket.ts';
import { calling, rig, ScriptedModel } from '../unit/runs/rig.ts';

/** What must be over by then, whatever happened. */
const DEADLINE_MS = 60_000;
const SLEEPING = ['/bin/sh', '-c', 'echo ready; sleep 600'] as const;

describe.each(KINDS)('a %s sandbox', (kind) => {
  test('whose processes are killed from outside is lost, says so, and leaves nothing', async () => {
    await using world = openWorld(kind);
    const sandbox = await world.driver.create(specOf());
    const uid = Number((await run(sandbox, ['id', '-u'])).stdout);
    const command = start(sandbox, [...SLEEPING], { limits: { wallMs: 0 } });
    await until(command.output[Symbol.asyncIterator](), 'ready');
    listProcesses().filter((each) => each.uid === uid).forEach(killProcess);
    expect(await within(command.end)).toMatchObject({ cause: 'lost' });
    expect(await within(sandbox.gone)).toMatch(/gone|ended|killed/);
    expect((await run(sandbox, ['true'])).end.cause).toBe('lost');
    await expect(sandbox.files.read('/etc/passwd')).rejects.toMatchObject({ code: 'sandbox_lost' });
    await sandbox.destroy();
    expect(await world.remains()).toEqual([]);
  });

  test.each([['forward', 3_600_000], ['back', -3_600_000]])('does not mind that the wall clock is set %s all the time, in whatever it does', async (_, stepMs) => {
    await using world = openWorld(kind);
    const real = Date.now;
    let awayMs = 0;
    // An hour between each look at it and the next: no wait for anything can go by it, however short.
    Date.now = () => real() + (awayMs += stepMs);
    try {
      const sandbox = await world.driver.create(specOf());
      const command = finish(start(sandbox, ['/bin/sh', '-c', 'sleep 0.7; echo over'], { limits: { wallMs: 5000 } }));
      const spinning = start(sandbox, ['/bin/sh', '-c', 'for i in 1 2 3 4 5 6 7 8; do (while :; do :; done) & done; wait'], { limits: { wallMs: 0 } });
      if (sandbox.limitsAre === 'hard') {
        await within(sandbox.pause());
        await within(sandbox.resume());
      }
      expect(await within(command)).toMatchObject({ stdout: 'over\n', end: { cause: 'exited', exitCode: 0 } });
      await within(sandbox.destroy());
      expect(await spinning.end).toMatchObject({ cause: 'lost' });
      expect(await world.remains()).toEqual([]);
    } finally {
      Date.now = real;
    }
  }, DEADLINE_MS);
});

test('a sandbox that falls silent is declared lost by a deadline, and what is left of it goes', async () => {
  // Together, because all that they do is wait; each to its end, so that one that fails leaves the others nothing to clean up.
  const outcomes = await Promise.allSettled(KINDS.map(fallSilent));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}, 2 * DEADLINE_MS);

async function fallSilent(kind: (typeof KINDS)[number]): Promise<void> {
  await using world = openWorld(kind);
  const sandbox = await world.driver.create(specOf({ graceMs: 2000 }));
  const uid = Number((await run(sandbox, ['id', '-u'])).stdout);
  const command = start(sandbox, [...SLEEPING], { limits: { wallMs: 0 } });
  await until(command.output[Symbol.asyncIterator](), 'ready');
  // Stopped and not ended: its descriptors are open, and nothing is ever said on them.
  for (const { pid } of listProcesses().filter((each) => each.uid === uid)) process.kill(pid, 'SIGSTOP');
  expect(await within(command.end)).toMatchObject({ cause: 'lost' });
  await within(sandbox.gone);
  await sandbox.destroy();
  expect(await world.remains()).toEqual([]);
}

test('a container that somebody removes is lost, and says so', async () => {
  await using world = new DockerWorld('container');
  const sandbox = await world.driver.create(specOf());
  const command = start(sandbox, [...SLEEPING], { limits: { wallMs: 0 } });
  await until(command.output[Symbol.asyncIterator](), 'ready');
  await world.engine.remove(containerName(sandbox.id));
  expect(await within(command.end)).toMatchObject({ cause: 'lost' });
  await within(sandbox.gone);
  await expect.poll(() => world.remains()).toEqual([]);
});

describe.skipIf(OwnEngine.missing !== undefined)('an engine', () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'trouble-'));
  let own: OwnEngine;
  let engine: Engine;
  let driver: SandboxDriver;
  const driverOn = (client: Engine): SandboxDriver => {
    const images = new OwnImages(async () => new SandboxImages(await client.client()));
    return new DockerDriver({ kind: 'container', engine: client, stateDir, ownership: new FolderOwnership(stateDir), ids, clock: systemClock, imageReference: (name) => images.reference(name) });
  };
  const remains = async (): Promise<string[]> => [
    ...(await engine.containers([`${Label.state}=${stateLabel(stateDir)}`])).map(({ Names }) => Names.join()),
    ...SandboxState.list(stateDir).states.map(({ id }) => id),
  ];

  beforeAll(async () => {
    own = new OwnEngine();
    await own.start();
    engine = own.client();
    driver = driverOn(engine);
    await using world = new DockerWorld('container');
    for (const name of ['init', 'base'] as const) await own.load(await world.images.reference(name));
  }, 2 * DEADLINE_MS);
  afterAll(async () => {
    await own[Symbol.asyncDispose]();
    rmSync(stateDir, { recursive: true });
  }, DEADLINE_MS);

  test('that is restarted loses what ran, says so, and works again', async () => {
    const sandbox = await driver.create(specOf({ graceMs: 2000 }));
    const command = start(sandbox, [...SLEEPING], { limits: { wallMs: 0 } });
    await until(command.output[Symbol.asyncIterator](), 'ready');
    await own.stop('SIGTERM');
    await own.start();
    expect(await within(command.end)).toMatchObject({ cause: 'lost' });
    await within(sandbox.gone);
    await sandbox.destroy();
    expect(await remains()).toEqual([]);
    await using next = await driver.create(specOf());
    expect((await run(next, ['echo', 'alive'])).stdout).toBe('alive\n');
  }, 2 * DEADLINE_MS);

  test('that is killed and stays away is said to be so, and what it left is swept when it is back, by the same process', async () => {
    const sandbox = await driver.create(specOf({ graceMs: 2000 }));
    const command = start(sandbox, [...SLEEPING], { limits: { wallMs: 0 } });
    await until(command.output[Symbol.asyncIterator](), 'ready');
    await own.stop('SIGKILL');
    expect(await within(command.end)).toMatchObject({ cause: 'lost' });
    await within(sandbox.gone);
    expect(await within(codeOf(driver.create(specOf())))).toBe('engine_unavailable');
    expect(await within(codeOf(sandbox.destroy()))).toBe('engine_unavailable');
    await own.start();
    await driver.sweep();
    expect(await remains()).toEqual([]);
  }, 2 * DEADLINE_MS);

  test('that is killed under a run leaves that resumable, and it comes to the same result when the engine is back', async () => {
    const model = new ScriptedModel([
      calling('shell', { command: 'echo one >> log.txt' }),
      calling('shell', { command: 'echo two >> log.txt; sleep 2; echo three >> log.txt' }),
      calling('submit', { summary: 'done' }),
    ]);
    const sandboxes: Sandboxes = {
      create: (_kinds, spec, { signal } = {}) => driver.create({ ...spec, limits: specOf().limits, graceMs: 2000 }, signal),
      adopt: (id, signal) => driver.adopt(id, signal),
      list: () => driver.list(),
      status: async () => [await driver.status()],
      sweep: (options) => driver.sweep(options),
    };
    await using at = rig({ interpreter: () => ({}), model });
    const runs = new Runs({ ...at.ports, sandboxes });
    const id = await runs.create({ task: 'x', repository: join(at.folder, 'repository'), model: 'scripted:script', policy: 'test', testCommand: '' });
    const stop = new AbortController();
    const killed = (async () => {
      let begun = 0;
      for await (const event of at.ports.journal.follow(id, { signal: stop.signal })) if (event.type === 'command.started' && ++begun === 3) return own.stop('SIGKILL');
    })();
    await expect(within(runs.execute(id))).rejects.toMatchObject({ code: 'engine_unavailable', message: expect.stringContaining(`glovebox runs resume ${id}`) as string });
    stop.abort();
    await killed;
    await own.start();
    expect(await within(runs.execute(id))).toMatchObject({ outcome: 'unverified', files: ['log.txt'], steps: 3 });
    const patch = (await runs.patch(id)).text.toString();
    expect(patch.match(/^\+one$/gm)).toHaveLength(1);
    expect(await at.count(id, 'run.ended')).toBe(1);
    await driver.sweep();
    expect(await remains()).toEqual([]);
  }, 3 * DEADLINE_MS);

  test('has its containers of dead owners swept in whatever state they are, and no others', async () => {
    const docker = await engine.client();
    const reference = await new SandboxImages(docker).reference('base');
    const dead = ownerText({ ...currentOwner(), startTicks: '1' });
    const made: Record<string, string> = {};
    const make = async (what: string, cmd: readonly string[], { owner = dead, folder = stateDir, ends = false, starts = true } = {}): Promise<Docker.Container> => {
      const id = ids.next('sbx');
      made[what] = id;
      const container = await docker.createContainer({ name: containerName(id), Image: reference, Cmd: [...cmd], Labels: sandboxLabels(id, 'container', owner, folder), HostConfig: { NetworkMode: 'none' } });
      if (starts) await container.start();
      if (ends) await container.wait();
      return container;
    };
    await make('created', ['true'], { starts: false });
    await make('exited', ['true'], { ends: true });
    await make('running', ['sleep', '600']);
    await (await make('paused', ['sleep', '600'])).pause();
    await make('exited elsewhere', ['true'], { ends: true, folder: '/elsewhere' });
    await make('running elsewhere', ['sleep', '600'], { folder: '/elsewhere' });
    await make('created of the living', ['true'], { starts: false, owner: ownerText(currentOwner()) });
    const stuck = await make('dead', ['true'], { ends: true });
    // What cannot be removed is dead from then on.
    const file = join(own.dataRoot, 'containers', stuck.id, 'config.v2.json');
    execFileSync('chattr', ['+i', file]);
    try {
      await expect(stuck.remove()).rejects.toThrow('remove');
      expect((await stuck.inspect()).State).toMatchObject({ Status: 'dead', Dead: true });
    } finally {
      execFileSync('chattr', ['-i', file]);
    }
    // An engine may go on to list it as what it was before.
    const [{ State: inItsList } = { State: 'dead' }] = await engine.containers([`${Label.sandbox}=${made['dead']}`]);
    const gone = { created: 'created', exited: 'exited', running: 'running', paused: 'paused', 'exited elsewhere': 'exited', dead: inItsList };
    expect((await driver.sweep()).toSorted()).toEqual(Object.entries(gone).map(([what, state]) => `container of sandbox ${made[what]} (${state})`).toSorted());
    const left = (await engine.containers([Label.sandbox])).map(({ Labels }) => Labels[Label.sandbox]);
    expect(new Set(left)).toEqual(new Set([made['running elsewhere'], made['created of the living']]));
    for (const id of left) await engine.remove(`glovebox-${id}`);
    expect(await driver.sweep()).toEqual([]);
  }, 2 * DEADLINE_MS);

  test('that is slow is waited for', async () => {
    await using slow = await SlowSocket.open(own.socket);
    slow.delay = () => 700;
    await using sandbox = await driverOn(own.client(slow.path)).create(specOf());
    expect((await run(sandbox, ['echo', 'alive'])).stdout).toBe('alive\n');
  }, DEADLINE_MS);

  test('that never answers is given up by a deadline, and what it did all the same is taken back', async () => {
    await using slow = await SlowSocket.open(own.socket);
    // It starts the container and never says so.
    slow.delay = (line) => (/^POST \/containers\/[^/]+\/start/.test(line) ? Number.POSITIVE_INFINITY : 0);
    const startedMs = performance.now();
    expect(await within(codeOf(driverOn(own.client(slow.path, { slowMs: 8_000 })).create(specOf())))).toBe('sandbox_start_failed');
    expect(performance.now() - startedMs).toBeLessThan(DEADLINE_MS);
    expect(await remains()).toEqual([]);
  }, 2 * DEADLINE_MS);

  test('that never says what it is is unavailable by a deadline', async () => {
    await using slow = await SlowSocket.open(own.socket);
    slow.delay = () => Number.POSITIVE_INFINITY;
    expect(await within(driverOn(own.client(slow.path, { quickMs: 3_000 })).status())).toMatchObject({ available: false, detail: expect.stringMatching(/within 3 s/) as string });
  }, DEADLINE_MS);
});

function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(() => 'no error', (error: GloveboxError) => error.code);
}

/** What hangs is the failure that this is about. */
function within<T>(work: Promise<T>): Promise<T> {
  return Promise.race([work, new Promise<never>((_, reject) => setTimeout(() => reject(new Error(`not within ${DEADLINE_MS} ms`)), DEADLINE_MS).unref())]);
}
