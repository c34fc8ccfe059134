import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import { pack, type Pack } from 'tar-stream';
import { describeError, GloveboxError } from '../../contracts/index.ts';
import { BuildLog } from './build-log.ts';
import { IMAGE_NAMES, readImageSource, type ImageName, type ImageSource } from './image-source.ts';
import { addNodePackages } from './node-packages.ts';

export interface ImageState {
  readonly name: ImageName;
  readonly reference: string;
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
const PULL_DEADLINE_MS = 5 * 60_000;
/** A registry that can be reached says something within this time. */
const PULL_FIRST_WORD_MS = 20_000;
/** Build steps that fetch packages go through the operator's proxy, as everything else on the machine does. */
const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];

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
      return found ? { name, reference, built: { sizeBytes: found.Size, createdAt: new Date(found.Created * 1000) } } : { name, reference };
    });
  }

  /** Builds what is missing of the named images and of what they start from; `latest` then means this version. */
  async build(names: readonly ImageName[] = IMAGE_NAMES, options: BuildOptions = {}): Promise<void> {
    const sources = await Promise.all(names.map((name) => readImageSource(this.#root, name)));
    const wanted = new Map<string, ImageSource>();
    for (const source of sources) {
      for (const each of [source.parent, source]) if (each) wanted.set(each.name, each);
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

  /** Pulls the Debian image; false where no registry answers or has it. */
  async pullDebian(options: BuildOptions = {}): Promise<boolean> {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(), PULL_FIRST_WORD_MS);
    const deadline = AbortSignal.any([silence.signal, AbortSignal.timeout(PULL_DEADLINE_MS), ...(options.signal ? [options.signal] : [])]);
    const log = new BuildLog(() => clearTimeout(timer));
    try {
      await log.read((await this.#docker.pull(DEBIAN_IMAGE, { abortSignal: deadline })) as AsyncIterable<Buffer>);
      return log.error === undefined;
    } catch {
      // Whatever the reason, the caller has another way; only a cancellation is final.
      options.signal?.throwIfAborted();
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  async #listOurs(signal: AbortSignal | undefined): Promise<Docker.ImageInfo[]> {
    try {
      return await this.#docker.listImages({ filters: { label: ['io.glovebox.image'] }, ...(signal && { abortSignal: signal }) });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new GloveboxError('engine_failed', `The engine could not list its images: ${describeError(cause)}`, { cause });
    }
  }

  async #buildOne(source: ImageSource, { onProgress, signal }: BuildOptions): Promise<void> {
    const deadline = AbortSignal.any([AbortSignal.timeout(BUILD_DEADLINE_MS), ...(signal ? [signal] : [])]);
    const log = new BuildLog((line) => onProgress?.(source.name, line));
    const context = pack();
    try {
      const filling = this.#fillContext(context, source, deadline);
      await Promise.all([filling, this.#runBuild(context, source, log, deadline)]);
    } catch (cause) {
      signal?.throwIfAborted();
      throw buildFailure(
        source,
        deadline.aborted ? `it took more than ${BUILD_DEADLINE_MS / 60_000} minutes` : describeError(cause),
        log,
        cause,
      );
    } finally {
      context.destroy();
    }
    if (log.error !== undefined) throw buildFailure(source, log.error, log);
  }

  async #runBuild(context: Pack, source: ImageSource, log: BuildLog, signal: AbortSignal): Promise<void> {
    // dockerode only pipes the context, so the stream of tar-stream will do, whatever the types say.
    const answer = await this.#docker.buildImage(context as unknown as NodeJS.ReadableStream, this.#parameters(source, signal));
    await log.read(answer as AsyncIterable<Buffer>);
  }

  async #fillContext(context: Pack, source: ImageSource, signal: AbortSignal): Promise<void> {
    for (const { path, mode, content } of source.files) context.entry({ name: path, mode, mtime: new Date(0) }, content);
    if (source.name === 'node') {
      const { Arch } = await this.#docker.version();
      await addNodePackages(context, source, Arch, signal);
    }
    context.finalize();
  }

  #parameters(source: ImageSource, abortSignal: AbortSignal) {
    const proxies = PROXY_VARIABLES.flatMap((name) => (process.env[name] ? [[name, process.env[name]] as const] : []));
    return {
      t: source.reference,
      // The engine's own network, because an engine without bridge or DNS of its own must still reach Debian's packages.
      networkmode: 'host',
      buildargs: { ...Object.fromEntries(proxies), ...(source.parent && { BASE: source.parent.reference }) },
      labels: { 'io.glovebox.image': source.name },
      rm: true,
      forcerm: true,
      abortSignal,
    };
  }
}

function buildFailure(source: ImageSource, reason: string, log: BuildLog, cause?: unknown): GloveboxError {
  const lines = log.lastLines.map((line) => `  | ${line}`).join('\n');
  const message = `The image ${source.reference} could not be built: ${reason}${lines && `\nThe build's last lines:\n${lines}`}`;
  return new GloveboxError('image_build_failed', message, { cause });
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'statusCode' in error && error.statusCode === 404;
}
