import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { CommandId, Sandbox, SandboxId } from '../../src/contracts/index.ts';
import { listProcesses } from '../../src/sandbox/bubblewrap/processes.ts';
import { containerName } from '../../src/sandbox/docker/labels.ts';
import { SandboxState } from '../../src/sandbox/state.ts';
import { FrameWriter } from '../../src/sandbox/wire/frame-writer.ts';
import { ToGuest } from '../../src/sandbox/wire/protocol.ts';
import { BubblewrapWorld } from '../support/sandbox-bubblewrap.ts';
import { finish, ids, run, shell, specOf, start } from '../support/sandbox-commands.ts';
import { DockerWorld } from '../support/sandbox-docker.ts';
import type { SandboxWorld } from '../support/sandbox-world.ts';
import { execPayload, hiddenExecs, secretsOf } from './hidden-exec.ts';

interface World {
  readonly name: string;
  readonly kind: 'container' | 'process';
  readonly open: () => SandboxWorld;
  /** Stops init as a whole, so that it is there and says nothing. */
  readonly silence: (world: SandboxWorld, sandbox: Sandbox) => Promise<void>;
}

const WORLDS: readonly World[] = [
  {
    name: 'a container on runc',
    kind: 'container',
    open: () => new DockerWorld('container'),
    silence: async (world, sandbox) => void (await (await (world as unknown as DockerWorld).engine.client()).getContainer(containerName(sandbox.id)).pause()),
  },
  {
    name: 'a process in bubblewrap',
    kind: 'process',
    open: () => new BubblewrapWorld(),
    silence: async (world, sandbox) => {
      const uid = Number(SandboxState.read(world.stateDir, sandbox.id).resource['uid'] ?? process.getuid?.());
      const inits = listProcesses().filter((each) => each.uid === uid && readFileSync(`/proc/${each.pid}/cmdline`, 'latin1').startsWith('/.glovebox/init\0'));
      for (const { pid } of inits) process.kill(pid, 'SIGSTOP');
    },
  },
];

describe.each(WORLDS)('the wire of $name', ({ kind, open }) => {
  test('94, 98: a host that died in the middle of a frame is followed by another, and nothing that was hidden in the frame runs', async () => {
    await using world = open();
    const host = spawn(process.execPath, [fileURLToPath(new URL('dying-host.ts', import.meta.url)), kind, world.stateDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(host, 'exit');
    const [line] = (await once(host.stdout, 'data')) as [Buffer];
    expect(await exited).toEqual([null, 'SIGKILL']);
    const left = JSON.parse(line.toString()) as { sandbox: SandboxId; command: CommandId };
    await using sandbox = await world.driver.adopt(left.sandbox);
    const command = sandbox.exec({ id: left.command, argv: ['/bin/sh', '-c', 'never run again'], limits: { wallMs: 0 }, stdin: 'pipe' });
    await command.write(Buffer.from('last\n'));
    await command.closeStdin();
    expect(await finish(command)).toMatchObject({ stdout: 'whole\n', end: { cause: 'exited', exitCode: 0 } });
    expect((await sandbox.files.read('/workspace/upload')).toString()).toBe('first\nlast\n');
    expect((await shell(sandbox, 'ls /workspace')).stdout).toBe('upload\n');
  });

  test('94: frames in what a command is given, or says, are bytes', async () => {
    await using world = open();
    await using sandbox = await world.driver.create(specOf());
    const hidden = hiddenExecs(secretsOf(world.stateDir, sandbox.id), '/workspace/hidden');
    const command = start(sandbox, ['cat'], { stdin: 'pipe' });
    const chunks: Buffer[] = [];
    const reading = (async () => {
      for await (const { bytes } of command.output) chunks.push(Buffer.from(bytes));
    })();
    await command.write(hidden);
    world.cutTransports();
    await command.write(hidden);
    await command.closeStdin();
    await reading;
    expect(Buffer.concat(chunks).equals(Buffer.concat([hidden, hidden]))).toBe(true);
    expect((await shell(sandbox, 'ls /workspace')).stdout).toBe('');
  });
});

test('94: a host of an older epoch is not listened to, though it has the key and a connection', async () => {
  await using world = new DockerWorld('container');
  const first = await world.driver.create(specOf());
  const { toGuest, epoch } = secretsOf(world.stateDir, first.id);
  await using second = await world.driver.adopt(first.id);
  const old = await world.engine.attach(containerName(first.id));
  const writer = new FrameWriter(toGuest, epoch, 1);
  for (let i = 0; i < 50; i++) old.input.write(writer.seal(ToGuest.exec, 0, 0x7000_0000 + i, execPayload(`old-${i}`, '/workspace/old')));
  old.input.write(new FrameWriter(toGuest, epoch).seal(ToGuest.attach, 0, 0, Buffer.alloc(16)));
  expect((await shell(second, 'ls /workspace; echo alive')).stdout).toBe('alive\n');
  old.close();
});

test('96: a guest that says nothing any more is given up within a deadline, and nothing is left of it', async () => {
  // Together, because all that they do is wait; each to its end, so that one that fails leaves the other nothing to clean up.
  const outcomes = await Promise.allSettled(
    WORLDS.map(async ({ open, silence }) => {
      await using world = open();
      const before = await world.remains();
      const sandbox = await world.driver.create(specOf({ graceMs: 4000 }));
      const command = start(sandbox, ['sleep', '1000'], { limits: { wallMs: 0 } });
      await run(sandbox, ['true']);
      await silence(world, sandbox);
      expect(await command.end).toMatchObject({ cause: 'lost', tree: 'unproven' });
      expect(await sandbox.gone).toMatch(/say hello|could not attach/);
      expect(await sandbox.exec({ id: ids.next('cmd'), argv: ['true'], limits: { wallMs: 0 } }).end).toMatchObject({ cause: 'lost' });
      await sandbox.destroy();
      expect(await world.remains()).toEqual(before);
    }),
  );
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
});
