import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/contracts/index.ts';
import { DockerDriver, Engine } from '../../src/sandbox/docker/index.ts';
import type { DockerKind } from '../../src/sandbox/docker/driver.ts';
import { Label } from '../../src/sandbox/docker/labels.ts';
import { stateLabel } from '../../src/sandbox/docker/state-label.ts';
import { FolderOwnership } from '../../src/sandbox/folder-ownership.ts';
import { findEngine, SandboxImages } from '../../src/sandbox/images/index.ts';
import { OwnImages } from '../../src/sandbox/own-images.ts';
import { SandboxState } from '../../src/sandbox/state.ts';
import type { Transport } from '../../src/sandbox/transport.ts';
import { ids } from './sandbox-commands.ts';
import type { SandboxWorld } from './sandbox-world.ts';

/** An engine whose connections a test can cut. */
class CuttableEngine extends Engine {
  readonly transports = new Set<Transport>();

  override async attach(name: string, signal?: AbortSignal): Promise<Transport> {
    const transport = await super.attach(name, signal);
    this.transports.add(transport);
    return transport;
  }
}

/** A Docker engine and a state folder of its own. */
export class DockerWorld implements SandboxWorld {
  readonly stateDir: string;
  readonly engine = new CuttableEngine(() => findEngine());
  readonly images = new OwnImages(async () => new SandboxImages(await this.engine.client()));
  readonly driver: DockerDriver;
  readonly #ownership: FolderOwnership;
  readonly #kind: DockerKind;

  constructor(kind: DockerKind, options: { readonly stateDir?: string; readonly ownership?: FolderOwnership; readonly ignoreSelfTest?: boolean } = {}) {
    this.#kind = kind;
    this.stateDir = options.stateDir ?? mkdtempSync(join(tmpdir(), 'glovebox-docker-'));
    this.#ownership = options.ownership ?? new FolderOwnership(this.stateDir);
    this.driver = new DockerDriver({
      kind,
      engine: this.engine,
      stateDir: this.stateDir,
      ownership: this.#ownership,
      ids,
      clock: systemClock,
      imageReference: (name) => this.images.reference(name),
      ignoreSelfTest: options.ignoreSelfTest ?? true,
    });
  }

  ownerCommand(graceMs: number): readonly string[] {
    return [fileURLToPath(new URL('sandbox-docker-owner.ts', import.meta.url)), this.#kind, this.stateDir, String(graceMs)];
  }

  cutTransports(): void {
    for (const transport of this.engine.transports) transport.close();
    this.engine.transports.clear();
  }

  async remains(): Promise<string[]> {
    return [...(await this.running()), ...SandboxState.list(this.stateDir).states.map(({ id }) => `state of ${id}`)];
  }

  async running(): Promise<string[]> {
    const containers = await this.engine.containers([`${Label.state}=${stateLabel(this.stateDir)}`]);
    return containers.map(({ Names, State }) => `${Names.join()} ${State}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.driver.sweep({ all: true });
    this.#ownership[Symbol.dispose]();
    rmSync(this.stateDir, { recursive: true });
  }
}
