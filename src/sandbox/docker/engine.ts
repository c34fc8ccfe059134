import { BrokenCircuitError, circuitBreaker, type CircuitBreakerPolicy, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import type Docker from 'dockerode';
import type { ContainerCreateOptions, ContainerInfo, ContainerInspectInfo, ImageInspectInfo, VolumeInspectInfo } from 'dockerode';
import { z } from 'zod';
import { describeError, GloveboxError, steadyRest } from '../../contracts/index.ts';
import { saysFull } from '../full-disk.ts';
import { ENGINE_FULL } from '../images/index.ts';
import type { EngineSearch } from '../images/index.ts';
import { cancelled, deadlineSignal, raceSignal } from '../deadline.ts';
import type { Transport } from '../transport.ts';
import { attachedTransport } from './attached-transport.ts';

/** How long an engine is waited for. */
export interface EngineTiming {
  /** For what is asked for and answered at once. */
  readonly quickMs: number;
  /** For creating, starting and removing, which go through the runtime; an old one can hang for minutes. */
  readonly slowMs: number;
  /** One that hangs is left alone for so long. */
  readonly restMs: number;
}

const TIMING: EngineTiming = { quickMs: 10_000, slowMs: 30_000, restMs: 2_000 };
/** After so many deadlines in a row the next calls fail at once, instead of each at its own. Whoever cannot be reached fails at once anyway. */
const FAILURES = 4;
const CONNECTION_ERRORS = new Set(['ECONNREFUSED', 'ENOENT', 'EACCES', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'EHOSTUNREACH', 'ETIMEDOUT']);

/** The part of `docker info` that we act on. */
const infoShape = z.object({
  ID: z.string().optional().default(''),
  ServerVersion: z.string(),
  /** The host's name and kernel release. */
  Name: z.string().optional().default(''),
  KernelVersion: z.string().optional().default(''),
  /** As the kernel names it: `x86_64`. */
  Architecture: z.string().optional().default(''),
  Runtimes: z.record(z.string(), z.unknown()),
  SecurityOptions: z.array(z.string()).nullable().transform((options) => options ?? []),
  MemoryLimit: z.boolean(),
  PidsLimit: z.boolean(),
  CpuCfsQuota: z.boolean(),
});
export type EngineInfo = z.output<typeof infoShape>;

/** The published types know `info` without its options. */
interface Abortable {
  info(options: { abortSignal: AbortSignal }): Promise<unknown>;
}

/**
 * The few things that we ask of a Docker engine. Each call has a deadline; an engine that cannot be reached is `engine_unavailable`, and what it refuses is
 * `engine_failed` with its HTTP status in `details.status`, or `disk_full` where it has no room for it.
 */
export class Engine {
  readonly #search: () => Promise<EngineSearch>;
  #docker: Promise<Docker> | undefined;
  #info: Promise<EngineInfo> | undefined;
  readonly #timing: EngineTiming;
  readonly #breaker: CircuitBreakerPolicy;

  /** The engine is looked for when it is first needed. */
  constructor(search: () => Promise<EngineSearch>, timing: Partial<EngineTiming> = {}) {
    this.#search = search;
    this.#timing = { ...TIMING, ...timing };
    this.#breaker = circuitBreaker(handleWhen(isOverdue), { halfOpenAfter: steadyRest(this.#timing.restMs), breaker: new ConsecutiveBreaker(FAILURES) });
  }

  /** What the engine is; asked once, unless it failed. */
  async info(signal?: AbortSignal): Promise<EngineInfo> {
    // Shared by all who ask, so it is nobody's to cancel.
    this.#info ??= this.#call('describe itself', this.#timing.quickMs, undefined, async (docker, abortSignal) => infoShape.parse(await (docker as Docker & Abortable).info({ abortSignal })));
    this.#info.catch(() => {
      this.#info = undefined;
    });
    if (signal === undefined) return this.#info;
    try {
      return await raceSignal(this.#info, signal);
    } catch (error) {
      throw signal.aborted ? cancelled('asking the engine what it is', signal) : error;
    }
  }

  /** Undefined when the engine does not have it. */
  image(reference: string, signal?: AbortSignal): Promise<ImageInspectInfo | undefined> {
    return this.#find(`look up the image ${reference}`, signal, (docker) => docker.getImage(reference).inspect());
  }

  /** Undefined when there is none of that name. */
  container(name: string, signal?: AbortSignal): Promise<ContainerInspectInfo | undefined> {
    return this.#find(`look up the container ${name}`, signal, (docker, abortSignal) => docker.getContainer(name).inspect({ abortSignal }));
  }

  /** What the engine kept of what it said; undefined where it keeps nothing, or there is none of that name. */
  logs(name: string, signal?: AbortSignal): Promise<Buffer | undefined> {
    return this.#tolerate([404, 500, 501], `read the logs of the container ${name}`, this.#timing.quickMs, signal, (docker, abortSignal) => docker.getContainer(name).logs({ stdout: true, stderr: true, follow: false, abortSignal }));
  }

  /** Undefined when there is none of that name. */
  volume(name: string, signal?: AbortSignal): Promise<VolumeInspectInfo | undefined> {
    return this.#find(`look up the volume ${name}`, signal, (docker, abortSignal) => docker.getVolume(name).inspect({ abortSignal }));
  }

  /** Takes no signal: an engine that was not listened to would create it all the same, and nobody would remove it. */
  async create(options: ContainerCreateOptions & { name: string }): Promise<void> {
    await this.#call(`create the container ${options.name}`, this.#timing.slowMs, undefined, (docker, abortSignal) => docker.createContainer({ ...options, abortSignal }));
  }

  async start(name: string): Promise<void> {
    await this.#call(`start the container ${name}`, this.#timing.slowMs, undefined, (docker, abortSignal) => docker.getContainer(name).start({ abortSignal }));
  }

  /** Takes no signal, as `create`: what was frozen after all must be known to be. */
  async pause(name: string): Promise<void> {
    await this.#call(`pause the container ${name}`, this.#timing.quickMs, undefined, (docker, abortSignal) => docker.getContainer(name).pause({ abortSignal }));
  }

  async unpause(name: string): Promise<void> {
    await this.#call(`unpause the container ${name}`, this.#timing.quickMs, undefined, (docker, abortSignal) => docker.getContainer(name).unpause({ abortSignal }));
  }

  /** One connection with stdin, stdout and stderr. It outlives the signal, which is for the attaching alone. */
  attach(name: string, signal?: AbortSignal): Promise<Transport> {
    return this.#call(`attach to the container ${name}`, this.#timing.quickMs, signal, async (docker, abortSignal) => {
      const attaching = new AbortController();
      const abort = (): void => attaching.abort(abortSignal.reason);
      abortSignal.addEventListener('abort', abort, { once: true });
      try {
        const how = { stream: true, stdin: true, stdout: true, stderr: true, hijack: true, abortSignal: attaching.signal };
        return attachedTransport(await docker.getContainer(name).attach(how));
      } finally {
        abortSignal.removeEventListener('abort', abort);
      }
    });
  }

  /** Resolves when the engine has forgotten it; at once when it never knew it. */
  async removed(name: string, signal: AbortSignal): Promise<void> {
    await this.#tolerate([404], `wait for the end of the container ${name}`, this.#timing.slowMs, signal, (docker, abortSignal) =>
      docker.getContainer(name).wait({ condition: 'removed', abortSignal }),
    );
  }

  /** By force. Somebody else's removal that is under way counts as ours. */
  async remove(name: string, signal?: AbortSignal): Promise<void> {
    await this.#tolerate([404, 409], `remove the container ${name}`, this.#timing.slowMs, signal, (docker, abortSignal) =>
      docker.getContainer(name).remove({ force: true, v: true, abortSignal }),
    );
  }

  /** One file of a container that need not run, as a tar stream. */
  async archive(name: string, path: string, signal?: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const stream = await this.#call(`read ${path} of the container ${name}`, this.#timing.quickMs, signal, (docker, abortSignal) => docker.getContainer(name).getArchive({ path, abortSignal }));
    // The engine's answer is a readable stream of Node's, of which the types know only the older half.
    return stream as AsyncIterable<Buffer>;
  }

  /** False when it is in use, or gone already. */
  async removeVolume(name: string, signal?: AbortSignal): Promise<boolean> {
    const answer = await this.#tolerate([404, 409], `remove the volume ${name}`, this.#timing.quickMs, signal, async (docker, abortSignal) => {
      await docker.getVolume(name).remove({ abortSignal });
      return true;
    });
    return answer ?? false;
  }

  /** Containers in every state that carry all of these labels (`name` or `name=value`). */
  containers(labels: readonly string[], signal?: AbortSignal): Promise<ContainerInfo[]> {
    return this.#call('list containers', this.#timing.quickMs, signal, (docker, abortSignal) => docker.listContainers({ all: true, filters: { label: [...labels] }, abortSignal }));
  }

  async volumes(label: string, signal?: AbortSignal): Promise<readonly { readonly Name: string; readonly CreatedAt?: string; readonly Labels?: Readonly<Record<string, string>> | null }[]> {
    const { Volumes } = await this.#call('list volumes', this.#timing.quickMs, signal, (docker, abortSignal) => docker.listVolumes({ filters: { label: [label] }, abortSignal }));
    return Volumes ?? [];
  }

  /** The client, for what this class does not know: building images. Errors: `engine_unavailable`. */
  client(): Promise<Docker> {
    this.#docker ??= this.#search().then(foundEngine);
    this.#docker.catch(() => {
      this.#docker = undefined;
    });
    return this.#docker;
  }

  #resting(what: string): GloveboxError {
    const seconds = Math.ceil(this.#timing.restMs / 1000);
    const message = `the Docker engine did not answer ${FAILURES} times in a row and was not asked to ${what}: it is asked again within ${seconds} s; \`glovebox doctor\` says more`;
    return new GloveboxError('engine_unavailable', message, { details: { retryAfterSeconds: seconds } });
  }

  #find<T>(what: string, signal: AbortSignal | undefined, ask: (docker: Docker, signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    return this.#tolerate([404], what, this.#timing.quickMs, signal, ask);
  }

  async #tolerate<T>(
    statuses: readonly number[],
    what: string,
    deadlineMs: number,
    signal: AbortSignal | undefined,
    ask: (docker: Docker, signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await this.#call(what, deadlineMs, signal, ask);
    } catch (error) {
      if (error instanceof GloveboxError && statuses.some((status) => status === error.details['status'])) return undefined;
      throw error;
    }
  }

  async #call<T>(what: string, deadlineMs: number, signal: AbortSignal | undefined, ask: (docker: Docker, signal: AbortSignal) => Promise<T>): Promise<T> {
    const deadline = deadlineSignal(deadlineMs, signal);
    const docker = await this.client();
    try {
      // Raced as well: some calls of the client take no signal, and who comes while a silent engine is tried again waits for that.
      return await raceSignal(this.#breaker.execute(() => raceSignal(ask(docker, deadline), deadline).catch(unlessGivenUp(signal))), deadline);
    } catch (error) {
      if (error instanceof BrokenCircuitError) throw this.#resting(what);
      if (signal?.aborted === true) throw new GloveboxError('cancelled', `the engine was asked to ${what}, and that was cancelled`, { cause: error });
      if (deadline.aborted) throw new GloveboxError('engine_failed', `the engine did not ${what} within ${deadlineMs / 1000} s`, { cause: error });
      throw engineError(what, error);
    }
  }
}

