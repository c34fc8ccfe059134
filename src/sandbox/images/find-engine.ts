import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { z } from 'zod';

/** What a search for a Docker engine came to. `endpoint` is in the form of DOCKER_HOST. */
export type EngineSearch =
  | { readonly state: 'found'; readonly docker: Docker; readonly endpoint: string }
  /** Something listens there, but this user may not talk to it. */
  | { readonly state: 'denied'; readonly endpoint: string }
  | { readonly state: 'missing'; readonly tried: readonly string[] };

const PING_DEADLINE_MS = 5_000;

const ClientConfig = z.object({ currentContext: z.string().optional() });
const ContextMeta = z.object({ Endpoints: z.object({ docker: z.object({ Host: z.string() }) }) });

/**
 * Finds an engine that answers: DOCKER_HOST and nothing else where it is set; otherwise the docker client's current
 * context, the system's socket, a rootless engine's, Docker Desktop's.
 */
export async function findEngine(env: NodeJS.ProcessEnv = process.env, signal?: AbortSignal): Promise<EngineSearch> {
  const endpoints = env['DOCKER_HOST'] ? [env['DOCKER_HOST']] : await localEndpoints(env);
  let denied: string | undefined;
  for (const endpoint of endpoints) {
    const docker = await connect(endpoint, env);
    const answer = await ping(docker, signal);
    if (answer === 'ok') return { state: 'found', docker, endpoint };
    if (answer === 'denied') denied ??= endpoint;
  }
  return denied === undefined ? { state: 'missing', tried: endpoints } : { state: 'denied', endpoint: denied };
}

async function localEndpoints(env: NodeJS.ProcessEnv): Promise<string[]> {
  const context = await contextEndpoint(env);
  const sockets = [
    '/var/run/docker.sock',
    ...(env['XDG_RUNTIME_DIR'] ? [join(env['XDG_RUNTIME_DIR'], 'docker.sock')] : []),
    join(homedir(), '.docker/run/docker.sock'),
  ];
  return [...new Set([...(context ? [context] : []), ...sockets.map((path) => `unix://${path}`)])];
}

/** Where the docker client's current context points; colima, OrbStack and Docker Desktop set one. */
async function contextEndpoint(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const folder = env['DOCKER_CONFIG'] ?? join(homedir(), '.docker');
  try {
    const name = env['DOCKER_CONTEXT'] ?? ClientConfig.parse(await readJson(join(folder, 'config.json'))).currentContext;
    if (name === undefined || name === 'default') return undefined;
    const digest = createHash('sha256').update(name).digest('hex');
    const meta = ContextMeta.parse(await readJson(join(folder, 'contexts/meta', digest, 'meta.json')));
    // A context over TCP brings certificates of its own; those are what DOCKER_HOST and DOCKER_CERT_PATH are for.
    return meta.Endpoints.docker.Host.startsWith('unix://') ? meta.Endpoints.docker.Host : undefined;
  } catch {
    // No client configuration, or one that this version cannot read: the well-known sockets are tried.
    return undefined;
  }
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}

async function connect(endpoint: string, env: NodeJS.ProcessEnv): Promise<Docker> {
  // Only now: it takes longer to load than most commands to run.
  const { default: Docker } = await import('dockerode');
  // dockerode itself reads DOCKER_HOST with its certificates, and ssh.
  if (endpoint === env['DOCKER_HOST']) return new Docker();
  return new Docker({ socketPath: endpoint.replace(/^unix:\/\//, '') });
}

/** The published types know `ping` without its options. */
interface Pingable {
  ping(options: { abortSignal: AbortSignal }): Promise<unknown>;
}

async function ping(docker: Docker & Pingable, signal: AbortSignal | undefined): Promise<'ok' | 'denied' | 'silent'> {
  try {
    await docker.ping({ abortSignal: AbortSignal.any([AbortSignal.timeout(PING_DEADLINE_MS), ...(signal ? [signal] : [])]) });
    return 'ok';
  } catch (error) {
    signal?.throwIfAborted();
    return error instanceof Error && 'code' in error && error.code === 'EACCES' ? 'denied' : 'silent';
  }
}
