import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { extract, type Pack } from 'tar-stream';
import { z } from 'zod';
import { describeError, GloveboxError } from '../../contracts/index.ts';
import type { ImageSource } from './image-source.ts';

const run = promisify(execFile);

/** The engine's name of an architecture, and the npm registry's. */
const ARCHITECTURES: Readonly<Record<string, string>> = { amd64: 'x64', arm64: 'arm64' };

const Versions = z.object({ node: z.string(), npm: z.string() });
const Packed = z.array(z.object({ filename: z.string() })).length(1);

/**
 * Adds `node/` and `npm/` to a build context: the packages that `packages.json` names, fetched by the operator's own
 * npm client, so that a private registry, a proxy or a mirror works as it does for everything else.
 */
export async function addNodePackages(pack: Pack, source: ImageSource, engineArchitecture: string, signal: AbortSignal): Promise<void> {
  const architecture = ARCHITECTURES[engineArchitecture];
  if (architecture === undefined) {
    throw new GloveboxError(
      'image_build_failed',
      `There is no Node for the engine's architecture, ${engineArchitecture}. Use an image of your own.`,
    );
  }
  const file = source.files.find(({ path }) => path === 'packages.json');
  const versions = Versions.parse(JSON.parse(file?.content.toString('utf8') ?? '{}'));
  const folder = await mkdtemp(join(tmpdir(), 'glovebox-node-image-'));
  try {
    await addPackage(pack, 'node', await fetchPackage(`node-linux-${architecture}@${versions.node}`, folder, signal));
    await addPackage(pack, 'npm', await fetchPackage(`npm@${versions.npm}`, folder, signal));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fetchPackage(spec: string, folder: string, signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await run('npm', ['pack', spec, '--json', '--pack-destination', folder], { cwd: folder, signal });
    const [packed] = Packed.parse(JSON.parse(stdout));
    return join(folder, packed?.filename ?? '');
  } catch (cause) {
    signal.throwIfAborted();
    throw new GloveboxError('image_build_failed', `npm could not fetch ${spec}: ${describeError(cause)}`, { cause });
  }
}

/** Copies the files of a package; owner and time are left out, so that the same package makes the same layer. */
async function addPackage(pack: Pack, target: string, tarball: string): Promise<void> {
  const unpacked = extract();
  const copying = async (): Promise<void> => {
    for await (const entry of unpacked) {
      const { name, size, mode, type } = entry.header;
      if (type !== 'file' || size === undefined) {
        entry.resume();
        continue;
      }
      const header = { name: name.replace(/^[^/]+/, target), size, mode: (mode ?? 0) & 0o100 ? 0o755 : 0o644, mtime: new Date(0) };
      await pipeline(entry, pack.entry(header));
    }
  };
  await Promise.all([pipeline(createReadStream(tarball), createGunzip(), unpacked), copying()]);
}
