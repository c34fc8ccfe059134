import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';
import { childParts } from './launch.ts';

/** Declarations and what is there to compile it are of no use to it. */
const WANTED = /(?<!\.d)\.[cm]?[jt]s$|(?:^|\/)package\.json$/;
/** isolated-vm for Linux, by the version of node's binary interface: for every processor and C library. */
const ADDON = /\/linux-[^/]+\/[^/]+\.abi(\d+)\.[^/]*node$/;

/** Node itself, for a place whose own is another. */
export const NODE_NAME = 'node';

interface ArchiveFile {
  readonly name: string;
  readonly from: string;
}

/** Versions of node's binary interface that isolated-vm was built for. */
export async function knownInterfaces(): Promise<ReadonlySet<string>> {
  return new Set((await files()).flatMap(({ name }) => ADDON.exec(name)?.[1] ?? []));
}

/** The program of a child as a tar stream, to be unpacked where `copiedProgram` looks for it. `abi` is the version of the binary interface of the node that is to run it; `withNode` brings that, too. */
export async function* childArchive(options: { readonly abi: string; readonly withNode: boolean }): AsyncIterable<Uint8Array> {
  const { pack } = await import('tar-stream');
  const archive = pack();
  const filling = fill(archive, options);
  // The reader hears of it.
  filling.catch((error: unknown) => archive.destroy(error instanceof Error ? error : new Error(String(error))));
  yield* archive as AsyncIterable<Buffer>;
  await filling;
}

/** Of the node that runs us. */
export async function nodeBytes(): Promise<number> {
  return (await stat(process.execPath)).size;
}

async function fill(archive: Pack, { abi, withNode }: { readonly abi: string; readonly withNode: boolean }): Promise<void> {
  for (const { name, from } of await files()) {
    const addonFor = ADDON.exec(name)?.[1];
    if (addonFor === undefined || addonFor === abi) archive.entry({ name, mode: 0o444 }, await readFile(from));
  }
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
  return found.flat().filter(({ name }) => WANTED.test(name) || ADDON.test(name));
}
