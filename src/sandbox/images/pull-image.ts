import type Docker from 'dockerode';
import { BuildLog } from './build-log.ts';
import type { EngineBuildOptions } from './engine-build.ts';
import { engineReason } from './engine-reason.ts';

const PULL_DEADLINE_MS = 5 * 60_000;
/** A registry that can be reached says something within this time. */
const FIRST_WORD_MS = 15_000;

/** Has the engine pull an image; gives the reason where it could not, for which the caller may have a remedy. Only a cancellation is thrown. */
export async function pullImage(docker: Docker, reference: string, options: EngineBuildOptions & { firstWordMs?: number } = {}): Promise<string | undefined> {
  const { onLine, signal, firstWordMs = FIRST_WORD_MS } = options;
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), firstWordMs);
  const tooLong = AbortSignal.timeout(PULL_DEADLINE_MS);
  const deadline = AbortSignal.any([silence.signal, tooLong, ...(signal ? [signal] : [])]);
  const log = new BuildLog((line) => {
    clearTimeout(timer);
    onLine?.(line);
  });
  try {
    await log.read((await docker.pull(withTag(reference), { abortSignal: deadline })) as AsyncIterable<Buffer>);
    return log.error;
  } catch (error) {
    signal?.throwIfAborted();
    if (silence.signal.aborted) return `its registry said nothing within ${firstWordMs / 1000} s`;
    if (tooLong.aborted) return `it took more than ${PULL_DEADLINE_MS / 60_000} minutes`;
    return engineReason(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Without a tag an engine may pull every one that there is. */
function withTag(reference: string): string {
  return /[:@][^/]*$/.test(reference) ? reference : `${reference}:latest`;
}
