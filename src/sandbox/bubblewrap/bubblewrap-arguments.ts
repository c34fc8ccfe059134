import type { SandboxLimits } from '../../contracts/index.ts';
import { WORKSPACE } from '../../contracts/index.ts';
import { HOST_ETC, HOST_ETC_VERSIONED } from './etc-files.ts';
import { writablePlaces } from '../writable-places.ts';

export const HOST_NAME = 'sandbox';
/** Where init lies in every sandbox. */
export const INIT = '/.glovebox/init';
/** The descriptor that bubblewrap inherits, reads init from, and closes. */
export const INIT_DESCRIPTOR = 3;

/** What the host looks like, as far as it matters here; asked for once, so that the rest is a pure function. */
export interface HostView {
  exists(path: string): boolean;
  /** Names in a folder. */
  names(folder: string): readonly string[];
  /** The target of a symbolic link; undefined for anything else. */
  linkTarget(path: string): string | undefined;
}

/** Merged into /usr on every current distribution, and directories of their own on old ones. */
const ROOT_NAMES = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
/** Configuration in /usr, which may hold registries' tokens and proxies' passwords: global npmrc, gitconfig and the like. */
const HIDDEN = ['/usr/etc', '/usr/local/etc'];
/** As container engines mask them. Most do not exist everywhere, and /proc takes no new names: what is missing is left out. */
const HIDDEN_PROC_FILES = ['interrupts', 'kcore', 'key-users', 'keys', 'latency_stats', 'sched_debug', 'sysrq-trigger', 'timer_list', 'timer_stats'];
const HIDDEN_PROC_FOLDERS = ['acpi', 'asound', 'bus', 'driver', 'fs', 'irq', 'scsi', 'tty'];
const NOTHING_BYTES = 4096;

export interface SandboxView {
  /** The folder with the sandbox's own /etc files, and their names. */
  readonly etc: string;
  readonly etcFiles: readonly string[];
  readonly limits: SandboxLimits;
  /** It stays in the network namespace in which bwrap is started, which is as empty as one of its own. */
  readonly network: boolean;
  /** Where writable places are mounted already, by their path inside. The others are made by bubblewrap, which cannot say how many files they may have. */
  readonly mounted: Readonly<Record<string, string>>;
  /** Files of the sandbox's control group, and where init looks for them. */
  readonly counters: readonly { readonly from: string; readonly to: string }[];
}

/**
 * Arguments of bwrap for one sandbox, without the program to run.
 * In order: bubblewrap does one after the other, and what is mounted later hides what was mounted before.
 */
export function bubblewrapArguments(sandbox: SandboxView, host: HostView): string[] {
  return [
    ...isolation(),
    ...(sandbox.network ? ['--share-net'] : []),
    ...programs(host),
    ...etc(sandbox, host),
    ...proc(host),
    '--dev', '/dev',
    ...writable(sandbox),
    ...sandbox.counters.flatMap(({ from, to }) => ['--ro-bind', from, to]),
    '--dir', '/run',
    '--dir', '/var',
    '--symlink', '../tmp', '/var/tmp',
    '--perms', '0555', '--ro-bind-data', String(INIT_DESCRIPTOR), INIT,
    // Last, because nothing can be made in them afterwards. What is mounted in them stays as it is.
    '--remount-ro', '/dev',
    '--remount-ro', '/',
    '--chdir', WORKSPACE,
  ];
}

/** The seccomp filter is init's, which is in force before any command exists; a hello without it is a failed start. */
function isolation(): string[] {
  return [
    // bwrap only tries a user namespace with --unshare-all, and would go on without one.
    '--unshare-all', '--unshare-user', '--disable-userns',
    '--die-with-parent', '--new-session', '--as-pid-1',
    '--cap-drop', 'ALL',
    '--hostname', HOST_NAME,
    '--clearenv',
  ];
}

function programs(host: HostView): string[] {
  const roots = ROOT_NAMES.flatMap((path) => {
    const target = host.linkTarget(path);
    if (target !== undefined) return ['--symlink', target, path];
    return host.exists(path) ? ['--ro-bind', path, path] : [];
  });
  return ['--ro-bind', '/usr', '/usr', ...roots, ...HIDDEN.filter((path) => host.exists(path)).flatMap(emptyFolder)];
}

function etc(sandbox: SandboxView, host: HostView): string[] {
  const versioned = host.names('/etc').filter((name) => HOST_ETC_VERSIONED.test(name));
  const names = [...HOST_ETC.filter((name) => host.exists(`/etc/${name}`)), ...versioned];
  const shared = names.flatMap((name) => ['--ro-bind', `/etc/${name}`, `/etc/${name}`]);
  const own = sandbox.etcFiles.flatMap((name) => ['--ro-bind', `${sandbox.etc}/${name}`, `/etc/${name}`]);
  return ['--dir', '/etc', ...shared, ...own];
}

function proc(host: HostView): string[] {
  const there = (name: string): boolean => host.exists(`/proc/${name}`);
  return [
    '--proc', '/proc',
    // The host's own, because bubblewrap cannot bind what it has just mounted. Its values are read through the reader's namespaces.
    '--ro-bind', '/proc/sys', '/proc/sys',
    // A device node in a mount without devices: it cannot be opened.
    ...HIDDEN_PROC_FILES.filter(there).flatMap((name) => ['--ro-bind', '/dev/null', `/proc/${name}`]),
    ...HIDDEN_PROC_FOLDERS.filter(there).flatMap((name) => emptyFolder(`/proc/${name}`)),
  ];
}

function writable({ limits, mounted }: SandboxView): string[] {
  const places = writablePlaces(limits).flatMap(({ path, mode, sizeBytes }) => {
    const source = mounted[path];
    return source === undefined ? ['--perms', mode, '--size', String(sizeBytes), '--tmpfs', path] : ['--bind', source, path];
  });
  return ['--dir', '/home', ...places];
}

function emptyFolder(path: string): string[] {
  return ['--size', String(NOTHING_BYTES), '--tmpfs', path, '--remount-ro', path];
}
