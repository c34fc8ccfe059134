import { GloveboxError } from '../contracts/index.ts';

const CODES = new Set(['ENOSPC', 'EDQUOT']);
/** Programs only print it. */
const WORDS = /no space left on device|disk quota exceeded/i;

/** What failed with something in one of our folders, in words that say what to do where its disk is full; any other error as it is. */
export function unlessFull(error: unknown, folder: string): unknown {
  if (!isFull(error)) return error;
  return new GloveboxError('disk_full', `there is no room left on the disk of ${folder}: make some, and try again`, { cause: error });
}

function isFull(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof GloveboxError) return false;
  const { code, stderr } = error as { code?: unknown; stderr?: unknown };
  return (typeof code === 'string' && CODES.has(code)) || WORDS.test(`${error.message} ${typeof stderr === 'string' ? stderr : ''}`);
}
