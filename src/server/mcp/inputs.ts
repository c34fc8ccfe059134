import { posix } from 'node:path';
import { z } from 'zod';
import { WORKSPACE } from '../../contracts/index.ts';

/** Words that several tools take. */
export const timeoutMs = z.number().int().positive().max(3_600_000).optional().describe('end it after so long; policy has a limit of its own');
export const path = z.string().min(1).max(4096).describe(`absolute, or in ${WORKSPACE}`);
export const sandbox = z.string().max(64).optional().describe('the id of a sandbox that create_sandbox made; without it, the one that is always there');

export function absolute(file: string): string {
  return posix.resolve(WORKSPACE, file);
}
