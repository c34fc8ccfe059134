import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { describeError, GloveboxError, HOME } from '../../contracts/index.ts';
import type { Clock, DriverStatus, IdSource, LiveSandbox, Sandbox, SandboxDriver, SandboxId, SandboxIdentity, SandboxKind, SandboxSpec, SweepOptions } from '../../contracts/index.ts';
import { cancelled } from '../deadline.ts';
import type { FolderOwnership } from '../folder-ownership.ts';
import { GuestSandbox } from '../guest.ts';
import type { ImageName } from '../images/index.ts';
import { liveSandbox } from '../live-sandbox.ts';
import { ownerText } from '../owner.ts';
import { SandboxState } from '../state.ts';
import type { Connect } from '../transport.ts';
import { outgrowsMemory, Volumes } from '../volume/index.ts';
import { WRITABLE } from '../writable-places.ts';
import { Feature } from '../wire/protocol.ts';
import { createOptions, processLimit, randomUid } from './create-options.ts';
import { engineIsElsewhere } from './engine-host.ts';
import type { Engine, EngineInfo } from './engine.ts';
import { imageError, resolveImage, tryForeign } from './image.ts';
import type { ResolvedImage } from './image.ts';
import { INIT_FOLDER, InitVolume } from './init-volume.ts';
import { ContainerFreezer } from './freezer.ts';
import { containerName, Label, sandboxLabels } from './labels.ts';
import { stateLabel } from './state-label.ts';
import { removeContainer } from './remove-container.ts';
import { RuntimeSelfTest } from './self-test.ts';
import { sweep } from './sweep.ts';

/** What the hello of a container must have. Old gVisor proves neither sub-reaping nor seccomp, and its self-test says so. */
const REQUIRES: Readonly<Record<DockerKind, number>> = {
  container: Feature.subReaper | Feature.proc | Feature.seccomp | Feature.notDumpable | Feature.noNewPrivileges,
  gvisor: Feature.notDumpable,
};

export type DockerKind = Exclude<SandboxKind, 'process'>;

export interface DockerDriverOptions {
  readonly kind: DockerKind;
  readonly engine: Engine;
  readonly stateDir: string;
  readonly ownership: FolderOwnership;
  readonly ids: IdSource;
  readonly clock: Clock;
  /** The reference of one of our own images. */
  readonly imageReference: (name: ImageName) => Promise<string>;
  /** Tests of a runtime that fails its self-test use it all the same. */
  readonly ignoreSelfTest?: boolean;
}

/** What a sandbox is opened with. */
interface Found {
  readonly info: EngineInfo;
  readonly image: ResolvedImage;
  readonly connect: Connect;
  readonly adopted?: boolean;
}

/** Sandboxes that are containers of a Docker engine: on its default runtime, or on gVisor's. */
export class DockerDriver implements SandboxDriver {
  readonly kind: DockerKind;
  readonly #options: DockerDriverOptions;
  readonly #initVolume: InitVolume;
  readonly #selfTest: RuntimeSelfTest;
  readonly #volumes: Volumes;

  constructor(options: DockerDriverOptions) {
    this.kind = options.kind;
    this.#options = options;
    this.#volumes = new Volumes(options.stateDir);
    this.#initVolume = new InitVolume(options.engine, options.ownership, () => options.imageReference('init'));
    this.#selfTest = new RuntimeSelfTest({ ...options, create: (spec, signal) => this.#create(spec, signal) });
  }

