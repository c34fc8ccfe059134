import type { GitRepository } from './git-repository.ts';

/** From one git directory to another, as a stream: what `revisions` name and exclude. */
export async function sendObjects(from: GitRepository, to: GitRepository, revisions: string, signal?: AbortSignal): Promise<void> {
  await using packing = from.start(['pack-objects', '--revs', '--stdout', '--quiet'], { signal });
  await using unpacking = to.start(['index-pack', '--stdin', '--strict'], { signal });
  await Promise.all([packing.feed(revisions), unpacking.feed(packing.stdout), unpacking.collect(1024)]);
  await packing.end();
  await unpacking.end();
}
