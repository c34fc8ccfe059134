import type { Clock, IdSource, Sandbox, SandboxDriver } from '../contracts/index.ts';
import { BubblewrapDriver } from './bubblewrap/index.ts';
import { DockerDriver, Engine, engineAccount, extractInit } from './docker/index.ts';
import { containerName } from './docker/labels.ts';
import type { FolderOwnership } from './folder-ownership.ts';
import { findEngine, type ImageName, SandboxImages } from './images/index.ts';
import { InitBinary } from './init-binary.ts';
import { OwnImages } from './own-images.ts';

export interface MachineOptions {
  /** Where keys and epochs of running sandboxes lie. */
  readonly stateDir: string;
  readonly ownership: FolderOwnership;
  readonly ids: IdSource;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** What makes sandboxes on this machine: its engine and its kernel, neither of which is asked for anything before it is needed. */
export class Machine {
  readonly engine: Engine;
  readonly drivers: readonly SandboxDriver[];
  readonly #probe: InitBinary;

  constructor({ stateDir, ownership, ids, env, clock }: MachineOptions) {
    const engine = new Engine(() => findEngine(env));
    const own = new OwnImages(async () => new SandboxImages(await engine.client()));
    const docker = { engine, stateDir, ownership, ids, clock, imageReference: (name: ImageName) => own.reference(name) };
    const built = { stateDir, ...(env['PATH'] === undefined ? {} : { searchPath: env['PATH'] }) };
    const init = new InitBinary({ ...built, extract: (reference, signal) => extractInit(engine, ownership, reference, signal) });
    this.engine = engine;
    this.#probe = new InitBinary({ ...built, image: 'probe', extract: (reference, signal) => extractInit(engine, ownership, reference, signal, 'probe') });
    this.drivers = [new DockerDriver({ ...docker, kind: 'gvisor' }), new DockerDriver({ ...docker, kind: 'container' }), new BubblewrapDriver({ stateDir, ownership, ids, clock, init })];
  }

  /** Where the probe program is, made at the first use. Errors: `image_missing`. */
  probeProgram(signal?: AbortSignal): Promise<string> {
    return this.#probe.path(signal);
  }

  /** What its engine tells whoever asks; undefined where there is none. */
  async account({ id, kind }: Sandbox): Promise<string | undefined> {
    return kind === 'process' ? undefined : engineAccount(this.engine, containerName(id));
  }
}
