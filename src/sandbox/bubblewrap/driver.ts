import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describeError, GloveboxError, HOME } from '../../contracts/index.ts';
import type { Clock, DriverStatus, IdSource, LiveSandbox, Sandbox, SandboxDriver, SandboxId, SandboxIdentity, SandboxSpec, SweepOptions } from '../../contracts/index.ts';
import { cancelled } from '../deadline.ts';
import type { FolderOwnership } from '../folder-ownership.ts';
import { GuestSandbox } from '../guest.ts';
import type { GuestOptions } from '../guest-options.ts';
import type { InitBinary } from '../init-binary.ts';
import { liveSandbox } from '../live-sandbox.ts';
import { SandboxState } from '../state.ts';
import type { Connect } from '../transport.ts';
import { Volumes } from '../volume/index.ts';
import { Feature } from '../wire/protocol.ts';
import { INIT } from './bubblewrap-arguments.ts';
import { ControlGroups } from './control-groups.ts';
import { findProgram } from './host.ts';
import { connectToKeeper, Keeper, SELF } from './keeper.ts';
import { LAUNCH_PATH } from './launch.ts';
import { Place } from './place.ts';
import type { Ground } from './place.ts';
import { recordedRemains } from './remains.ts';
import { defaultRunDir, tagOf } from './run-folder.ts';
import { mountingObstacle, selfTest } from './self-test.ts';
import { keptIds, sweepRemains } from './sweep.ts';
import { WRITABLE } from '../writable-places.ts';

export interface BubblewrapOptions {
  readonly stateDir: string;
  readonly ownership: FolderOwnership;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly init: InitBinary;
  /** Where sockets and the like of running sandboxes lie; by default /run/glovebox for root, else a folder in the temporary one. */
  readonly runDir?: string;
  /** Where programs are looked for. */
  readonly searchPath?: string;
}

/** What init must be able to say of itself in a process sandbox: a place that lacks one of these is not sealed. */
const REQUIRED = Feature.subReaper | Feature.proc | Feature.seccomp | Feature.notDumpable | Feature.noNewPrivileges;
/** The host's tools, as every distribution lays them out. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const TOOLS = ['git', 'node', 'npm', 'python3', 'rg'];
/** The keeper waits a little longer than init does, so that it is init that ends a sandbox nobody comes back to. */
const KEEPER_SLACK_S = 5;
const VERSION_DEADLINE_MS = 5_000;
const HOW_TO_GET = 'apt-get install bubblewrap, or your distribution\'s package of that name';

const run = promisify(execFile);

/**
 * Sandboxes of bubblewrap: namespaces, a seccomp filter and control groups around the host's own programs, for machines without an
 * engine. An image's name is accepted and means nothing: what is seen is the host's /usr, read-only.
 */
export class BubblewrapDriver implements SandboxDriver {
  readonly kind = 'process';
  readonly #options: BubblewrapOptions;
  readonly #searchPath: string;
  readonly #runRoot: string;
  readonly #volumes: Volumes;
  #groups: Promise<ControlGroups | { readonly missing: string }> | undefined;
  #obstacle: Promise<string | undefined> | undefined;
  /** The version that has passed the self-test. */
  #proven: string | undefined;

  constructor(options: BubblewrapOptions) {
    this.#options = options;
    this.#volumes = new Volumes(options.stateDir);
    this.#searchPath = options.searchPath ?? process.env['PATH'] ?? '';
    this.#runRoot = join(options.runDir ?? defaultRunDir(), tagOf(options.stateDir));
  }

  async status(signal?: AbortSignal): Promise<DriverStatus> {
    const groups = await this.#findGroups();
    const limitsAre = groups instanceof ControlGroups ? 'hard' : 'soft';
    const missing = (detail: string): DriverStatus => ({ kind: 'process', available: false, limitsAre, detail });
    if (process.platform !== 'linux') return missing('process sandboxes need Linux: use containers here');
    const init = await this.#options.init.obtainable(signal);
    if (!init.ok) return missing(init.detail);
    try {
      const ground = await this.#ground();
      // A machine that could does not forget how; one that could not may have been helped since.
      this.#proven ??= await prove(ground, signal);
      const held = groups instanceof ControlGroups ? `limits are held by control groups (version ${groups.version})` : `limits are soft: ${groups.missing}`;
      const obstacle = await this.#findObstacle(ground);
      const files = obstacle === undefined ? 'the number of files is held' : `the number of files is held by memory alone: ${obstacle}`;
      const workspace = this.#volumes.missing === undefined ? 'lie on disk' : `lie in memory all the same, and are cut to it, for want of volumes: ${this.#volumes.missing}`;
      return { kind: 'process', available: true, limitsAre, detail: `${this.#proven}; ${this.#describeTools()}; ${held}; ${files}; workspaces larger than memory ${workspace}; ${init.detail}` };
    } catch (error) {
      if (signal?.aborted === true) throw cancelled('asking for the state of bubblewrap', signal);
      return missing(describeError(error));
    }
  }

