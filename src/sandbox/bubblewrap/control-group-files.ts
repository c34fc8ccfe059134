import type { SandboxLimits } from '../../contracts/index.ts';

/** Where the kernel's control groups are mounted. */
export type CgroupMounts =
  | { readonly version: 1; readonly memory: string; readonly pids: string; readonly cpu: string; readonly freezer?: string }
  | { readonly version: 2; readonly root: string };

/** One value for one file of a group's directory. */
export interface GroupFile {
  /** Which hierarchy of version 1; version 2 has only one. */
  readonly controller: 'memory' | 'pids' | 'cpu';
  readonly file: string;
  readonly value: string;
  /** Not on every kernel: swap may not be accounted for. */
  readonly optional?: true;
}

const CPU_PERIOD_US = 100_000;
/** The least that the kernel takes. */
const CPU_QUOTA_LEAST_US = 1_000;
/** The keeper and bubblewrap's own process live in the group and are not the sandbox's. */
const OWN_PROCESSES = 2;

/** Reads /proc/self/mountinfo; undefined where the three controllers that a sandbox needs are not all mounted. */
export function parseCgroupMounts(mountinfo: string): CgroupMounts | undefined {
  const mounts = mountinfo.split('\n').flatMap((line) => {
    const [left, right] = line.split(' - ');
    const path = left?.split(' ')[4];
    const [type, , options] = right?.split(' ') ?? [];
    return path === undefined || type === undefined ? [] : [{ path: unescape(path), type, options: options?.split(',') ?? [] }];
  });
  const of = (controller: string) => mounts.find(({ type, options }) => type === 'cgroup' && options.includes(controller))?.path;
  const [memory, pids, cpu, freezer] = [of('memory'), of('pids'), of('cpu'), of('freezer')];
  if (memory !== undefined && pids !== undefined && cpu !== undefined) return { version: 1, memory, pids, cpu, ...(freezer === undefined ? {} : { freezer }) };
  // Beside version 1 the unified hierarchy has no controllers to give.
  const root = memory === undefined ? mounts.find(({ type }) => type === 'cgroup2')?.path : undefined;
  return root === undefined ? undefined : { version: 2, root };
}

/** Our own place in the unified hierarchy, from /proc/self/cgroup: a path that starts with a slash. */
export function parseOwnGroup(text: string): string | undefined {
  return /^0::(\/.*)$/m.exec(text)?.[1];
}

/** What has to be written to hold a sandbox to its limits. */
export function limitFiles(version: 1 | 2, limits: SandboxLimits): GroupFile[] {
  const memory = String(limits.memoryBytes);
  const pids: GroupFile = { controller: 'pids', file: 'pids.max', value: String(limits.pids + OWN_PROCESSES) };
  const quota = Math.max(CPU_QUOTA_LEAST_US, Math.round(limits.cpu * CPU_PERIOD_US));
  if (version === 2) {
    return [
      { controller: 'memory', file: 'memory.max', value: memory },
      { controller: 'memory', file: 'memory.swap.max', value: '0', optional: true },
      pids,
      { controller: 'cpu', file: 'cpu.max', value: `${quota} ${CPU_PERIOD_US}` },
    ];
  }
  return [
    { controller: 'memory', file: 'memory.limit_in_bytes', value: memory },
    // Memory and swap together, and never below memory alone: so it is written second.
    { controller: 'memory', file: 'memory.memsw.limit_in_bytes', value: memory, optional: true },
    pids,
    { controller: 'cpu', file: 'cpu.cfs_period_us', value: String(CPU_PERIOD_US) },
    { controller: 'cpu', file: 'cpu.cfs_quota_us', value: String(quota) },
  ];
}

/** Spaces and the like stand in octal in mountinfo. */
function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
