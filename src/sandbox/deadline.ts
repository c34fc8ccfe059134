import { GloveboxError } from '../contracts/index.ts';

/** A signal that fires at the deadline, or when the caller's own does. */
export function deadlineSignal(milliseconds: number, signal?: AbortSignal): AbortSignal {
  const deadline = AbortSignal.timeout(milliseconds);
  return signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
}

/** What the caller's cancellation becomes. */
export function cancelled(what: string, signal: AbortSignal): GloveboxError {
  return new GloveboxError('cancelled', `${what} was cancelled`, { cause: signal.reason });
}

/** The promise's outcome, or the signal's reason if that comes first; the listener goes with either. */
export function raceSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined);
    return Promise.reject(asError(signal.reason));
  }
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(asError(signal.reason));
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