  async status(signal?: AbortSignal): Promise<DriverStatus> {
    try {
      const info = await this.#options.engine.info(signal);
      const detail = await this.#unusable(info, signal);
      return { kind: this.kind, available: detail === undefined, limitsAre: limitsAre(info), detail: detail ?? this.#found(info) };
    } catch (error) {
      if (signal?.aborted === true) throw cancelled('asking for the state of the Docker engine', signal);
      return { kind: this.kind, available: false, limitsAre: 'hard', detail: describeError(error) };
    }
  }

  async identity(spec: SandboxSpec, signal?: AbortSignal): Promise<SandboxIdentity> {
    const [info, image, initVolume] = await Promise.all([this.#options.engine.info(signal), this.#image(spec.image, signal), this.#initVolume.ensure()]);
    const runtime = this.kind === 'gvisor' ? runtimeVersion(info, info.Runtimes['runsc']) : '';
    return { image: image.id, made: [info.ID, info.ServerVersion, runtime, initVolume].join(' ') };
  }

  async create(spec: SandboxSpec, signal?: AbortSignal): Promise<Sandbox> {
    if (this.kind === 'gvisor') {
      const reason = await this.#unusable(await this.#options.engine.info(signal), signal);
      if (reason !== undefined) throw new GloveboxError('kind_unavailable', `gvisor sandboxes cannot be used here: ${reason}`);
    }
    return this.#create(spec, signal);
  }

  async list(signal?: AbortSignal): Promise<readonly LiveSandbox[]> {
    const { engine, stateDir } = this.#options;
    const labels = [`${Label.kind}=${this.kind}`, `${Label.state}=${stateLabel(stateDir)}`];
    const containers = new Map((await engine.containers(labels, signal)).map(({ Labels, State }) => [Labels[Label.sandbox], State]));
    return SandboxState.list(stateDir).states.flatMap((state) => {
      const how = containers.get(state.id);
      return how === 'running' || how === 'paused' ? [liveSandbox(state, how === 'paused')] : [];
    });
  }

  async adopt(id: SandboxId, signal?: AbortSignal): Promise<Sandbox> {
    const { engine, stateDir } = this.#options;
    const state = SandboxState.read(stateDir, id);
    if (state.kind !== this.kind) throw new GloveboxError('not_found', `${id} is no sandbox of the kind ${this.kind}`);
    const container = await engine.container(containerName(id), signal);
    if (container === undefined) throw new GloveboxError('sandbox_lost', `sandbox ${id} is gone`);
    const [info, image] = await Promise.all([engine.info(signal), this.#image(container.Image, signal)]);
    state.claim(this.#options.ownership.owner);
    // The engine attaches to nothing that is paused.
    if (container.State.Paused) await engine.unpause(containerName(id));
    return this.#open(state, { info, image, connect: attachAgain(engine, containerName(id)), adopted: true }, signal);
  }

  sweep(options: SweepOptions = {}): Promise<readonly string[]> {
    const { engine, stateDir, ownership } = this.#options;
    return sweep({ volumes: this.#volumes, engine, kind: this.kind, stateDir, ownership, currentInitVolume: (signal) => this.#initVolume.current(signal), ...options });
  }

  async #create(spec: SandboxSpec, signal?: AbortSignal): Promise<Sandbox> {
    const { engine, stateDir, ownership, ids, clock } = this.#options;
    const [info, image, initVolume] = await Promise.all([engine.info(signal), this.#image(spec.image, signal), this.#initVolume.ensure()]);
    if (signal?.aborted === true) throw cancelled('opening a sandbox', signal);
    const id = ids.next('sbx');
    const { owner } = ownership;
    const labels = sandboxLabels(id, this.kind, ownerText(owner), stateDir);
    const uid = randomUid(info);
    const workspaceIs = outgrowsMemory(spec.limits) && this.#volumesMissing(info) === undefined ? 'disk' : 'memory';
    const state = SandboxState.create(stateDir, { id, kind: this.kind, owner, createdMs: clock.now(), spec, workspaceIs });
    const workspaceDevice = workspaceIs === 'disk' ? await this.#device(state, uid) : undefined;
    const options = createOptions({ kind: this.kind, image, uid, limits: spec.limits, labels, initVolume, workspaceDevice });
    const name = containerName(id);
    const again = attachAgain(engine, name);
    const connect = connectFirst(async (connecting) => {
      await engine.create({ ...options, name }).catch((error: unknown) => {
        throw imageError(image.reference, error);
      });
      const transport = await engine.attach(name, connecting);
      try {
        await engine.start(name);
        return transport;
      } catch (error) {
        transport.close();
        // The one thing that may have changed since we looked is the volume, and what cannot be run of it is no init.
        if (describeError(error).includes(`"${INIT_FOLDER}/init"`)) this.#initVolume.distrust();
        else this.#initVolume.forget();
        if (error instanceof GloveboxError && error.code === 'disk_full') throw error;
        throw new GloveboxError('sandbox_start_failed', `the sandbox could not be started: ${describeError(error)}`, { cause: error });
      }
    }, again);
    const sandbox = await this.#openAndLetGo(state, { info, image, connect }, signal);
    if (image.foreign !== undefined) await tryForeign(sandbox, { image: spec.image, architecture: image.foreign, engine: info.Architecture, id: ids.next('cmd') });
    return sandbox;
  }

  async #device(state: SandboxState, uid: number): Promise<string> {
    try {
      return await this.#volumes.device(state.id, state.spec.limits, uid);
    } catch (error) {
      state.remove();
      throw error;
    }
  }

  /** Why no volume can be mounted into containers here. */
  #volumesMissing(info: EngineInfo): string | undefined {
    return engineIsElsewhere(info) ?? this.#volumes.missing;
  }

  /** When it is open its volume is mounted, or of no use any more. What cannot be let go is left to the sweeper. */
  async #openAndLetGo(state: SandboxState, found: Found, signal?: AbortSignal): Promise<Sandbox> {
    try {
      return await this.#open(state, found, signal);
    } finally {
      if (state.workspaceIs === 'disk') await this.#volumes.letGo(state.id).catch(() => undefined);
    }
  }

  #open(state: SandboxState, found: Found, signal?: AbortSignal): Promise<Sandbox> {
    const { engine, ids } = this.#options;
    const { info, image, connect, adopted = false } = found;
    const name = containerName(state.id);
    return GuestSandbox.open(
      {
        id: state.id,
        kind: this.kind,
        image: image.id,
        ...(image.digests.length === 0 ? {} : { digests: image.digests }),
        limitsAre: limitsAre(info),
        spec: state.spec,
        state,
        env: { ...image.env, HOME },
        requires: REQUIRES[this.kind],
        writable: WRITABLE,
        processes: processLimit(this.kind, state.spec.limits),
        ids,
        connect,
        adopted,
        freezer: new ContainerFreezer(engine, name),
        destroy: (asked) => removeContainer(engine, name, asked),
      },
      signal,
    );
  }

  #image(name: string, signal?: AbortSignal): Promise<ResolvedImage> {
    return resolveImage(this.#options.engine, name, this.#options.imageReference, signal);
  }

  /** Why not, as a sentence; undefined when it can be used. */
  async #unusable(info: EngineInfo, signal?: AbortSignal): Promise<string | undefined> {
    if (this.kind === 'container') return undefined;
    const runtime = info.Runtimes['runsc'];
    if (runtime === undefined) return 'the engine has no runtime called runsc: install a current gVisor and register it (https://gvisor.dev/docs/user_guide/install/)';
    if (this.#options.ignoreSelfTest === true) return undefined;
    return this.#selfTest.failure(runtimeVersion(info, runtime), signal);
  }

  #found(info: EngineInfo): string {
    const soft = limitsAre(info) === 'soft' ? '; it does not hold memory, processes and CPU, so limits are soft' : '';
    const missing = this.#volumesMissing(info);
    const workspace = missing === undefined ? 'lie on disk' : `lie in memory all the same, for want of volumes: ${missing}`;
    return `Docker ${info.ServerVersion}${this.kind === 'gvisor' ? ' with runsc' : ''}${soft}; workspaces larger than memory ${workspace}`;
  }
}

/** Whatever tells one version of a runtime from another: the engine does not say, but its program may be one of this machine. */
function runtimeVersion(info: EngineInfo, runtime: unknown): string {
  const path = z.object({ path: z.string() }).safeParse(runtime).data?.path;
  const program = path === undefined || !isAbsolute(path) ? undefined : statSync(path, { throwIfNoEntry: false });
  return [info.ID, info.ServerVersion, JSON.stringify(runtime), program?.size, program?.mtimeMs].join(' ');
}

function limitsAre(info: EngineInfo): 'hard' | 'soft' {
  return info.MemoryLimit && info.PidsLimit && info.CpuCfsQuota ? 'hard' : 'soft';
}

/** The first attach starts the sandbox, the later ones find it. */
function connectFirst(first: Connect, again: Connect): Connect {
  let started = false;
  return (signal) => {
    const connect = started ? again : first;
    started = true;
    return connect(signal);
  };
}

function attachAgain(engine: Engine, name: string): Connect {
  return async (signal) => {
    const container = await engine.container(name, signal);
    if (container?.State.Running !== true) throw new GloveboxError('sandbox_lost', `the sandbox is gone${exitReason(container?.State.ExitCode)}`);
    return engine.attach(name, signal);
  };
}

/** init's own exit codes: docs/wire.md. AutoRemove often is quicker than we are, so there may be nothing to tell. */
function exitReason(code: number | undefined): string {
  switch (code) {
    case undefined:
      return '';
    case 71:
      return ': it heard nothing from us for its grace time';
    case 73:
      return ': init ran out of memory';
    case 137:
      return ': it was killed from outside, or by the kernel for want of memory';
    default:
      return `: init ended with code ${code}`;
  }
}
