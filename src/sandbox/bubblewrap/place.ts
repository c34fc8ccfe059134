import { release } from 'node:os';
import { join } from 'node:path';
import { WORKSPACE } from '../../contracts/index.ts';
import type { Clock, IdSource, SandboxId, SandboxLimits, SandboxSpec } from '../../contracts/index.ts';
import type { FolderOwnership } from '../folder-ownership.ts';
import { unlessFull } from '../full-disk.ts';
import type { Freezer } from '../pause.ts';
import { SandboxState } from '../state.ts';
import { outgrowsMemory } from '../volume/index.ts';
import type { Volumes } from '../volume/index.ts';
import { bubblewrapArguments, HOST_NAME } from './bubblewrap-arguments.ts';
import type { ControlGroups } from './control-groups.ts';
import { ownEtc } from './etc-files.ts';
import { thisHost } from './host.ts';
import type { Launch } from './launch.ts';
import { listProcesses } from './processes.ts';
import { recordedRemains, removeRemains } from './remains.ts';
import type { Remains } from './remains.ts';
import { makeRunFolder } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';
import { freeUser } from './unprivileged-user.ts';
import type { UnprivilegedUser } from './unprivileged-user.ts';
import { placeName, tmpfsOptions, WRITABLE, writablePlaces } from '../writable-places.ts';

/** What this host has to make sandboxes with. */
export interface Ground {
  readonly stateDir: string;
  readonly ownership: FolderOwnership;
  /** Where run folders of this state folder lie. */
  readonly runRoot: string;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly bwrap: string;
  /** Undefined: none can be made here, and limits are soft. */
  readonly groups: ControlGroups | undefined;
  readonly volumes: Volumes;
}

/** From this kernel on, processes are counted by user and user namespace (ucounts), so a sandbox of our own user has a count of its own. */
const COUNTS_BY_NAMESPACE = [5, 14] as const;

/** Runtimes reserve what they never touch, and RLIMIT_DATA counts it: V8 half a gigabyte for its code. So it stops only what runs away. */
const RESERVED_BYTES = 2 ** 30;

/** The first word of init's arguments after its own name: pairs of a folder and its options follow, then `--` and a program. */
const PLACES_FLAG = '--places';
/** Its first argument where the sandbox has a network: a network namespace is made, too, in which every port is everybody's. bubblewrap's own has none below 1024 to give. */
const NETWORK_FLAG = '--network';

/** All that one sandbox has on this host, from its user id to its control group. */
export class Place {
  readonly id: SandboxId;
  readonly state: SandboxState;
  readonly #ground: Ground;
  readonly #remains: Remains;
  #image: string | undefined;

  private constructor(ground: Ground, state: SandboxState) {
    this.id = state.id;
    this.state = state;
    this.#ground = ground;
    this.#remains = recordedRemains(state, ground);
  }

  /** A failure leaves nothing. */
  static async make(ground: Ground, spec: SandboxSpec): Promise<Place> {
    const id = ground.ids.next('sbx');
    // Also because bubblewrap must not be started as root.
    const user = process.getuid?.() === 0 ? freeUser(takenUsers(ground.stateDir)) : undefined;
    const workspaceIs = user !== undefined && outgrowsMemory(spec.limits) && ground.volumes.missing === undefined ? 'disk' : 'memory';
    // Written down before anything is made, so that whoever comes after a crash finds it.
    const state = SandboxState.create(ground.stateDir, {
      id,
      kind: 'process',
      owner: ground.ownership.owner,
      createdMs: ground.clock.now(),
      spec,
      workspaceIs,
      resource: { folder: join(ground.runRoot, id), ...(user && { uid: String(user.uid) }) },
    });
    const place = new Place(ground, state);
    try {
      makeRunFolder(place.folder, user, ownEtc(user ?? ourselves(), HOST_NAME));
      await ground.groups?.create(id, spec.limits);
      if (user !== undefined && workspaceIs === 'disk') place.#image = await ground.volumes.image(id, spec.limits, user.uid);
      return place;
    } catch (error) {
      await place.remove();
      place.state.remove();
      throw unlessFull(error, ground.runRoot);
    }
  }

