import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KINDS, openWorld } from '../support/sandbox-kinds.ts';
import type { SandboxWorld } from '../support/sandbox-world.ts';
import { SessionRig } from '../support/session.ts';

describe.each(KINDS)('a session with a %s sandbox', (kind) => {
  const policy = (session: string): string => `
sandbox: { image: base, images: ["*"], kinds: [${kind}] }
limits: { cpu: 2, memory: 256MiB, pids: 64, disk: 64MiB, inodes: 5000, open_files: 256 }
command: { wall: 1m }
session: { ${session} }
`;

  let world: SandboxWorld;
  let rig: SessionRig;
  beforeEach(() => {
    world = openWorld(kind);
    rig = new SessionRig([world.driver]);
  });
  afterEach(async () => {
    await rig[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  test('a session whose time is over ends what runs in it, and the journal says why', async () => {
    // Longer than a busy machine takes to open a sandbox.
    await using session = await rig.open(policy('wall: 4s, idle: 1m'));
    const sandbox = await session.sandbox('test');
    const command = await sandbox.exec({ argv: ['sleep', '600'] });
    expect(await command.end).toMatchObject({ cause: 'lost' });
    expect(await rig.closed(session)).toMatchObject({ data: { why: 'its time is over' } });
    expect(await rig.events(session)).toContainEqual(expect.objectContaining({ type: 'sandbox.gone', data: { sandbox: sandbox.id, why: 'its time is over' } }));
    expect(() => session.keepAlive()).toThrow(expect.objectContaining({ code: 'budget_exhausted' }) as Error);
    expect(await world.remains()).toEqual([]);
  });

  test('a session in which nothing happens ends, and the journal says why', async () => {
    await using session = await rig.open(policy('wall: 10m, idle: 300ms'));
    await session.sandbox('test');
    expect(await rig.closed(session)).toMatchObject({ data: { why: 'nothing happened for too long' } });
    expect(await world.remains()).toEqual([]);
  });

  test('a command that runs is something that happens, however long it says nothing', async () => {
    await using session = await rig.open(policy('wall: 10m, idle: 300ms'));
    const sandbox = await session.sandbox('test');
    const command = await sandbox.exec({ argv: ['sleep', '1.5'] });
    expect(await command.end).toMatchObject({ cause: 'exited', exitCode: 0 });
    await rig.closed(session);
  });

  test('keepalive keeps a session from being idle, and does not make it live longer than it may', async () => {
    await using session = await rig.open(policy('wall: 2s, idle: 400ms'));
    const keeping = setInterval(() => {
      if (!session.signal.aborted) session.keepAlive();
    }, 100);
    const { data } = await rig.closed(session);
    clearInterval(keeping);
    expect(data).toEqual({ why: 'its time is over' });
  });

  test('what is paused is idle, although a command is in the middle of it', async () => {
    await using session = await rig.open(policy('wall: 10m, idle: 600ms'));
    const sandbox = await session.sandbox('test');
    const command = await sandbox.exec({ argv: ['sleep', '600'] });
    await sandbox.pause();
    expect(await rig.closed(session)).toMatchObject({ data: { why: 'nothing happened for too long' } });
    expect(await command.end).toMatchObject({ cause: 'lost' });
    expect((await rig.events(session)).map(({ type }) => type)).toContain('sandbox.paused');
    expect(await world.remains()).toEqual([]);
  });

  test('a sandbox that goes by itself is written down with the reason', async () => {
    await using session = await rig.open(policy('wall: 10m, idle: 1m'));
    const sandbox = await session.sandbox('test');
    await world.driver.sweep({ all: true });
    const why = await sandbox.gone;
    await session.close();
    expect(await rig.events(session)).toContainEqual(expect.objectContaining({ type: 'sandbox.gone', data: { sandbox: sandbox.id, why } }));
  });
});
