import type { SandboxLimits } from '../contracts/index.ts';
import { HOME, WORKSPACE } from '../contracts/index.ts';

/** What a command may write to; each is a file system of its own. */
export const WRITABLE = [WORKSPACE, '/tmp', HOME, '/dev/shm'] as const;
type WritablePath = (typeof WRITABLE)[number];

const SHARED_MEMORY_BYTES = 16 * 2 ** 20;
/** Files are memory here. A place that may not fill all of it is full before nothing can be started any more, not even `rm`. */
const SHARE_OF_MEMORY = 0.75;

/** How much one of them holds where it lies in memory. */
export interface WritablePlace {
  readonly path: WritablePath;
  /** Octal. */
  readonly mode: string;
  readonly sizeBytes: number;
  readonly inodes: number;
}

/** The workspace has the whole of the limits; scratch and home, which hold caches, half of them each. All of it is memory in the end, and held by that limit, too. */
export function writablePlaces({ diskBytes, memoryBytes, inodes }: Pick<SandboxLimits, 'diskBytes' | 'memoryBytes' | 'inodes'>): readonly WritablePlace[] {
  const whole = Math.min(diskBytes, Math.floor(memoryBytes * SHARE_OF_MEMORY));
  const half = { sizeBytes: Math.ceil(whole / 2), inodes: Math.ceil(inodes / 2) };
  return [
    { path: WORKSPACE, mode: '0700', sizeBytes: whole, inodes },
    { path: '/tmp', mode: '1777', ...half },
    { path: HOME, mode: '0700', ...half },
    { path: '/dev/shm', mode: '1777', ...half, sizeBytes: Math.min(half.sizeBytes, SHARED_MEMORY_BYTES) },
  ];
}

/** The name of a place's folder on the host. */
export function placeName(path: string): string {
  return path.slice(1).replaceAll('/', '-');
}

/** As mount(2) wants it. */
export function tmpfsOptions({ mode, sizeBytes, inodes }: WritablePlace): string {
  return `size=${sizeBytes},nr_inodes=${inodes},mode=${mode}`;
}
