import { dirname } from 'node:path';
import type Docker from 'dockerode';
import { GloveboxError } from '../../contracts/index.ts';
import { deadlineSignal, raceSignal } from '../deadline.ts';
import { BuiltImages, type BuildPlan } from './built-images.ts';
import { type Devcontainer, readDevcontainer } from './devcontainer/devcontainer.ts';
import { fillVariables } from './devcontainer/variables.ts';
import type { EngineBuildOptions } from './engine-build.ts';
import { saysFull } from '../full-disk.ts';
import { ENGINE_FULL } from './engine-full.ts';
import { engineReason } from './engine-reason.ts';
import { type ImageRequest, readImageName } from './image-request.ts';
import type { ImageName } from './image-source.ts';
import { SandboxImages } from './images.ts';
import { pullImage } from './pull-image.ts';

/** An image that the engine has. */
export interface PreparedImage {
  /** `sha256:…`: what is meant stays what was found, whatever the name means later. */
  readonly id: string;
  /** What a devcontainer.json wants commands to have. */
  readonly env: Readonly<Record<string, string>>;
}

export interface PrepareOptions extends EngineBuildOptions {
  /** Builds again what is there already, so that what it starts from may be a newer one. */
  readonly again?: boolean;
}

const INSPECT_MS = 10_000;

/** Where the image comes from. */
type Origin = { readonly own: ImageName } | { readonly reference: string } | { readonly plan: BuildPlan };

/** An image that an operator asked for. Nothing is built or fetched before `prepare`, so that policy can be asked first. */
export class ChosenImage {
  /** What policy is asked about: the name, or `build:` and the path of the file that says what is built. No reference can look like the latter. */
  readonly name: string;
  /** Whether a Dockerfile is built for it. */
  readonly isBuilt: boolean;
  /** What was asked for and has no effect. */
  readonly notes: readonly string[];
  readonly #origin: Origin;
  readonly #devcontainer: Devcontainer | undefined;
  readonly #docker: () => Promise<Docker>;

  /** Reads a devcontainer.json where there is one. Errors: `config_invalid` with file, line and column; `usage`. */
  static async of(request: ImageRequest, docker: () => Promise<Docker>): Promise<ChosenImage> {
    const devcontainer = request.kind === 'devcontainer' ? await readDevcontainer(request.path) : undefined;
    return new ChosenImage(originOf(request, devcontainer), devcontainer, docker);
  }

  private constructor(origin: Origin, devcontainer: Devcontainer | undefined, docker: () => Promise<Docker>) {
    this.#origin = origin;
    this.#devcontainer = devcontainer;
    this.#docker = docker;
    this.isBuilt = 'plan' in origin;
    this.notes = devcontainer?.notes ?? [];
    this.name = 'plan' in origin ? `build:${origin.plan.source}` : 'own' in origin ? origin.own : origin.reference;
  }

  /** Builds or pulls what the engine does not have. Errors: `image_missing`, `image_build_failed`, `usage` for a context that cannot be read, `engine_unavailable`. */
  async prepare(options: PrepareOptions = {}): Promise<PreparedImage & { readonly reference: string }> {
    const docker = await this.#docker();
    const reference = await this.#obtain(docker, options);
    const found = await inspect(docker, reference, options.signal);
    if (found === undefined) throw new GloveboxError('image_missing', `the image ${reference} was removed from the engine just now: try again`);
    return { reference, id: found.Id, env: this.#env(found) };
  }

  /** Gives a reference that the engine has. */
  async #obtain(docker: Docker, options: PrepareOptions): Promise<string> {
    const origin = this.#origin;
    if ('plan' in origin) return new BuiltImages(docker).build(origin.plan, options);
    if ('own' in origin) return obtainOwn(docker, origin.own, options);
    if ((await inspect(docker, origin.reference, options.signal)) !== undefined) return origin.reference;
    const reason = isId(origin.reference) ? 'an id names only what is there' : await pullImage(docker, origin.reference, options);
    if (reason === undefined) return origin.reference;
    throw new GloveboxError('image_missing', `the engine does not have the image ${origin.reference}, and could not pull it${saysFull(reason) ? `, because ${ENGINE_FULL}` : ''}: ${reason}`, { details: { image: origin.reference } });
  }

  #env(found: Docker.ImageInspectInfo): Record<string, string> {
    if (this.#devcontainer === undefined) return {};
    const { containerEnv, remoteEnv } = this.#devcontainer;
    const ofImage = Object.fromEntries((found.Config.Env ?? []).map((line) => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)]));
    const ofContainer = fill(containerEnv, ofImage);
    return { ...ofContainer, ...fill(remoteEnv, { ...ofImage, ...ofContainer }) };
  }
}

function originOf(request: ImageRequest, devcontainer: Devcontainer | undefined): Origin {
  if (devcontainer !== undefined && 'path' in request) {
    return 'image' in devcontainer.from ? { reference: ofRegistry(devcontainer.from.image) } : { plan: { source: request.path, ...devcontainer.from } };
  }
  switch (request.kind) {
    case 'own':
      return { own: request.name };
    case 'reference':
      return { reference: request.reference };
    default:
      return { plan: { source: request.path, dockerfile: request.path, context: dirname(request.path) } };
  }
}

/** In a devcontainer.json `python` is the registry's, not ours. */
function ofRegistry(image: string): string {
  const request = readImageName(image);
  return request.kind === 'own' ? `docker.io/library/${image}` : request.reference;
}

async function obtainOwn(docker: Docker, name: ImageName, { onLine, signal }: PrepareOptions): Promise<string> {
  const images = new SandboxImages(docker);
  const reference = await images.reference(name);
  if (!(await images.has(reference))) await images.build([name], { ...(onLine && { onProgress: (_, line) => onLine(line) }), ...(signal && { signal }) });
  return reference;
}

async function inspect(docker: Docker, reference: string, signal: AbortSignal | undefined): Promise<Docker.ImageInspectInfo | undefined> {
  try {
    return await raceSignal(docker.getImage(reference).inspect(), deadlineSignal(INSPECT_MS, signal));
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof Error && 'statusCode' in cause && cause.statusCode === 404) return undefined;
    throw new GloveboxError('engine_failed', `the engine could not look up ${reference}: ${engineReason(cause)}`, { cause });
  }
}

function fill(env: Readonly<Record<string, string>>, container: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, text]) => [name, fillVariables(text, container)]));
}

function isId(reference: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(reference);
}
