import { GloveboxError } from '../contracts/index.ts';

const CODES = new Set(['ENOSPC', 'EDQUOT']);
/** How kernels say it, and programs, engines and storage drivers after them. */
const WORDS = /no space left on device|disk quota exceeded/i;

/** Whether a disk is full, by what somebody said who did not do something. */
export function saysFull(reason: string): boolean {
  return WORDS.test(reason);
}

/** What failed with something in one of our folders, in words that say what to do where its disk is full; any other error as it is. */
export function unlessFull(error: unknown, folder: string): unknown {
  if (!isFull(error)) return error;
  return new GloveboxError('disk_full', `there is no room left on the disk of ${folder}: make some, and try again`, { cause: error });
}

function isFull(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof GloveboxError) return false;
  const { code, stderr } = error as { code?: unknown; stderr?: unknown };
  return (typeof code === 'string' && CODES.has(code)) || saysFull(`${error.message} ${typeof stderr === 'string' ? stderr : ''}`);
}
