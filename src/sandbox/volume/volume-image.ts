import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { SandboxLimits } from '../../contracts/index.ts';

export const run = promisify(execFile);
/** Making one takes milliseconds, whatever its size: nothing of it is written but its beginnings. */
export const DEADLINE_MS = 10_000;
/** Programs of e2fsprogs and util-linux, wherever our own PATH leads. */
export const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

const INODE_BYTES = 256;
const BLOCK_BYTES = 4096;
/** ext4 keeps so many blocks for itself, or a fiftieth where that is less (ext4_calculate_resv_clusters). */
const RESERVED_BLOCKS = 4096;
const RESERVED_SHARE = 1 / 50;
/** Superblocks, group descriptors and bitmaps: two blocks and a little for each 128 MiB. */
const OVERHEAD_BYTES = 2 ** 20;
const OVERHEAD_SHARE = 1 / 1000;

/**
 * Makes a sparse file that holds an empty ext4 of the sandbox's size: so many bytes and inodes can be used, and no more. No journal: after a power
 * cut there is no sandbox either. The root belongs to the sandbox's user. A failure leaves nothing.
 */
export async function makeVolumeImage(file: string, { diskBytes, inodes }: Pick<SandboxLimits, 'diskBytes' | 'inodes'>, uid: number): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    await using handle = await open(file, 'wx', 0o600);
    await handle.truncate(imageBytes(diskBytes, inodes));
    const features = '^has_journal,^resize_inode';
    const extended = `lazy_itable_init=1,nodiscard,root_owner=${uid}:${uid}`;
    const options = ['-q', '-F', '-b', String(BLOCK_BYTES), '-I', String(INODE_BYTES), '-m', '0', '-N', String(inodes), '-O', features, '-E', extended];
    await run('mkfs.ext4', [...options, file], { timeout: DEADLINE_MS, env: ENVIRONMENT });
    await emptyRoot(file);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

/** mkfs cannot be kept from making `lost+found`, and an empty workspace has nothing in it. */
async function emptyRoot(file: string): Promise<void> {
  const debugfs = spawn('debugfs', ['-w', '-f', '-', file], { stdio: ['pipe', 'ignore', 'ignore'], timeout: DEADLINE_MS, env: ENVIRONMENT });
  const exited = once(debugfs, 'exit');
  debugfs.stdin.end('rmdir lost+found\nset_inode_field <2> mode 040700\n');
  const [code] = (await exited) as [number | null];
  if (code !== 0) throw new Error(`debugfs ended with ${code ?? 'a signal'}`);
}

function imageBytes(diskBytes: number, inodes: number): number {
  const content = diskBytes + inodes * INODE_BYTES;
  const reserved = Math.min(RESERVED_BLOCKS * BLOCK_BYTES, content * RESERVED_SHARE);
  return Math.ceil((content + reserved + content * OVERHEAD_SHARE + OVERHEAD_BYTES) / BLOCK_BYTES) * BLOCK_BYTES;
}
