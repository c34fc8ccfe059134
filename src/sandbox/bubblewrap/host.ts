import { accessSync, constants, existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { HostView } from './bubblewrap-arguments.ts';

/** This machine as it is. */
export const thisHost: HostView = {
  exists: existsSync,
  names: (folder) => {
    try {
      return readdirSync(folder);
    } catch {
      // A host without it has nothing in it to share.
      return [];
    }
  },
  linkTarget: (path) => {
    try {
      return readlinkSync(path);
    } catch {
      // EINVAL: no link. ENOENT: nothing there, which is no link either.
      return undefined;
    }
  },
};

/** The program of that name in a search path. */
export function findProgram(name: string, searchPath: string): string | undefined {
  return searchPath
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** What stands in the way of unprivileged user namespaces, as far as the kernel says; each with what to do about it. */
export function namespaceObstacles(read: (file: string) => string | undefined = readIfThere): string[] {
  const obstacles = [
    ['/proc/sys/kernel/unprivileged_userns_clone', '0', 'sysctl -w kernel.unprivileged_userns_clone=1'],
    ['/proc/sys/user/max_user_namespaces', '0', 'sysctl -w user.max_user_namespaces=15000'],
    [
      '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
      '1',
      'give bwrap an AppArmor profile with "userns," (Ubuntu: apt-get install apparmor-profiles, then enable bwrap-userns-restrict), or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
    ],
  ] as const;
  return obstacles.filter(([file, bad]) => read(file)?.trim() === bad).map(([file, bad, cure]) => `${file} is ${bad}: ${cure}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
