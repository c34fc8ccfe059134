import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describeError } from '../../contracts/index.ts';
import type { SandboxSpec } from '../../contracts/index.ts';
import { deadlineSignal } from '../deadline.ts';
import { INIT } from './bubblewrap-arguments.ts';
import { namespaceObstacles } from './host.ts';
import { launch } from './launch.ts';
import { Place } from './place.ts';
import type { Ground } from './place.ts';

const DEADLINE_MS = 10_000;
const SPEC: SandboxSpec = { image: 'host', graceMs: DEADLINE_MS, limits: { cpu: 1, memoryBytes: 2 ** 26, pids: 16, diskBytes: 2 ** 20, inodes: 64, openFiles: 64 } };
/** Stands in for init: a program that needs nothing but a loader and a library, and ends well. */
const PROGRAM = '/usr/bin/true';
/** What `init --places` does, by programs that are there before init is built. */
const MOUNTING = ['unshare', '--user', '--map-root-user', '--mount', '--', 'mount', '-t', 'tmpfs', '-o', 'nr_inodes=8', 'tmpfs', '/tmp'];

/** Whether a sandbox can really be started here: the same arguments, user and groups as for use. The complaint, or undefined when all is well. */
export async function selfTest(ground: Ground, signal?: AbortSignal): Promise<string | undefined> {
  try {
    const complaint = await runInPlace(ground, (place) => place.command(INIT), signal);
    return complaint === undefined ? undefined : explain(complaint);
  } catch (error) {
    signal?.throwIfAborted();
    return explain(describeError(error));
  }
}

/** Why a sandbox's user cannot mount a file system in memory here, before bubblewrap does; undefined when he can. Rejects when it could not be tried. */
export async function mountingObstacle(ground: Ground): Promise<string | undefined> {
  const complaint = await runInPlace(ground, () => MOUNTING);
  return complaint?.split('\n')[0];
}

/** The complaint of a program that is started as a sandbox is; undefined when it ended well. */
async function runInPlace(ground: Ground, program: (place: Place) => readonly string[], signal?: AbortSignal): Promise<string | undefined> {
  let place: Place | undefined;
  try {
    place = await Place.make(ground, SPEC);
    const child = launch({ ...place.launch(PROGRAM), program: program(place) });
    // Rejects when it cannot be spawned, and when it takes too long.
    const [code] = (await once(child, 'exit', { signal: deadlineSignal(DEADLINE_MS, signal) })) as [number | null];
    return code === 0 ? undefined : readFileSync(place.folder.log, 'utf8').trim() || `it ended with ${code ?? 'a signal'}`;
  } finally {
    await place?.remove();
    place?.state.remove();
  }
}

function explain(complaint: string): string {
  const hints = namespaceObstacles();
  if (complaint.includes("Can't mount proc")) {
    hints.push('in a container, /proc must not be masked (docker run --security-opt systempaths=unconfined)');
  }
  return [complaint, ...hints].join('; ');
}