  async identity(_spec: SandboxSpec, signal?: AbortSignal): Promise<SandboxIdentity> {
    const [ground, init] = await Promise.all([this.#ground(), this.#options.init.path(signal)]);
    // init's path holds the hash of its source.
    return { image: 'host', made: [ground.bwrap, init].join(' ') };
  }

  async create(spec: SandboxSpec, signal?: AbortSignal): Promise<Sandbox> {
    const [ground, init] = await Promise.all([this.#ground(), this.#options.init.path(signal)]);
    if (signal?.aborted === true) throw cancelled('opening a sandbox', signal);
    const mounts = (await this.#findObstacle(ground)) === undefined;
    const place = await Place.make(ground, spec);
    const keeper = new Keeper({
      ...place.launch(init),
      program: place.command(INIT, { init: SELF, mounts }),
      socket: place.folder.socket,
      ttlSeconds: Math.ceil(spec.graceMs / 1000) + KEEPER_SLACK_S,
    });
    let complaints = '';
    const guest = this.#guest(place, (attaching) => keeper.connect(attaching));
    const destroy = (): Promise<void> => {
      // They stand in a folder that is about to go.
      complaints = keeper.complaints();
      return place.remove();
    };
    try {
      return await GuestSandbox.open({ ...guest, destroy }, signal);
    } catch (error) {
      // bubblewrap knows best why there was no hello.
      if (!(error instanceof GloveboxError) || error.code !== 'sandbox_start_failed' || error.message.includes(complaints)) throw error;
      throw new GloveboxError(error.code, `${error.message}: ${complaints}`, { cause: error });
    }
  }

  async list(): Promise<readonly LiveSandbox[]> {
    if (process.platform !== 'linux') return [];
    const groups = await this.#findGroups();
    const ground = { runRoot: this.#runRoot, groups: groups instanceof ControlGroups ? groups : undefined };
    const kept = new Set(keptIds(this.#runRoot));
    const states = SandboxState.list(this.#options.stateDir).states.filter(({ id, kind }) => kind === 'process' && kept.has(id));
    return Promise.all(states.map(async (state) => liveSandbox(state, (await recordedRemains(state, ground).group?.freezer?.isFrozen()) === true)));
  }

  async adopt(id: SandboxId, signal?: AbortSignal): Promise<Sandbox> {
    const ground = await this.#ground();
    const state = SandboxState.read(ground.stateDir, id);
    if (state.kind !== 'process') throw new GloveboxError('not_found', `${id} is no process sandbox`);
    const place = Place.of(ground, state);
    state.claim(this.#options.ownership.owner);
    await place.freezer?.thaw();
    return GuestSandbox.open({ ...this.#guest(place, (attaching) => connectToKeeper(place.folder.socket, attaching)), adopted: true }, signal);
  }

  async sweep(options: SweepOptions = {}): Promise<readonly string[]> {
    if (process.platform !== 'linux') return [];
    const groups = await this.#findGroups();
    const { stateDir, ownership } = this.#options;
    const removed = await sweepRemains({ stateDir, ownership, runRoot: this.#runRoot, groups: groups instanceof ControlGroups ? groups : undefined, ...options });
    return [...removed, ...(await this.#volumes.sweep(options))];
  }

  #guest(place: Place, connect: Connect): GuestOptions {
    return {
      id: place.id,
      kind: 'process',
      image: 'host',
      limitsAre: place.hasGroup ? 'hard' : 'soft',
      spec: place.state.spec,
      state: place.state,
      env: { PATH, HOME },
      requires: place.hasGroup ? REQUIRED | Feature.memoryEvents | Feature.pidsEvents : REQUIRED,
      writable: WRITABLE,
      processes: place.processes,
      ids: this.#options.ids,
      connect,
      freezer: place.freezer,
      destroy: () => place.remove(),
    };
  }

  /** Errors: `kind_unavailable` with what is missing. */
  async #ground(): Promise<Ground> {
    const { stateDir, ownership, ids, clock } = this.#options;
    const bwrap = program('bwrap', `${this.#searchPath}:${PATH}`, HOW_TO_GET);
    for (const name of ['setpriv', 'prlimit']) program(name, LAUNCH_PATH, 'apt-get install util-linux');
    const groups = await this.#findGroups();
    return { stateDir, ownership, runRoot: this.#runRoot, ids, clock, bwrap, volumes: this.#volumes, groups: groups instanceof ControlGroups ? groups : undefined };
  }

  /** What keeps init from mounting what is writable. Once, too, unless it could not be tried. */
  async #findObstacle(ground: Ground): Promise<string | undefined> {
    this.#obstacle ??= mountingObstacle(ground);
    try {
      return await this.#obstacle;
    } catch (error) {
      this.#obstacle = undefined;
      throw error;
    }
  }

  /** Once: what the kernel lets us do does not change while we run. */
  #findGroups(): Promise<ControlGroups | { readonly missing: string }> {
    this.#groups ??= ControlGroups.find(tagOf(this.#options.stateDir));
    return this.#groups;
  }

  #describeTools(): string {
    const there = TOOLS.filter((name) => findProgram(name, PATH) !== undefined);
    return `commands see the host's own tools, whatever image is named (${there.join(', ') || 'none of the usual ones'})`;
  }
}

function program(name: string, searchPath: string, howToGet: string): string {
  const found = findProgram(name, searchPath);
  if (found === undefined) throw new GloveboxError('kind_unavailable', `${name} is not installed: ${howToGet}`);
  return found;
}

/** The version of a bubblewrap that works here. Errors: `kind_unavailable` with why it does not. */
async function prove(ground: Ground, signal?: AbortSignal): Promise<string> {
  const version = (await run(ground.bwrap, ['--version'], { timeout: VERSION_DEADLINE_MS, signal })).stdout.trim();
  if (isTooOld(version)) throw new GloveboxError('kind_unavailable', `${version} is too old: 0.8 or later is needed`);
  const complaint = await selfTest(ground, signal);
  if (complaint !== undefined) throw new GloveboxError('kind_unavailable', `${version} cannot start a sandbox here: ${complaint}`);
  return version;
}

/** `--disable-userns` came with 0.8. */
function isTooOld(version: string): boolean {
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) === 0 && Number(minor) < 8;
}
