import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { describeError, GloveboxError } from '../contracts/index.ts';
import { MAX_POLICY_BYTES } from './document/read-yaml.ts';

/** A policy's file, or that of its tests; undefined where there is none of that name. Errors: `policy_invalid`. */
export async function readBounded(file: string): Promise<string | undefined> {
  try {
    // Opening a pipe would wait for whoever writes to it.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await handle.stat();
    if (stat.isDirectory()) return undefined;
    if (!stat.isFile()) throw new GloveboxError('policy_invalid', `${file}: expected a file`, { details: { file } });
    if (stat.size > MAX_POLICY_BYTES) {
      throw new GloveboxError('policy_invalid', `${file}: expected at most ${MAX_POLICY_BYTES} bytes, found ${stat.size}`, { details: { file } });
    }
    const bytes = Buffer.alloc(stat.size);
    const { bytesRead } = await handle.read(bytes, 0, stat.size, 0);
    return bytes.toString('utf8', 0, bytesRead);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    if (error instanceof GloveboxError) throw error;
    throw new GloveboxError('policy_invalid', `${file}: cannot be read: ${describeError(error)}`, { cause: error, details: { file } });
  }
}

export function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
