import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import type { Pack } from 'tar-stream';
import { describeError, GloveboxError } from '../../contracts/index.ts';
import { buildOnEngine, type EngineBuild, proxyArguments } from './engine-build.ts';
import { IMAGE_NAMES, ON_DEMAND, readImageSource, type ImageName, type ImageSource } from './image-source.ts';
import { addNodePackages } from './node-packages.ts';
import { pullImage } from './pull-image.ts';

export interface ImageState {
  readonly name: ImageName;
  readonly reference: string;
  /** Built when somebody first asks for it. */
  readonly onDemand: boolean;
  /** Absent: not built yet, or built from another source. */
  readonly built?: { readonly sizeBytes: number; readonly createdAt: Date };
}

export interface BuildOptions {
  /** Each line that the engine prints, with the image that it is about. */
  readonly onProgress?: (name: ImageName, line: string) => void;
  readonly signal?: AbortSignal;
}

/** What every image is made from. */
export const DEBIAN_IMAGE = 'debian:bookworm-slim';

const SOURCES = fileURLToPath(new URL('../../../sandbox-images/', import.meta.url));
const BUILD_DEADLINE_MS = 15 * 60_000;
/** On every image that we built, so that they can be found. */
export const IMAGE_LABEL = 'io.glovebox.image';

/** The images of sandbox-images/ on one engine. An image is known by the hash of its source, so nothing is built twice. */
export class SandboxImages {
  readonly #docker: Docker;
  readonly #root: string;

  constructor(docker: Docker, root: string = SOURCES) {
    this.#docker = docker;
    this.#root = root;
  }

  /** The reference that this version of glovebox builds and uses for one of its own images. */
  async reference(name: ImageName): Promise<string> {
    return (await readImageSource(this.#root, name)).reference;
  }

  async list(signal?: AbortSignal): Promise<ImageState[]> {
    const sources = await Promise.all(IMAGE_NAMES.map((name) => readImageSource(this.#root, name)));
    const present = await this.#listOurs(signal);
    return sources.map(({ name, reference }) => {
      const found = present.find(({ RepoTags }) => RepoTags?.includes(reference));
      const state = { name, reference, onDemand: ON_DEMAND.has(name) };
      return found ? { ...state, built: { sizeBytes: found.Size, createdAt: new Date(found.Created * 1000) } } : state;
    });
  }

  /** Builds what is missing of the named images and of what they start from; `latest` then means this version. */
  async build(names: readonly ImageName[] = IMAGE_NAMES, options: BuildOptions = {}): Promise<void> {
    const sources = await Promise.all(names.map((name) => readImageSource(this.#root, name)));
    const wanted = new Map<string, ImageSource>();
    for (const source of sources) {
      for (const each of lineage(source)) wanted.set(each.name, each);
    }
    for (const source of wanted.values()) {
      if (!(await this.has(source.reference))) await this.#buildOne(source, options);
      await this.#docker.getImage(source.reference).tag({ repo: `glovebox/${source.name}`, tag: 'latest' });
    }
  }

  /** Whether the engine has an image. */
  async has(reference: string): Promise<boolean> {
    try {
      await this.#docker.getImage(reference).inspect();
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw new GloveboxError('engine_failed', `The engine could not look up ${reference}: ${describeError(error)}`, { cause: error });
    }
  }

  /** Pulls the Debian image; false where no registry answers or has it: the caller has another way. */
  async pullDebian(options: BuildOptions = {}): Promise<boolean> {
    return (await pullImage(this.#docker, DEBIAN_IMAGE, options.signal === undefined ? {} : { signal: options.signal })) === undefined;
  }

  async #listOurs(signal: AbortSignal | undefined): Promise<Docker.ImageInfo[]> {
    try {
      return await this.#docker.listImages({ filters: { label: [IMAGE_LABEL] }, ...(signal && { abortSignal: signal }) });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new GloveboxError('engine_failed', `The engine could not list its images: ${describeError(cause)}`, { cause });
    }
  }

  async #buildOne(source: ImageSource, { onProgress, signal }: BuildOptions): Promise<void> {
    const build: EngineBuild = {
      what: `The image ${source.reference}`,
      deadlineMs: BUILD_DEADLINE_MS,
      parameters: {
        t: source.reference,
        // The engine's own network, because an engine without bridge or DNS of its own must still reach Debian's packages.
        networkmode: 'host',
        buildargs: { ...proxyArguments(), ...(source.parent && { BASE: source.parent.reference }) },
        labels: { [IMAGE_LABEL]: source.name },
      },
      fill: (context, deadline) => this.#fillContext(context, source, deadline),
    };
    await buildOnEngine(this.#docker, build, { onLine: (line) => onProgress?.(source.name, line), ...(signal && { signal }) });
  }

  async #fillContext(context: Pack, source: ImageSource, signal: AbortSignal): Promise<void> {
    for (const { path, mode, content } of source.files) context.entry({ name: path, mode, mtime: new Date(0) }, content);
    if (source.name !== 'node') return;
    const { Arch } = await this.#docker.version();
    await addNodePackages(context, source, Arch, signal);
  }
}

/** A source and what it starts from, in the order in which they are built. */
function lineage(source: ImageSource): ImageSource[] {
  return [...(source.parent === undefined ? [] : lineage(source.parent)), source];
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'statusCode' in error && error.statusCode === 404;
}
