import { constants } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';

/** A file that was opened as data: a regular one, and no link was followed in its last component. */
export interface DataFile extends AsyncDisposable {
  readonly handle: FileHandle;
  readonly sizeBytes: number;
}

/**
 * Opens a file of a repository for reading. What lies there may be a link out of it, a FIFO that would block for ever or a
 * device: those are `undefined`, as is what does not exist. Other failures throw the system's error.
 */
export async function openDataFile(path: string): Promise<DataFile | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(errorCode(error))) return undefined;
    throw error;
  }
  const found = await handle.stat();
  if (found.isFile()) return { handle, sizeBytes: found.size, [Symbol.asyncDispose]: () => handle.close() };
  await handle.close();
  return undefined;
}

/** A small file's bytes; undefined where there is no regular file, or a larger one. */
export async function readDataFile(path: string, maxBytes: number): Promise<Buffer | undefined> {
  const file = await openDataFile(path);
  if (file === undefined) return undefined;
  await using _ = file;
  return file.sizeBytes <= maxBytes ? await file.handle.readFile() : undefined;
}

/** `ENOENT` and the like; empty for what is no system error. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