  /** The place of a sandbox that somebody else made. */
  static of(ground: Ground, state: SandboxState): Place {
    return new Place(ground, state);
  }

  get #limits(): SandboxLimits {
    return this.state.spec.limits;
  }

  get folder(): RunFolder {
    return this.#remains.folder;
  }

  /**
   * bwrap with its arguments, and the program to run in there. `init` is init as a program of the host's: with `mounts` it mounts what is writable, with a
   * number of files (without, bwrap does, and nothing but memory holds their number), and it makes the network of a sandbox that has one.
   */
  command(program: string, host?: { readonly init: string; readonly mounts: boolean }): string[] {
    const network = host !== undefined && this.state.spec.network !== undefined;
    const inMemory = host?.mounts === true ? writablePlaces(this.#limits).filter(({ path }) => !this.#isVolume(path)) : [];
    const mounts = inMemory.flatMap((place) => [this.#on(place.path), tmpfsOptions(place)]);
    const mounted = WRITABLE.filter((path) => this.#isVolume(path) || inMemory.some((place) => place.path === path));
    const view = {
      etc: this.folder.etc,
      etcFiles: thisHost.names(this.folder.etc),
      limits: this.#limits,
      network,
      mounted: Object.fromEntries(mounted.map((path) => [path, this.#on(path)])),
      counters: this.#remains.group?.counters ?? [],
    };
    const bwrap = [this.#ground.bwrap, ...bubblewrapArguments(view, thisHost), '--', program];
    if (host === undefined || (!host.mounts && !network)) return bwrap;
    return [host.init, PLACES_FLAG, ...(network ? [NETWORK_FLAG] : []), ...mounts, '--', ...bwrap];
  }

  #isVolume(path: string): boolean {
    return path === WORKSPACE && this.state.workspaceIs === 'disk';
  }

  /** Where a writable place is mounted on the host. */
  #on(path: string): string {
    return join(this.folder.places, placeName(path));
  }

  /** How to start something as this place's user, within its limits. `init` is the file that appears as init inside. */
  launch(init: string): Omit<Launch, 'program'> {
    const { uid } = this.#remains;
    return {
      user: uid === undefined ? undefined : { uid, gid: uid },
      entrances: this.#remains.group?.entrances ?? [],
      openFiles: this.#limits.openFiles,
      ...(!this.hasGroup && { dataBytes: this.#limits.memoryBytes + RESERVED_BYTES }),
      volume: this.#image === undefined ? undefined : { image: this.#image, target: this.#on(WORKSPACE) },
      init,
      log: this.folder.log,
    };
  }

  /** Whether control groups hold its limits. */
  get hasGroup(): boolean {
    return this.#remains.group !== undefined;
  }

  /** Absent where no control group can freeze it. */
  get freezer(): Freezer | undefined {
    return this.#remains.group?.freezer;
  }

  /** Processes that its user may have, where no group counts them. */
  get processes(): number | undefined {
    const counted = this.#remains.uid !== undefined || countsByNamespace();
    return this.#remains.group === undefined && counted ? this.#limits.pids : undefined;
  }

  /** Resolves when nothing is left but the state. Idempotent. */
  async remove(): Promise<void> {
    await removeRemains(this.#remains);
    if (this.#image !== undefined) await this.#ground.volumes.letGo(this.id);
  }
}

function ourselves(): UnprivilegedUser {
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}

function countsByNamespace(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > COUNTS_BY_NAMESPACE[0] || (major === COUNTS_BY_NAMESPACE[0] && minor >= COUNTS_BY_NAMESPACE[1]);
}

/** Of living sandboxes of this state folder, and of anybody who runs anything now. */
function takenUsers(stateDir: string): Set<number> {
  const recorded = SandboxState.list(stateDir).states.map(({ resource }) => Number(resource['uid']));
  return new Set([...recorded, ...listProcesses().map(({ uid }) => uid)]);
}
