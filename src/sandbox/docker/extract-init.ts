import { extract } from 'tar-stream';
import { GloveboxError, type Ownership } from '../../contracts/index.ts';
import type { Engine } from './engine.ts';
import { INIT_FOLDER } from './init-volume.ts';
import { Label } from './labels.ts';

/** init is about a megabyte. */
const MAX_BYTES = 16 * 2 ** 20;

/**
 * The program out of an image that holds nothing else, for sandboxes that no engine starts; undefined where there is no engine, or none that has
 * the image.
 */
export async function extractInit(engine: Engine, ownership: Ownership, reference: string, signal?: AbortSignal, program: 'init' | 'probe' = 'init'): Promise<Buffer | undefined> {
  const image = await engine.image(reference, signal).catch((error: unknown) => {
    if (error instanceof GloveboxError && error.code === 'engine_unavailable') return undefined;
    throw error;
  });
  if (image === undefined) return undefined;
  const path = `${INIT_FOLDER}/${program}`;
  const name = `glovebox-${program}-extract-${process.pid}-${Date.now().toString(36)}`;
  try {
    await engine.create({ name, Image: image.Id, Cmd: [path], Labels: { [Label.init]: name, [Label.owner]: ownership.name }, HostConfig: { NetworkMode: 'none' } });
    return await onlyFile(await engine.archive(name, path, signal), signal);
  } finally {
    await engine.remove(name);
  }
}

async function onlyFile(tar: AsyncIterable<Buffer>, signal?: AbortSignal): Promise<Buffer> {
  const unpacking = extract({});
  unpacking.end(await collect(tar, signal));
  for await (const entry of unpacking) {
    if (entry.header.type === 'file') return await collect(entry as AsyncIterable<Buffer>, signal);
  }
  throw new GloveboxError('engine_failed', 'the image has no program');
}

async function collect(stream: AsyncIterable<Buffer>, signal?: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const bytes of stream) {
    signal?.throwIfAborted();
    length += bytes.length;
    if (length > MAX_BYTES) throw new GloveboxError('engine_failed', 'the image holds something that is far too large to be its program');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
