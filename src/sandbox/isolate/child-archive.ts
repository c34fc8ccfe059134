import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { childParts } from './launch.ts';

/** Of isolated-vm only what a sandbox on Linux with our own version of node can load; sources, declarations and tools of no part are of use there. */
const WANTED = /\.[cm]?[jt]s$|\/package\.json$|^package\.json$/;
const ADDON = new RegExp(`/linux-[^/]+/[^/]+\\.abi${process.versions.modules}\\.[^/]*node$`);

/** Node itself, for a place whose own is another. */
export const NODE_NAME = 'node';

interface ArchiveFile {
  readonly name: string;
  readonly from: string;
}

/** The program of a child as a tar stream, to be unpacked where `copiedProgram` looks for it. */
export async function* childArchive(options: { readonly withNode: boolean }): AsyncIterable<Uint8Array> {
  const archive = pack();
  const filling = fill(archive, options.withNode);
  // The reader hears of it.
  filling.catch((error: unknown) => archive.destroy(error instanceof Error ? error : new Error(String(error))));
  yield* archive as AsyncIterable<Buffer>;
  await filling;
}

/** Of the node that runs us. */
export async function nodeBytes(): Promise<number> {
  return (await stat(process.execPath)).size;
}

async function fill(archive: ReturnType<typeof pack>, withNode: boolean): Promise<void> {
  for (const { name, from } of await files()) archive.entry({ name, mode: 0o444 }, await readFile(from));
  if (withNode) await pipeline(createReadStream(process.execPath), archive.entry({ name: NODE_NAME, mode: 0o555, size: await nodeBytes() }));
  archive.finalize();
}

async function files(): Promise<readonly ArchiveFile[]> {
  const found = await Promise.all(
    childParts().map(async ({ from, to }) => {
      if ((await stat(from)).isFile()) return [{ name: to, from }];
      const entries = await readdir(from, { recursive: true });
      return entries.map((entry) => ({ name: `${to}/${entry}`, from: join(from, entry) }));
    }),
  );
  return found.flat().filter(({ name }) => (WANTED.test(name) && !name.endsWith('.d.ts')) || ADDON.test(name));
}