/** A caller who gave up, by a deadline of his own, say: that the engine had not answered yet says nothing of it. */
class GivenUp extends Error {}

function unlessGivenUp(signal: AbortSignal | undefined): (error: unknown) => never {
  return (error) => {
    throw signal?.aborted === true ? new GivenUp('the caller gave up', { cause: error }) : error;
  };
}

/** Our own deadline is over. */
function isOverdue(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}

function codeOf(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

function foundEngine(search: EngineSearch): Docker {
  switch (search.state) {
    case 'found':
      return search.docker;
    case 'denied':
      throw new GloveboxError('engine_unavailable', `this user may not talk to the Docker engine at ${search.endpoint}: join the group docker, or set DOCKER_HOST to an engine of yours`);
    case 'missing':
      throw new GloveboxError('engine_unavailable', `no Docker engine answers (tried ${search.tried.join(', ')}): start it, or set DOCKER_HOST; \`glovebox doctor\` says more`);
  }
}

function engineError(what: string, error: unknown): GloveboxError {
  const code = codeOf(error);
  const { statusCode, json } = error as { statusCode?: unknown; json?: { message?: unknown } | null };
  if (typeof statusCode === 'number') {
    const reason = typeof json?.message === 'string' ? json.message : describeError(error);
    const options = { cause: error, details: { status: statusCode } };
    if (saysFull(reason)) return new GloveboxError('disk_full', `the engine could not ${what}, because ${ENGINE_FULL}: ${reason}`, options);
    return new GloveboxError('engine_failed', `the engine could not ${what}: ${reason}`, options);
  }
  if (code !== undefined && CONNECTION_ERRORS.has(code)) {
    return new GloveboxError('engine_unavailable', `the Docker engine went away while it was asked to ${what} (${code}): start it again; \`glovebox doctor\` says more`, { cause: error });
  }
  return new GloveboxError('engine_failed', `the engine could not ${what}: ${describeError(error)}`, { cause: error });
}
