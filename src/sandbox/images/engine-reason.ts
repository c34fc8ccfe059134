import { describeError } from '../../contracts/index.ts';

/** What the engine said, without what its client puts in front of it. */
export function engineReason(error: unknown): string {
  return describeError(error)
    .replace(/^\(HTTP code \d+\) .*? - /s, '')
    .trim();
}
