import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { type CommandSpec, type Sandbox, type SandboxSpec, type Sandboxes, type WarmSandboxes, randomIds, systemClock } from '../src/contracts/index.ts';
import { FolderOwnership, openSandboxes } from '../src/sandbox/index.ts';
import { Label, containerName } from '../src/sandbox/docker/labels.ts';
import { stateLabel } from '../src/sandbox/docker/state-label.ts';

const MiB = 2 ** 20;
const ids = randomIds(systemClock);

export const IMAGE = 'debian:bookworm-slim';
export const SPEC: SandboxSpec = {
  image: IMAGE,
  graceMs: 30_000,
  limits: { cpu: 2, memoryBytes: 256 * MiB, pids: 256, diskBytes: 64 * MiB, inodes: 10_000, openFiles: 1024 },
};
/** So small that a hundred of them fit a small machine by the sum of their limits. */
export const SMALL: SandboxSpec = { ...SPEC, limits: { ...SPEC.limits, memoryBytes: 48 * MiB, diskBytes: 16 * MiB } };

export function command(...argv: [string, ...string[]]): CommandSpec {
  return { id: ids.next('cmd'), argv, limits: { wallMs: 60_000 } };
}

export async function runTrue(sandbox: Sandbox): Promise<void> {
  const end = await sandbox.exec(command('/bin/true')).end;
  if (end.exitCode !== 0) throw new Error(`/bin/true ended with ${end.cause}`);
}

export async function optional<T>(make: () => Promise<T>): Promise<T | undefined> {
  try {
    return await make();
  } catch {
    return undefined;
  }
}

/** Sandboxes with a state folder of their own, so that what they leave behind can be told from everybody else's. */
export class BenchGround implements AsyncDisposable {
  readonly sandboxes: Sandboxes;
  readonly docker = new Docker();
  readonly #stateDir = mkdtempSync(join(tmpdir(), 'glovebox-bench-'));
  readonly #pooled: ReturnType<typeof openSandboxes>['pooled'];

  constructor() {
    const { sandboxes, pooled } = openSandboxes({ stateDir: this.#stateDir, ownership: new FolderOwnership(this.#stateDir), ids, env: process.env });
    this.sandboxes = sandboxes;
    this.#pooled = pooled;
  }

  pool(...options: Parameters<ReturnType<typeof openSandboxes>['pooled']>): WarmSandboxes {
    return this.#pooled(...options);
  }

  /** Containers of ours that the engine still has, in whatever state. */
  async leftBehind(): Promise<number> {
    const filters = { label: [`${Label.state}=${stateLabel(this.#stateDir)}`] };
    return (await this.docker.listContainers({ all: true, filters })).length;
  }

  /** As the engine knows it, and the pid of its init on this machine. */
  async container({ id }: Sandbox): Promise<{ readonly id: string; readonly pid: number }> {
    const { Id, State } = await this.docker.getContainer(containerName(id)).inspect();
    return { id: Id, pid: State.Pid };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandboxes.sweep({ all: true });
    rmSync(this.#stateDir, { recursive: true, force: true });
  }
}
