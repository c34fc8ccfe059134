import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { ChangedText, CredentialSearch } from '../../contracts/index.ts';

export interface LookedThrough {
  readonly path: string;
  readonly found: readonly { readonly line: number; readonly what: string }[];
}

const here = import.meta.url;
const WORKER = new URL(here.endsWith('.ts') ? './credential-worker.ts' : './credential-worker.js', here);
const MEMORY_MIB = 512;

/** The texts are hostile and the patterns many: those of one patch are matched in a thread of their own, with its own deadline and memory. */
export const newCredentials: CredentialSearch = { newIn };

async function newIn(files: readonly ChangedText[], { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal | undefined }): Promise<readonly string[]> {
  if (files.length === 0) return [];
  signal?.throwIfAborted();
  const looked = new Map<string, LookedThrough['found']>();
  const worker = new Worker(WORKER, { workerData: files, resourceLimits: { maxOldGenerationSizeMb: MEMORY_MIB }, env: {}, stdout: true, stderr: true });
  worker.on('message', ({ path, found }: LookedThrough) => looked.set(path, found));
  const deadline = AbortSignal.timeout(timeoutMs);
  const until = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  let problem = 'there was no time to look through it';
  worker.on('error', () => (problem = 'it could not be looked through'));
  const ended = once(worker, 'exit');
  const stop = (): void => void worker.terminate();
  until.addEventListener('abort', stop, { once: true });
  try {
    await ended;
  } catch {
    // An error of the worker's: `problem` says so, and what it did not get to counts as found.
  } finally {
    until.removeEventListener('abort', stop);
    await worker.terminate();
  }
  signal?.throwIfAborted();
  return files.flatMap(({ path }) => looked.get(path)?.map(({ line, what }) => `${path}:${line} ${what}`) ?? [`${path}: ${problem}`]);
}
