import type Docker from 'dockerode';
import { pack, type Pack } from 'tar-stream';
import { GloveboxError } from '../../contracts/index.ts';
import { BuildLog } from './build-log.ts';
import { saysFull } from '../full-disk.ts';
import { ENGINE_FULL } from './engine-full.ts';
import { engineReason } from './engine-reason.ts';

/** One build on an engine. */
export interface EngineBuild {
  /** What is built, as the error names it. */
  readonly what: string;
  /** What the engine is told besides the context: `t`, `dockerfile`, `labels` … */
  readonly parameters: Docker.ImageBuildOptions;
  readonly deadlineMs: number;
  /** Writes the context; the caller of this finalizes it. */
  readonly fill: (context: Pack, signal: AbortSignal) => Promise<void>;
}

export interface EngineBuildOptions {
  /** Each line that the engine prints. */
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Build steps that fetch packages go through the operator's proxy, as everything else on the machine does. */
const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
const NEEDS_BUILDKIT = /requires BuildKit|unknown flag: (?:mount|link|chmod|parents|exclude|security|network)|unknown instruction/i;

/** Builds with the engine's own builder, from a context that is streamed to it. Errors: `image_build_failed` with the build's last lines; `cancelled` reasons as they come. */
export async function buildOnEngine(docker: Docker, build: EngineBuild, { onLine, signal }: EngineBuildOptions): Promise<void> {
  const deadline = AbortSignal.any([AbortSignal.timeout(build.deadlineMs), ...(signal ? [signal] : [])]);
  const log = new BuildLog((line) => onLine?.(line));
  const context = pack();
  // An entry that fails tells why; the stream of all of them then fails as well, and would end the process.
  context.on('error', () => {});
  try {
    await Promise.all([fill(build, context, deadline), send(docker, build, context, log, deadline)]);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof GloveboxError) throw cause;
    throw failure(build, deadline.aborted ? `it took more than ${build.deadlineMs / 60_000} minutes` : engineReason(cause), log, cause);
  } finally {
    // A context that broke off would leave the engine, and so this process, waiting for the rest of it.
    context.destroy();
  }
  if (log.error !== undefined) throw failure(build, log.error, log);
}

/** The operator's proxies, which every build knows as arguments that are not kept in the image. */
export function proxyArguments(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return Object.fromEntries(PROXY_VARIABLES.flatMap((name) => (env[name] ? [[name, env[name]] as const] : [])));
}

async function fill(build: EngineBuild, context: Pack, signal: AbortSignal): Promise<void> {
  await build.fill(context, signal);
  context.finalize();
}

async function send(docker: Docker, build: EngineBuild, context: Pack, log: BuildLog, abortSignal: AbortSignal): Promise<void> {
  // dockerode only pipes the context, so the stream of tar-stream will do, whatever the types say.
  const answer = await docker.buildImage(context as unknown as NodeJS.ReadableStream, { ...build.parameters, rm: true, forcerm: true, abortSignal });
  await log.read(answer as AsyncIterable<Buffer>);
}

/** What to do about it, where that is known. What a step says of a full disk is not in the engine's reason, which is its exit code. */
function hintFor(reason: string, log: BuildLog): string {
  if (NEEDS_BUILDKIT.test(reason)) return '\nThe engine\'s own builder is used, which does not know what only BuildKit does: build it with `docker build`, and give the image\'s name.';
  return [reason, ...log.lastLines].some(saysFull) ? `\nThe engine has no room for it, because ${ENGINE_FULL}.` : '';
}

function failure(build: EngineBuild, reason: string, log: BuildLog, cause?: unknown): GloveboxError {
  const lines = log.lastLines.map((line) => `  | ${line}`).join('\n');
  const hint = hintFor(reason, log);
  const message = `${build.what} could not be built: ${reason}${hint}${lines && `\nThe build's last lines:\n${lines}`}`;
  return new GloveboxError('image_build_failed', message, { cause });
}
