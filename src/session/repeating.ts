import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { GloveboxError } from '../contracts/index.ts';

/** A call whose answer got lost may have been billed, so it is made again only as a call of its own: decided, put aside and charged. */
export const REPEATING = retry(
  handleWhen((error) => error instanceof GloveboxError && error.details['mayRepeat'] === true),
  { maxAttempts: 2, backoff: new ExponentialBackoff({ initialDelay: 500, maxDelay: 10_000 }) },
);
