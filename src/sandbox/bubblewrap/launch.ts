import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { GloveboxError } from '../../contracts/index.ts';
import { INIT_DESCRIPTOR } from './bubblewrap-arguments.ts';
import type { UnprivilegedUser } from './unprivileged-user.ts';

export interface Launch {
  /** Whom to become; undefined: we are unprivileged already. */
  readonly user: UnprivilegedUser | undefined;
  /** `cgroup.procs` files to enter first. */
  readonly entrances: readonly string[];
  readonly openFiles: number;
  /** What a process may allocate; only where no group holds them all to something better. */
  readonly dataBytes?: number;
  readonly program: readonly string[];
  /** The file of a volume, and where it is to be mounted. The file's name goes then. Root's alone. */
  readonly volume?: { readonly image: string; readonly target: string } | undefined;
  /** The file that bubblewrap makes init from. */
  readonly init: string;
  /** Where complaints go. */
  readonly log: string;
}

/**
 * Enters the groups, then becomes the program: the same process, so that nothing ever runs outside. It is root's until the last
 * exec, and what it is told is only ours: paths and numbers.
 */
const SCRIPT = 'set -e; n=$1; shift; while [ "$n" -gt 0 ]; do echo "$$" > "$1"; shift; n=$((n - 1)); done; exec "$@"';
/**
 * In a mount namespace of its own, which ends with the last process in it: so the volume is unmounted, its loop device let go and its space given
 * back by the kernel, whoever is left to do it.
 */
const MOUNT = 'set -e; mount -t ext4 -o loop,nodev,nosuid,noatime,noinit_itable "$1" "$2"; rm "$1"; shift 2; exec "$@"';
/** Where the programs of a launch are looked for, whatever our own PATH is: one of them runs as root. */
export const LAUNCH_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
/** Init holds four descriptors a command for itself; what a command may open is set for each. */
const OWN_OPEN_FILES = 4096;

/** Arguments that start a program with its limits, as its user, in its groups. Never as root. */
export function launchArguments(launch: Omit<Launch, 'init' | 'log'>, ourUid = process.geteuid?.(), openFilesMax: number = openFilesLimit()): string[] {
  const { user, entrances, openFiles, dataBytes, volume, program } = launch;
  // bubblewrap would map the sandbox's user to the host's root, who may write to /proc/sys: a test once overwrote the host's core_pattern.
  if ((user?.uid ?? ourUid) === 0) throw new GloveboxError('internal', 'bubblewrap is never started as root: this is a mistake in glovebox');
  const descriptors = Math.min(Math.max(openFiles, OWN_OPEN_FILES), openFilesMax);
  return [
    '/bin/sh', '-c', SCRIPT, 'launch', String(entrances.length), ...entrances,
    ...(volume === undefined ? [] : ['unshare', '--mount', '--propagation', 'private', '--', '/bin/sh', '-c', MOUNT, 'mount', volume.image, volume.target]),
    'prlimit', '--core=0', `--nofile=${descriptors}`, ...(dataBytes === undefined ? [] : [`--data=${dataBytes}`]), '--',
    'setpriv', '--no-new-privs', ...(user === undefined ? [] : becoming(user)), '--',
    ...program,
  ];
}

/** Starts a program that outlives us, with an empty environment and a session of its own. */
export function launch(options: Launch): ChildProcess {
  const [program = '', ...rest] = launchArguments(options);
  const files = [openSync(options.init, 'r'), openSync(options.log, 'a', 0o644)] as const;
  const [init, log] = files;
  try {
    const stdio: (number | 'ignore')[] = ['ignore', 'ignore', log];
    stdio[INIT_DESCRIPTOR] = init;
    return spawn(program, rest, { stdio, detached: true, cwd: '/', env: { PATH: LAUNCH_PATH } });
  } finally {
    for (const file of files) closeSync(file);
  }
}

function becoming({ uid, gid }: UnprivilegedUser): string[] {
  return [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--bounding-set=-all', '--inh-caps=-all'];
}

/** More than our own hard limit cannot be had. */
function openFilesLimit(): number {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return hard === undefined ? Number.MAX_SAFE_INTEGER : Number(hard);
}
