import { type BigIntStats, constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { describeError, GloveboxError } from '../contracts/index.ts';
import { MAX_POLICY_BYTES } from './document/read-yaml.ts';

/** What was read, by file: a version of it, or that there was none. */
export type Versions = Map<string, string>;

const ABSENT = 'absent';

/** Another one after every change, whether it was written or renamed. */
export async function versionOf(file: string): Promise<string> {
  try {
    return stamp(await stat(file, { bigint: true }));
  } catch (error) {
    return isAbsent(error) ? ABSENT : describeError(error);
  }
}

function stamp({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [ino, size, mtimeNs, ctimeNs].join(' ');
}

/** A policy's file, or that of its tests; undefined where there is none of that name. `versions` is told which it was. Errors: `policy_invalid`. */
export async function readBounded(file: string, versions?: Versions): Promise<string | undefined> {
  try {
    // Opening a pipe would wait for whoever writes to it.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await handle.stat({ bigint: true });
    versions?.set(file, stamp(stats));
    if (stats.isDirectory()) return undefined;
    if (!stats.isFile()) throw new GloveboxError('policy_invalid', `${file}: expected a file`, { details: { file } });
    const size = Number(stats.size);
    if (size > MAX_POLICY_BYTES) {
      throw new GloveboxError('policy_invalid', `${file}: expected at most ${MAX_POLICY_BYTES} bytes, found ${size}`, { details: { file } });
    }
    const bytes = Buffer.alloc(size);
    const { bytesRead } = await handle.read(bytes, 0, size, 0);
    return bytes.toString('utf8', 0, bytesRead);
  } catch (error) {
    if (isAbsent(error)) {
      versions?.set(file, ABSENT);
      return undefined;
    }
    if (versions?.has(file) === false) versions.set(file, await versionOf(file));
    if (error instanceof GloveboxError) throw error;
    throw new GloveboxError('policy_invalid', `${file}: cannot be read: ${describeError(error)}`, { cause: error, details: { file } });
  }
}

export function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
