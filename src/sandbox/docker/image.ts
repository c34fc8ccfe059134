import { GloveboxError } from '../../contracts/index.ts';
import type { CommandId, Sandbox } from '../../contracts/index.ts';
import { IMAGE_NAMES } from '../images/index.ts';
import type { ImageName } from '../images/index.ts';
import type { Engine } from './engine.ts';

/** An image that is really there. */
export interface ResolvedImage {
  /** The name by which the engine has it. */
  readonly reference: string;
  /** `sha256:…`: what is started is this, whatever the name means a moment later. */
  readonly id: string;
  /** `name@sha256:…`, where the engine had it from a registry. */
  readonly digests: readonly string[];
  /** The architecture that its programs are for, where the engine has another. */
  readonly foreign: string | undefined;
  /** The image's own environment: PATH, and what its programs rely on. */
  readonly env: Readonly<Record<string, string>>;
  /** Folders for which the engine would make a volume without any limit. */
  readonly volumes: readonly string[];
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Finds an image by one of our short names or by any reference that the engine has. Errors: `image_missing`, `image_unusable`. */
export async function resolveImage(engine: Engine, name: string, ownReference: (name: ImageName) => Promise<string>, signal?: AbortSignal): Promise<ResolvedImage> {
  const own = IMAGE_NAMES.find((candidate) => candidate === name);
  const reference = own === undefined ? name : await ownReference(own);
  const image = await engine.image(reference, signal).catch((error: unknown) => {
    throw imageError(reference, error);
  });
  if (image === undefined) {
    const remedy = own === undefined ? `\`docker pull ${name}\` or build it` : 'run `glovebox images build`';
    throw new GloveboxError('image_missing', `the engine does not have the image ${reference}: ${remedy}`, { details: { image: reference } });
  }
  if (image.Os !== 'linux') throw new GloveboxError('image_unusable', `the image ${reference} is for ${image.Os}, and sandboxes are Linux`, { details: { image: reference } });
  return {
    reference,
    id: image.Id,
    digests: image.RepoDigests ?? [],
    foreign: isForeign(image.Architecture, (await engine.info(signal)).Architecture) ? image.Architecture : undefined,
    env: { PATH: DEFAULT_PATH, ...environment(image.Config.Env) },
    volumes: Object.keys(image.Config.Volumes ?? {}),
  };
}

/** The engine's type says that there is always a list; an imported image has none. */
function environment(lines: readonly string[] | null | undefined): Record<string, string> {
  const set = (lines ?? []).filter((line) => line.indexOf('=') > 0);
  return Object.fromEntries(set.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const));
}

/** What kernels call themselves, and what images are called that they run. Where it is not known, it is tried. */
const RUNS: Readonly<Record<string, readonly string[]>> = { x86_64: ['amd64', '386'], aarch64: ['arm64', 'arm'] };

function isForeign(image: string, engine: string): boolean {
  return image !== '' && RUNS[engine]?.includes(image) === false;
}

/** How an engine says that it cannot find or mount a layer of an image that it believes to have. */
const DAMAGED = /error creating overlay mount|layer does not exist|failed to (?:mount|get) .*layer|failed to get image/i;

/** What creating a container or looking for its image failed with, in other words where it is the image: somebody removed it since we looked, or it is not whole. */
export function imageError(name: string, error: unknown): unknown {
  if (!(error instanceof GloveboxError)) return error;
  const options = { cause: error, details: { image: name } };
  if (/no such image/i.test(error.message)) return new GloveboxError('image_missing', `the image ${name} was removed from the engine just now: build or pull it again`, options);
  if (!DAMAGED.test(error.message)) return error;
  return new GloveboxError('image_unusable', `what the engine has of the image ${name} seems to be damaged: remove it (\`docker image rm --force ${name}\`), and build or pull it again (${error.message})`, options);
}

const TRIAL_MS = 10_000;

/** Some engines emulate other architectures: only a program tells. Destroys a sandbox where none can run. Errors: `image_unusable`. */
export async function tryForeign(sandbox: Sandbox, { image, architecture, engine, id }: { image: string; architecture: string; engine: string; id: CommandId }): Promise<void> {
  const trial = sandbox.exec({ id, argv: ['/bin/sh', '-c', ':'], cwd: '/', limits: { wallMs: TRIAL_MS, outputBytes: 1024 } });
  const end = await trial.end;
  // An image without a shell has other programs, each of which says so itself.
  if (end.startError !== 'ENOEXEC') return;
  await sandbox.destroy();
  throw new GloveboxError('image_unusable', `the image ${image} is for ${architecture}, and this engine runs ${engine} programs: get it for that platform (\`docker pull --platform\`)`, { details: { image } });
}
