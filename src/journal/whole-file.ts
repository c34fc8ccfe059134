import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { unlessMissing } from '../contracts/index.ts';

/** Written beside, synced, renamed over: a reader sees all of it or nothing. The folder is the caller's to sync. */
export async function writeWhole(file: string, bytes: Buffer | string): Promise<void> {
  const beside = `${file}.${randomUUID()}.new`;
  try {
    await using handle = await open(beside, 'wx', 0o600);
    await handle.writeFile(bytes);
    await handle.sync();
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

export async function sync(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}

export function readIfThere(file: string): Promise<Buffer | undefined> {
  return unlessMissing(readFile(file));
}
