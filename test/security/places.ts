import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sandbox, SandboxLimits } from '../../src/contracts/index.ts';
import { listProcesses } from '../../src/sandbox/bubblewrap/processes.ts';
import { Engine, extractInit } from '../../src/sandbox/docker/index.ts';
import { containerName } from '../../src/sandbox/docker/labels.ts';
import { findEngine, SandboxImages } from '../../src/sandbox/images/index.ts';
import { InitBinary } from '../../src/sandbox/init-binary.ts';
import { ProbedPlace } from '../../src/sandbox/probe/index.ts';
import type { OutsideView } from '../../src/sandbox/probe/index.ts';
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
  const binary = new InitBinary({ stateDir: join(tmpdir(), 'glovebox-tests'), image: 'probe', extract: (reference, signal) => extractInit(engine, reference, signal, 'probe') });
  return readFile(await binary.path());
}

/** A sandbox, a neighbour of it, and eyes outside. */
export class RealPlace implements AsyncDisposable {
  readonly place: ProbedPlace;
  readonly sandbox: Sandbox;
  readonly #neighbour: Sandbox;

  private constructor(place: ProbedPlace, sandbox: Sandbox, neighbour: Sandbox) {
    this.place = place;
    this.sandbox = sandbox;
    this.#neighbour = neighbour;
  }

  static async open(world: SandboxWorld): Promise<RealPlace> {
    const spec = specOf({ limits: LIMITS, env: { TOKEN: CANARY } });
    const sandbox = await world.driver.create(spec);
    const neighbour = await world.driver.create(spec);
    const secrets = [Buffer.from(CANARY), ...keysOf(world, sandbox)];
    const place = await ProbedPlace.open(await probeProgram(), { target: sandbox, limits: LIMITS, ids, neighbour, secrets, outside: () => viewsOf(world, sandbox) });
    return new RealPlace(place, sandbox, neighbour);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.sandbox.destroy(), this.#neighbour.destroy()]);
  }
}

function keysOf(world: SandboxWorld, sandbox: Sandbox): Buffer[] {
  const { toGuest, fromGuest } = JSON.parse(readFileSync(join(world.stateDir, 'sandboxes', `${sandbox.id}.json`), 'utf8')) as { toGuest: string; fromGuest: string };
  return [toGuest, fromGuest].map((key) => Buffer.from(key, 'base64'));
}

/** What anybody sees who may talk to the engine, and the arguments of every process, which are for everybody's eyes. */
async function viewsOf(world: SandboxWorld, sandbox: Sandbox): Promise<OutsideView[]> {
  const processes = { name: 'the arguments of the host’s processes', text: listProcesses().map(({ pid }) => read(`/proc/${pid}/cmdline`)).join('\n') };
  if (sandbox.kind === 'process') return [processes];
  const container = await (world as DockerWorld).engine.container(containerName(sandbox.id));
  return [{ name: 'the engine’s account of the container', text: JSON.stringify(container) }, processes];
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}
