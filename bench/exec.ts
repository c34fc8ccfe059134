import { spawn } from 'node:child_process';
import { once } from 'node:events';
import Docker from 'dockerode';
import { openServices } from '../src/app.ts';
import type { Sandbox, SandboxKind } from '../src/contracts/index.ts';
import { type GovernedSandbox, Session } from '../src/session/index.ts';
import { type Report, inTurns, machine, percentiles, round } from './report.ts';
import { HARDENED, dockerRun, execOverApi } from './docker-baseline.ts';
import { IMAGE, SPEC, command, optional, runTrue } from './sandboxes.ts';

/** Round trip of /bin/true, cold start, output throughput and init's memory, each beside what a user would otherwise do. */
export default async function benchExec(quick: boolean): Promise<Report> {
  await using services = await openServices({ env: globalThis.process.env, version: 'bench' });
  const docker = new Docker();
  const policy = await services.policies.load('exec');
  await using session = await Session.open(services.sessionPorts(), { principal: services.principal, policy, image: IMAGE, kinds: ['container'] });
  const governed = await session.sandbox('bench');
  await using bare = await services.sandboxes.create(['container'], SPEC);
  const bubblewrap = await optional(() => services.sandboxes.create(['process'], SPEC));
  const gvisor = await optional(() => services.sandboxes.create(['gvisor'], SPEC));
  const peer = await docker.createContainer({ Image: IMAGE, Cmd: ['sleep', '600'], HostConfig: HARDENED });
  await peer.start();
  try {
    const turns = await inTurns(
      {
        governed: () => governedTrue(governed),
        wire: () => runTrue(bare),
        dockerExec: () => execOverApi(peer, ['/bin/true']),
        localSpawn,
        ...(bubblewrap === undefined ? {} : { bubblewrap: () => runTrue(bubblewrap) }),
        ...(gvisor === undefined ? {} : { runsc: () => runTrue(gvisor) }),
      },
      quick ? 30 : 300,
      quick ? 3 : 20,
    );
    const roundTripMs = Object.fromEntries(Object.entries(turns).map(([name, samples]) => [name, percentiles(samples)]));
    const p50 = (name: string): number => roundTripMs[name]?.p50 ?? Number.NaN;
    const starts = await coldStarts((kind) => services.sandboxes.create([kind], SPEC), quick ? 3 : 15);
    const throughput = await throughputs(bare, peer, quick ? 32 : 256);
    return {
      bench: 'exec',
      machine: machine(),
      figures: {
        roundTripMs,
        runsc: gvisor === undefined ? 'not run: the runtime is missing or its self-test refuses it (see glovebox doctor)' : 'run',
        coldStartMs: starts.figures,
        outputMBps: throughput,
        initResidentKiB: await residentKiB(bare),
      },
      ratios: {
        localSpawn: round(p50('localSpawn') / p50('governed')),
        dockerExec: round(p50('dockerExec') / p50('governed')),
        coldDockerRun: round(starts.ratio),
        dockerExecThroughput: round(throughput.wire / throughput.dockerExec),
      },
    };
  } finally {
    await Promise.allSettled([peer.remove({ force: true }), bubblewrap?.destroy(), gvisor?.destroy()]);
  }
}

async function governedTrue(sandbox: GovernedSandbox): Promise<void> {
  const command = await sandbox.exec({ argv: ['/bin/true'] });
  const end = await command.end;
  if (end.exitCode !== 0) throw new Error(`/bin/true ended with ${end.cause}`);
}

async function localSpawn(): Promise<void> {
  const child = spawn('/bin/true', { stdio: ['ignore', 'pipe', 'pipe'] });
  await once(child, 'close');
}

async function coldStarts(create: (kind: SandboxKind) => Promise<Sandbox>, rounds: number) {
  const samples = await inTurns(
    {
      glovebox: async () => {
        const sandbox = await create('container');
        await runTrue(sandbox);
        await sandbox.destroy();
      },
      dockerRun: () => dockerRun(IMAGE),
    },
    rounds,
    1,
  );
  const toResult: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const began = performance.now();
    const sandbox = await create('container');
    await runTrue(sandbox);
    toResult.push(performance.now() - began);
    await sandbox.destroy();
  }
  const figures = { createRunDestroy: percentiles(samples['glovebox'] ?? []), createToFirstResult: percentiles(toResult), dockerRun: percentiles(samples['dockerRun'] ?? []) };
  return { figures, ratio: figures.dockerRun.p50 / figures.createRunDestroy.p50 };
}

async function throughputs(sandbox: Sandbox, peer: Docker.Container, mebibytes: number): Promise<{ wire: number; dockerExec: number }> {
  const argv = ['/usr/bin/head', '-c', `${mebibytes}M`, '/dev/zero'] as const;
  const began = performance.now();
  let bytes = 0;
  for await (const chunk of sandbox.exec(command(...argv)).output) bytes += chunk.bytes.length;
  const wireMs = performance.now() - began;
  if (bytes !== mebibytes * 2 ** 20) throw new Error(`${bytes} bytes came over the wire`);
  const again = performance.now();
  await execOverApi(peer, [...argv]);
  const execMs = performance.now() - again;
  return { wire: round(bytes / 1e3 / wireMs, 1), dockerExec: round(bytes / 1e3 / execMs, 1) };
}

async function residentKiB(sandbox: Sandbox): Promise<number> {
  let text = '';
  for await (const chunk of sandbox.exec(command('/bin/cat', '/proc/1/status')).output) text += chunk.bytes.toString();
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? Number.NaN);
}
