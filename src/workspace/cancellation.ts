import { GloveboxError } from '../contracts/index.ts';

export function cancelled(signal: AbortSignal | undefined): GloveboxError {
  return new GloveboxError('cancelled', 'cancelled while the workspace was at work', { cause: signal?.reason });
}

export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled(signal);
}
