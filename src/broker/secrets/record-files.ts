import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unlessMissing, whileLocked } from '../../contracts/index.ts';

/** What a folder of records has; nothing where it is not there yet. */
export async function recordsIn(folder: string): Promise<string[]> {
  return ((await unlessMissing(readdir(folder))) ?? []).filter((name) => name.endsWith('.json'));
}

/** For us alone to read; whole or not at all, and there after a power cut. Makes the folder that it is in. */
export async function writeRecord(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.new`;
  try {
    const handle = await open(beside, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/** Of what is in a folder of records: others who ask wait. Errors: `deadline`, and those of the work. */
export function whileNobodyWrites<T>(folder: string, work: () => Promise<T>): Promise<T> {
  return whileLocked(join(folder, '.lock'), work);
}
