import { describeError, GloveboxError } from '../contracts/index.ts';
import { cancelled } from './cancellation.ts';
import type { ScratchRepository } from './object-store.ts';
import type { Login } from './operator-login.ts';
import type { FetchProtocol } from './repository-source.ts';
import { quoted } from './tree-path.ts';

/** What a transfer may need to know of the operator's network. Nothing else of their environment is passed on. */
const PROXIES = ['http_proxy', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY'];
const NETWORK_VARIABLES = [...PROXIES, 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO'];
const SILENCE_MS = 60_000;

export interface RemoteOptions {
  readonly protocols: readonly FetchProtocol[];
  /** The operator's. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly login?: Login | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** git could not do with another machine what it was to do. */
export class RemoteFailure extends GloveboxError {
  /** What git said, in one line. */
  readonly words: string;

  constructor(url: string, cause: unknown) {
    const words = describeError(cause).trim().replaceAll(/[\p{Cc}\s]+/gu, ' ').slice(0, 500);
    super('repository_invalid', `${quoted(url)} could not be reached as it was to be: ${words}`, { cause });
    this.words = words;
  }
}

/**
 * Runs git against another machine. simple-git, because here and nowhere else a user's text reaches git's command line: it refuses options
 * and transports that run programs. Errors: `RemoteFailure`, `cancelled`.
 */
export async function remoteGit(scratch: ScratchRepository, url: string, args: readonly string[], { protocols, environment, login, signal }: RemoteOptions): Promise<string> {
  const env = { ...scratch.environment, ...pick(environment), ...loginOf(url, login), GIT_ALLOW_PROTOCOL: protocols.join(':') };
  // They are refused because they can open things; here they close them, and say who comes.
  const unsafe = { allowUnsafeConfigPaths: true, allowUnsafeProtocolOverride: true, allowUnsafeConfigEnvCount: true };
  try {
    const { simpleGit } = await import('simple-git');
    const git = simpleGit({ baseDir: scratch.directory, timeout: { block: SILENCE_MS }, allowEnvironment: Object.keys(env), unsafe, ...(signal === undefined ? {} : { abort: signal }) });
    return await git.env(env).raw([...args]);
  } catch (cause) {
    if (signal?.aborted === true) throw cancelled(signal);
    throw new RemoteFailure(url, cause);
  }
}

/** By the environment: arguments are everybody's to read. Bound to the host, and never taken along to another. */
function loginOf(url: string, login: Login | undefined): Record<string, string> {
  if (login === undefined) return {};
  const basic = Buffer.from(`${login.username}:${login.password}`).toString('base64');
  return configured({ [`http.${new URL('/', url).href}.extraHeader`]: `Authorization: Basic ${basic}`, 'http.followRedirects': 'false' });
}

function configured(settings: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(settings);
  const lines = entries.flatMap(([key, value], index) => [[`GIT_CONFIG_KEY_${index}`, key], [`GIT_CONFIG_VALUE_${index}`, value]]);
  return { GIT_CONFIG_COUNT: String(entries.length), ...Object.fromEntries(lines) };
}

function pick(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(NETWORK_VARIABLES.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])));
}
