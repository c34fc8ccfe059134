import { pack } from 'tar-stream';
import type { Header } from 'tar-stream';

/** One entry of an archive, as hostile as need be. */
export type ArchiveEntry = Pick<Header, 'name'> & Partial<Pick<Header, 'type' | 'linkname' | 'devmajor' | 'devminor'>> & { readonly content?: string };

/** A tar stream of just these entries. */
export async function* archiveOf(entries: readonly ArchiveEntry[]): AsyncIterable<Uint8Array> {
  const archive = pack();
  for (const { content, ...header } of entries) archive.entry({ mode: 0o644, ...header }, content ?? '');
  archive.finalize();
  yield* archive as AsyncIterable<Buffer>;
}
