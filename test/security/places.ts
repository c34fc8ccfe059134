import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sandbox, SandboxLimits, SandboxSpec } from '../../src/contracts/index.ts';
import { Engine, engineAccount, extractInit } from '../../src/sandbox/docker/index.ts';
import { containerName } from '../../src/sandbox/docker/labels.ts';
import { FolderOwnership } from '../../src/sandbox/folder-ownership.ts';
import { findEngine, SandboxImages } from '../../src/sandbox/images/index.ts';
import { InitBinary } from '../../src/sandbox/init-binary.ts';
import { ProbedSandbox } from '../../src/sandbox/probe/index.ts';
import type { ProbedSandboxOptions } from '../../src/sandbox/probe/probed-sandbox.ts';
import { ids, specOf } from '../support/sandbox-commands.ts';
import type { DockerWorld } from '../support/sandbox-docker.ts';
import type { SandboxWorld } from '../support/sandbox-world.ts';

const MiB = 2 ** 20;
/** Small enough to be run into within a moment, and less than this machine has. */
const LIMITS: SandboxLimits = { cpu: 0.5, memoryBytes: 128 * MiB, pids: 64, diskBytes: 32 * MiB, inodes: 2000, openFiles: 128 };
const CANARY = 'canary-5f3c9a7e1b';

const engine = new Engine(() => findEngine(process.env));

/** The probe program, from its image, which is built at the first use. */
export async function probeProgram(): Promise<Buffer> {
  await new SandboxImages(await engine.client()).build(['probe']);
  const stateDir = join(tmpdir(), 'glovebox-tests');
  const binary = new InitBinary({ stateDir, image: 'probe', extract: (reference, signal) => extractInit(engine, new FolderOwnership(stateDir), reference, signal, 'probe') });
  return readFile(await binary.path());
}

/** A sandbox of a world, with small limits; with a way out where it is made with one. */
export async function probedSandbox(world: SandboxWorld, { create = (spec) => world.driver.create(spec), wayOut }: { readonly create?: (spec: SandboxSpec) => Promise<Sandbox>; readonly wayOut?: ProbedSandboxOptions['wayOut'] } = {}): Promise<ProbedSandbox> {
  return ProbedSandbox.open({
    program: await probeProgram(),
    create: () => create(specOf({ limits: LIMITS, env: { GLOVEBOX_CANARY: CANARY } })),
    limits: LIMITS,
    stateDir: world.stateDir,
    ids,
    canary: CANARY,
    account: async ({ id, kind }) => (kind === 'process' ? undefined : engineAccount((world as DockerWorld).engine, containerName(id))),
    ...(wayOut === undefined ? {} : { wayOut }),
  });
}
