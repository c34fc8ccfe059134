import { GloveboxError } from '../../contracts/index.ts';
import { IMAGE_NAMES } from '../images/index.ts';
import type { ImageName } from '../images/index.ts';
import type { Engine } from './engine.ts';

/** An image that is really there. */
export interface ResolvedImage {
  /** `sha256:…`: what is started is this, whatever the name means a moment later. */
  readonly id: string;
  /** The image's own environment: PATH, and what its programs rely on. */
  readonly env: Readonly<Record<string, string>>;
  /** Folders for which the engine would make a volume without any limit. */
  readonly volumes: readonly string[];
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Finds an image by one of our short names or by any reference that the engine has. Errors: `image_missing`. */
export async function resolveImage(engine: Engine, name: string, ownReference: (name: ImageName) => Promise<string>, signal?: AbortSignal): Promise<ResolvedImage> {
  const own = IMAGE_NAMES.find((candidate) => candidate === name);
  const reference = own === undefined ? name : await ownReference(own);
  const image = await engine.image(reference, signal);
  if (image === undefined) {
    const remedy = own === undefined ? `\`docker pull ${name}\` or build it` : 'run `glovebox images build`';
    throw new GloveboxError('image_missing', `the engine does not have the image ${reference}: ${remedy}`, { details: { image: reference } });
  }
  return { id: image.Id, env: { PATH: DEFAULT_PATH, ...environment(image.Config.Env) }, volumes: Object.keys(image.Config.Volumes ?? {}) };
}

/** The engine's type says that there is always a list; an imported image has none. */
function environment(lines: readonly string[] | null | undefined): Record<string, string> {
  const pairs = (lines ?? []).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
  return Object.fromEntries(pairs.filter(([name]) => name !== ''));
}
