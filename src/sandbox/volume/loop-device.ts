import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEADLINE_MS, ENVIRONMENT, run } from './volume-image.ts';

const BLOCK_DEVICES = '/sys/block';

/** Makes a block device of a file. */
export async function attachLoop(file: string): Promise<string> {
  const { stdout } = await losetup('--find', '--show', file);
  const device = stdout.trim();
  // Else each page is kept twice. Not every file system can, and it works without.
  await losetup('--direct-io=on', device).catch(() => undefined);
  return device;
}

/** Lets a device go: at once when nobody uses it, else the kernel does when the last mount is gone, whoever lives then. */
export async function releaseLoop(device: string): Promise<void> {
  await losetup('--detach', device);
}

/** Devices whose file has this path. */
export async function loopsOf(file: string): Promise<string[]> {
  const names = (await readdir(BLOCK_DEVICES)).filter((name) => name.startsWith('loop'));
  const found = await Promise.all(names.map(async (name) => ((await backingFile(name)) === file ? [`/dev/${name}`] : [])));
  return found.flat();
}

async function backingFile(name: string): Promise<string | undefined> {
  try {
    return (await readFile(join(BLOCK_DEVICES, name, 'loop', 'backing_file'), 'utf8')).trim();
  } catch {
    // Free, or let go while we looked.
    return undefined;
  }
}

function losetup(...options: string[]): Promise<{ stdout: string }> {
  return run('losetup', options, { timeout: DEADLINE_MS, env: ENVIRONMENT });
}
