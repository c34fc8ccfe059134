import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import type Docker from 'dockerode';
import { describeError, GloveboxError } from '../../contracts/index.ts';
import { deadlineSignal, raceSignal } from '../deadline.ts';
import { BuildContext, type ContextBounds } from './build-context.ts';
import { buildOnEngine, type EngineBuild, type EngineBuildOptions, proxyArguments } from './engine-build.ts';
import { engineReason } from './engine-reason.ts';
import { IMAGE_LABEL } from './images.ts';

/** A Dockerfile of the operator's and what it is built with. Absolute paths. */
export interface BuildPlan {
  /** The file that the operator named: this Dockerfile, or the devcontainer.json that says how to build it. */
  readonly source: string;
  readonly dockerfile: string;
  readonly context: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly target?: string;
}

/** An image that was built from a plan. */
export interface BuiltImage {
  readonly reference: string;
  readonly source: string;
  readonly sizeBytes: number;
  readonly createdAt: Date;
}

const REPOSITORY = 'glovebox/build';
const SOURCE_LABEL = 'io.glovebox.source';
/** Half of a SHA-256: contents are the operator's own, but they are many. */
const HASH_DIGITS = 32;
const DEADLINE_MS = 30 * 60_000;
/** Removing a large image takes the engine a while. */
const ANSWER_MS = 60_000;
/** Changes when what we tell the builder does. */
const RECIPE = 'glovebox-build-1';

/**
 * Images of the operator's own Dockerfiles. Building runs what the Dockerfile says as root, with the network that the engine gives to builds: so
 * only what the operator named is built, never what lies in a repository that somebody brought.
 */
export class BuiltImages {
  readonly #docker: Docker;
  readonly #bounds: ContextBounds | undefined;

  constructor(docker: Docker, bounds?: ContextBounds) {
    this.#docker = docker;
    this.#bounds = bounds;
  }

  /** The reference of the image; built unless the engine has one of the same contents. `again` asks the engine, whose cache then saves what did not change. */
  async build(plan: BuildPlan, options: EngineBuildOptions & { again?: boolean } = {}): Promise<string> {
    const context = await this.#context(plan, options.signal);
    const reference = `${REPOSITORY}:${hashOf(plan, context)}`;
    if (options.again !== true && (await this.#has(reference))) return reference;
    const build: EngineBuild = {
      what: `The image of ${plan.source}`,
      deadlineMs: DEADLINE_MS,
      parameters: {
        t: reference,
        dockerfile: context.dockerfile,
        buildargs: { ...proxyArguments(), ...plan.args },
        labels: { [IMAGE_LABEL]: 'build', [SOURCE_LABEL]: plan.source },
        ...(plan.target === undefined ? {} : { target: plan.target }),
      },
      fill: (pack, signal) => context.fill(pack, signal),
    };
    await buildOnEngine(this.#docker, build, options);
    return reference;
  }

  async list(signal?: AbortSignal): Promise<BuiltImage[]> {
    const found = await this.#ask('list its images', () => this.#docker.listImages({ filters: { label: [`${IMAGE_LABEL}=build`] }, ...(signal && { abortSignal: signal }) }));
    return found.flatMap(({ RepoTags, Labels, Size, Created }) => {
      // An image that somebody else built on one of these has its labels, and names of its own.
      const ours = (RepoTags ?? []).filter((tag) => tag.startsWith(`${REPOSITORY}:`));
      return ours.map((reference) => ({ reference, source: Labels?.[SOURCE_LABEL] ?? '', sizeBytes: Size, createdAt: new Date(Created * 1000) }));
    });
  }

  /** Errors: `usage` for an image that is not one of these; `not_found`; `engine_failed` while something uses it. */
  async remove(reference: string): Promise<void> {
    if (!reference.startsWith(`${REPOSITORY}:`)) throw new GloveboxError('usage', `${reference} was not built from a Dockerfile of yours: \`docker rmi\` removes it`);
    if (!(await this.#has(reference))) throw new GloveboxError('not_found', `there is no image ${reference}; \`glovebox images list\` shows those that are`);
    await this.#ask(`remove ${reference}`, () => this.#docker.getImage(reference).remove());
  }

  async #context({ dockerfile, context, source }: BuildPlan, signal: AbortSignal | undefined): Promise<BuildContext> {
    try {
      const [folder, file] = await Promise.all([realpath(context), realpath(dockerfile)]);
      return await BuildContext.read(folder, file, { ...(signal && { signal }), ...(this.#bounds && { bounds: this.#bounds }) });
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof GloveboxError) throw cause;
      throw new GloveboxError('usage', `what ${source} is built from cannot be read: ${describeError(cause)}`, { cause });
    }
  }

  async #has(reference: string): Promise<boolean> {
    const found = await this.#ask('list its images', () => this.#docker.listImages({ filters: { reference: [reference] } }));
    return found.length > 0;
  }

  async #ask<T>(what: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await raceSignal(ask(), deadlineSignal(ANSWER_MS));
    } catch (cause) {
      throw new GloveboxError('engine_failed', `the engine could not ${what}: ${engineReason(cause)}`, { cause });
    }
  }
}

function hashOf({ args = {}, target = '' }: BuildPlan, context: BuildContext): string {
  const hash = createHash('sha256').update(`${RECIPE}\0${context.hash}\0${target}`);
  for (const [name, value] of Object.entries(args).toSorted(([a], [b]) => (a < b ? -1 : 1))) hash.update(`\0${name}\0${value}`);
  return hash.digest('hex').slice(0, HASH_DIGITS);
}
