import { randomInt } from 'node:crypto';
import { posix } from 'node:path';
import type { ContainerCreateOptions, HostConfig, MountSettings } from 'dockerode';
import { WORKSPACE } from '../../contracts/index.ts';
import type { SandboxKind, SandboxLimits } from '../../contracts/index.ts';
import { tmpfsOptions, WRITABLE, type WritablePlace, writablePlaces } from '../writable-places.ts';
import type { EngineInfo } from './engine.ts';
import type { ResolvedImage } from './image.ts';
import { INIT_FOLDER } from './init-volume.ts';

/** init holds several descriptors for each command; what a command may open is limited by init. */
const INIT_OPEN_FILES = 4096;
/** runsc counts its own threads: with 32 it hung in `Created`. */
const GVISOR_PIDS = 512;
const GVISOR_OWN_PIDS = 256;

/** Processes of commands, where the engine's limit counts more than them. */
export function processLimit(kind: SandboxKind, limits: SandboxLimits): number | undefined {
  return kind === 'gvisor' ? limits.pids : undefined;
}

/** A uid that no other sandbox has: processes and inotify instances are counted by uid. */
export function randomUid(info: EngineInfo): number {
  // Within a user namespace the engine has 65536 uids at most.
  const mapped = info.SecurityOptions.some((option) => /name=(rootless|userns)/.test(option));
  return mapped ? randomInt(10_000, 60_000) : randomInt(100_000, 2 ** 30);
}

/** What a container is made from. */
interface ContainerPlan {
  readonly kind: SandboxKind;
  readonly image: Pick<ResolvedImage, 'id' | 'volumes'>;
  readonly uid: number;
  readonly limits: SandboxLimits;
  readonly labels: Record<string, string>;
  readonly initVolume: string;
  /** A block device with the workspace's file system; without one it lies in memory. */
  readonly workspaceDevice?: string | undefined;
}

/** A container that holds whatever runs in it: no network, no capability, no way to gain one, nothing writable but sized memory. */
export function createOptions(plan: ContainerPlan): ContainerCreateOptions {
  return {
    Image: plan.image.id,
    Entrypoint: [`${INIT_FOLDER}/init`],
    Cmd: [],
    User: `${plan.uid}:${plan.uid}`,
    WorkingDir: '/',
    Hostname: 'sandbox',
    Healthcheck: { Test: ['NONE'] },
    Labels: plan.labels,
    Tty: false,
    OpenStdin: true,
    // A client that goes away must not end init's stdin: the next one attaches to it.
    StdinOnce: false,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      ...(plan.kind === 'gvisor' ? { Runtime: 'runsc' } : {}),
      AutoRemove: true,
      CapDrop: ['ALL'],
      // The engine's own seccomp profile stays; init adds a filter of its own.
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      NetworkMode: 'none',
      // Else the engine writes the host's resolver and domains into it.
      Dns: ['127.0.0.1'],
      DnsSearch: ['.'],
      IpcMode: 'private',
      LogConfig: { Type: 'none', Config: {} },
      ...limits(plan.kind, plan.limits),
      Tmpfs: { ...imageVolumes(plan), ...tmpfs(plan) },
      Mounts: [
        { Type: 'volume', Source: plan.initVolume, Target: INIT_FOLDER, ReadOnly: true, VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: 'local', Options: {} } } },
        ...(plan.workspaceDevice === undefined ? [] : [workspaceMount(plan.workspaceDevice, plan.labels)]),
      ],
    },
  };
}

function limits(kind: SandboxKind, { cpu, memoryBytes, pids, openFiles }: SandboxLimits): HostConfig {
  const descriptors = Math.max(openFiles, INIT_OPEN_FILES);
  return {
    Memory: memoryBytes,
    MemorySwap: memoryBytes,
    NanoCpus: Math.round(cpu * 1e9),
    PidsLimit: kind === 'gvisor' ? Math.max(GVISOR_PIDS, pids + GVISOR_OWN_PIDS) : pids,
    Ulimits: [
      { Name: 'nofile', Soft: descriptors, Hard: descriptors },
      // Zero would keep dumps from files alone: one that the host's own handler takes is made all the same, but for this one limit (core(5) and fs/coredump.c).
      { Name: 'core', Soft: 1, Hard: 1 },
    ],
  };
}

/** The engine's own shared memory has a size, but as many files as the host has pages for, so it is mounted by us, too. */
function tmpfs({ uid, limits, workspaceDevice }: ContainerPlan): Record<string, string> {
  const inMemory = writablePlaces(limits).filter(({ path }) => path !== WORKSPACE || workspaceDevice === undefined);
  return Object.fromEntries(inMemory.map((place) => [place.path, ownedBy(uid, place)]));
}

function ownedBy(uid: number, place: WritablePlace): string {
  return `rw,exec,nosuid,nodev,${tmpfsOptions(place)},uid=${uid},gid=${uid}`;
}

/** A volume without a name: the engine mounts it when the container starts, and removes it with the container. */
function workspaceMount(device: string, labels: Record<string, string>): MountSettings {
  const options = { type: 'ext4', device, o: 'nodev,nosuid,noatime,noinit_itable' };
  return { Type: 'volume', Source: '', Target: WORKSPACE, VolumeOptions: { NoCopy: true, Labels: labels, DriverConfig: { Name: 'local', Options: options } } };
}

/** An image may ask for volumes, and the engine would give it disk without limit: it gets nothing there, or, inside a folder that can be written, as much as scratch has. */
function imageVolumes({ image, uid, limits }: ContainerPlan): Record<string, string> {
  // As the engine compares them: two spellings of one path would be two mounts.
  const paths = image.volumes.map((path) => posix.resolve('/', path)).filter((path) => path !== INIT_FOLDER);
  const isWithin = (path: string): boolean => WRITABLE.some((folder) => path.startsWith(`${folder}/`));
  const scratch = writablePlaces(limits).find(({ path }) => path === '/tmp');
  return Object.fromEntries(paths.map((path) => [path, scratch !== undefined && isWithin(path) ? ownedBy(uid, { ...scratch, mode: '0700' }) : 'ro,noexec,nosuid,nodev,size=64k,mode=0555']));
}
